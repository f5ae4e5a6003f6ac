import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Frame } from 'playwright-core';
import type { Window } from './window.ts';

/** What a picture is to show besides a pane. */
export interface Scene {
  /** What is done in the page before the picture is taken. */
  readonly act?: ((view: Frame, window: Window) => Promise<void>) | undefined;
  /** The part of the window, as a selector; by default all of it. */
  readonly part?: string | undefined;
}

/**
 * Opens an image as the only editor of the window, shows the pane, and saves a picture of the whole window, or a part of
 * it, as PNG. Throws, with the reason, when the page does not get ready or when it or the extension logs an error.
 */
export async function takePicture(
  window: Window,
  image: string,
  pane: string,
  file: string,
  { act, part = 'body' }: Scene = {},
): Promise<void> {
  await window.execute('workbench.action.closeAllEditors');
  try {
    const view = await window.open(image, pane);
    await view.evaluate(() => document.fonts.ready.then(() => undefined));
    await act?.(view, window);
  } catch (error) {
    const said = window.problems().join('\n');
    throw said === '' ? error : new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`);
  }
  await window.execute('notifications.clearAll');
  mkdirSync(dirname(file), { recursive: true });
  await window.page.locator(part).screenshot({ path: file, animations: 'disabled' });
  const problems = window.problems();
  if (problems.length > 0) throw new Error(`${image}, ${pane}: errors were logged\n${problems.join('\n')}`);
}
