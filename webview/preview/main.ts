import { type FromPreview, toPreview } from '../../src/protocol/changeMessages.ts';
import { PreviewPage } from './page.ts';

/** What VS Code gives to the script of a webview. */
interface VsCodeApi {
  postMessage(message: FromPreview): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();
const tell = (message: FromPreview): void => vscode.postMessage(message);

window.addEventListener('error', (event) =>
  tell({ type: 'error', message: `${event.message} at ${event.filename}:${event.lineno}` }),
);
window.addEventListener('unhandledrejection', (event) => tell({ type: 'error', message: String(event.reason) }));

const page = new PreviewPage();
page.tell = tell;
page.path = document.documentElement.dataset.path ?? '';
window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  const heard = toPreview(data);
  if (heard === undefined) {
    return;
  }
  if ('plan' in heard) {
    page.plan = heard.plan ?? undefined;
  } else if ('stage' in heard) {
    page.stage = heard.stage;
  } else {
    page.take(heard.bytes);
  }
});
document.body.append(page);
tell({ type: 'ready' });
