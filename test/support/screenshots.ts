/** `npm run screenshots`: takes the pictures of the README into media/. The extension must be built. */
import { join } from 'node:path';
import { sampleFolder } from './sampleFolder.ts';
import { takePicture } from './vscode/picture.ts';
import { root, startSession } from './vscode/session.ts';
import { openWindow } from './vscode/window.ts';

/** Name of the picture, sample image, pane. */
const pictures = [
  ['overview', 'snapshots.qcow2', 'overview'],
  ['header', 'v3.qcow2', 'header'],
  ['map', 'v3.qcow2', 'map'],
  ['broken', 'broken-l1-offset.qcow2', 'overview'],
] as const;

const folder = await sampleFolder(console.log);
const session = await startSession();
for (const theme of ['dark', 'light'] as const) {
  const window = await openWindow(session, folder, { theme });
  for (const [name, image, pane] of pictures) {
    const file = join(root, 'media', `${name}-${theme}.png`);
    await takePicture(window, join(folder, image), pane, file);
    console.log(`Saved ${file}`);
  }
  await window.close();
}
await session.stop();
