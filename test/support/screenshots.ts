/** `npm run screenshots`: takes the pictures of the README and the walkthrough into media/. The extension must be built. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { withPalette } from './palettePng.ts';
import { sampleFolder } from './sampleFolder.ts';
import { temporaryFolder } from './vscode/ending.ts';
import { type Scene, takePicture } from './vscode/picture.ts';
import { root, type Session, startSession } from './vscode/session.ts';
import { showPane } from './vscode/view.ts';
import { type Look, openWindow, type Window } from './vscode/window.ts';

interface Picture extends Scene {
  /** Its name in its folder, without the theme. */
  readonly name: string;
  readonly image: string;
  readonly pane: string;
}

/** Types into the `Go to…` dialog. */
async function type(view: Frame, window: Window, text: string): Promise<void> {
  await window.execute('qcow2.inspector.goTo');
  await view.locator('#go-to-text').fill(text);
  await view.locator('#go-to-list [role=option]').first().waitFor();
}

/** Goes to a place, and back to the pane if another one was shown for it. */
function goTo(pane: string, text: string): Picture['act'] {
  return async (view, window) => {
    await type(view, window, text);
    await view.locator('#go-to-text').press('Enter');
    await view.locator('.inspector-title').waitFor();
    await showPane(view, pane);
    await view.waitForFunction(() => document.querySelector('.is-loading, .inspector .progress') === null);
  };
}

/** The first finding of the pane Check, once everything is checked. */
async function selectFirst(view: Frame): Promise<void> {
  await view.getByText('full check').waitFor();
  await view.getByRole('button', { name: 'Next' }).click();
  await view.locator('.inspector-title').waitFor();
}

async function showExplorer(_view: Frame, { execute, page }: Window): Promise<void> {
  await execute('workbench.view.explorer');
  await page.getByRole('treeitem', { name: 'sample.qcow2' }).waitFor();
}

const readme = (folder: string): readonly (Picture & { readonly theme: 'dark' | 'light' })[] => [
  { name: 'map', theme: 'dark', image: join(folder, 'v3.qcow2'), pane: 'map', act: goTo('map', 'cluster 320') },
  { name: 'hex', theme: 'dark', image: join(folder, 'snapshots.qcow2'), pane: 'hex', act: goTo('hex', 'L2[0][16]') },
  {
    name: 'broken',
    theme: 'light',
    image: join(folder, 'broken-overlapping.qcow2'),
    pane: 'check',
    act: selectFirst,
  },
];

const page = '.part.editor';
const walkthrough = (folder: string): readonly Picture[] => [
  { name: 'open', image: join(folder, 'sample.qcow2'), pane: 'overview', act: showExplorer },
  { name: 'overview', image: join(folder, 'broken.qcow2'), pane: 'overview', part: page },
  { name: 'map', image: join(folder, 'sample.qcow2'), pane: 'map', part: page, act: goTo('map', 'cluster 2') },
  {
    name: 'goto',
    image: join(folder, 'sample.qcow2'),
    pane: 'hex',
    part: page,
    act: (view, window) => type(view, window, 'L2[0][1]'),
  },
];

/** The folder that the walkthrough's pictures show. */
function walkthroughFolder(samples: string): string {
  const folder = join(temporaryFolder('walkthrough'), 'images');
  mkdirSync(folder);
  copyFileSync(join(root, 'media/walkthrough/sample.qcow2'), join(folder, 'sample.qcow2'));
  copyFileSync(join(samples, 'broken-overlapping.qcow2'), join(folder, 'broken.qcow2'));
  return folder;
}

/** Takes a picture and saves it with a palette. */
async function take(window: Window, { name, image, pane, act, part }: Picture, where: string, theme: string) {
  const file = join(root, where, `${name}-${theme}.png`);
  await takePicture(window, image, pane, file, { act, part });
  // Those of the walkthrough are in the VSIX.
  const png = withPalette(readFileSync(file), where.includes('walkthrough') ? 16 : 256);
  writeFileSync(file, png);
  console.log(`Saved ${file}, ${png.length} bytes`);
}

async function inWindow(session: Session, folder: string, look: Look, act: (window: Window) => Promise<void>) {
  const window = await openWindow(session, folder, look);
  await act(window);
  await window.close();
}

const folder = await sampleFolder(console.log);
const images = walkthroughFolder(folder);
const session = await startSession();
for (const theme of ['dark', 'light'] as const) {
  await inWindow(session, folder, { theme }, async (window) => {
    for (const one of readme(folder)) if (one.theme === theme) await take(window, one, 'media', theme);
  });
  await inWindow(session, images, { theme, width: 900, height: 680 }, async (window) => {
    for (const one of walkthrough(images)) {
      await take(window, one, 'media/walkthrough', theme);
      await window.execute('workbench.action.closeSidebar');
    }
  });
}
await session.stop();
