import { type Connection, createClient } from '../src/protocol/client.ts';
import type { FromWebview, ToWebview } from '../src/protocol/messages.ts';
import { newsOf } from '../src/protocol/news.ts';
import { pageCommand } from '../src/protocol/pageCommand.ts';
import { settingsOf } from '../src/protocol/settings.ts';
import { App } from './app.ts';
import { Session } from './session.ts';
import { restore, save } from './state.ts';

/** What VS Code gives to the script of a webview. */
interface VsCodeApi {
  postMessage(message: FromWebview): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();
const post = (message: FromWebview): void => vscode.postMessage(message);

window.addEventListener('error', (event) =>
  post({ type: 'error', message: `${event.message} at ${event.filename}:${event.lineno}` }),
);
window.addEventListener('unhandledrejection', (event) => post({ type: 'error', message: String(event.reason) }));

/** Takes the replies. There is one line at a time: what an earlier one still waits for is not heard any more. */
let hear: (message: unknown) => void = () => undefined;
const connect = (): Connection =>
  createClient(post, (heard) => {
    hear = heard;
  });
const app = new App();
app.session = new Session(connect, post);
app.name = document.title;
app.path = document.documentElement.dataset.path ?? '';
app.state = restore(vscode.getState());
app.addEventListener('first-paint', () => post({ type: 'ready' }));
app.addEventListener('view-state', () => {
  const state = save(app.state);
  vscode.setState(state);
  post({ type: 'state', state });
});
window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
  hear(data);
  const settings = settingsOf(data);
  if (settings !== undefined) {
    app.configure(settings, vscode.getState() === undefined);
  }
  const news = newsOf(data);
  if (news !== undefined) {
    app.session.hear(news);
  }
  if (typeof data === 'object' && data !== null && 'type' in data && data.type === 'chain') {
    app.session.chain.heard();
  }
  if (typeof data === 'object' && data !== null && 'type' in data && data.type === 'show-finding') {
    // Written by our own host: both ends are built together.
    const { code, index } = data as Extract<ToWebview, { type: 'show-finding' }>;
    app.showFinding({ kind: 'check-finding', code, index });
  }
  const command = pageCommand(data);
  if (command !== undefined) {
    app.run(command);
  }
  if (typeof data === 'object' && data !== null && 'type' in data && data.type === 'state' && 'state' in data) {
    // The page's own state is this view's; what the host keeps is that of the last view on the image.
    if (data.state && vscode.getState() === undefined) {
      app.state = restore(data.state);
      vscode.setState(save(app.state));
    }
  }
});
// VS Code hears of these keys and runs their commands; the browser around it must not do something of its own.
window.addEventListener('keydown', (event) => {
  const goesBack = event.altKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight');
  if ((goesBack && !(event.target instanceof HTMLInputElement)) || (event.ctrlKey && event.key === 'g')) {
    event.preventDefault();
  }
});
document.body.append(app);
app.session.open();
