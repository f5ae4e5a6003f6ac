import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Window } from './window.ts';

/**
 * Opens an image as the only editor of the window, shows the pane, and saves a picture of the whole window as PNG.
 * Throws, with the reason, when the page does not get ready or when it or the extension logs an error.
 */
export async function takePicture(window: Window, image: string, pane: string, file: string): Promise<void> {
  await window.execute('workbench.action.closeAllEditors');
  try {
    const view = await window.open(image, pane);
    await view.evaluate(() => document.fonts.ready.then(() => undefined));
  } catch (error) {
    const said = window.problems().join('\n');
    throw said === '' ? error : new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`);
  }
  await window.execute('notifications.clearAll');
  mkdirSync(dirname(file), { recursive: true });
  await window.page.screenshot({ path: file, animations: 'disabled' });
  const problems = window.problems();
  if (problems.length > 0) throw new Error(`${image}, ${pane}: errors were logged\n${problems.join('\n')}`);
}
