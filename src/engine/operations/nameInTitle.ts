import { type Snapshot, snapshotId, snapshotNameBytes } from '../format/snapshots.ts';
import { decodeText } from '../format/text.ts';

/** Letters of a name that a title has at most. */
const mostLetters = 40;

/** The name of a snapshot or a bitmap, given as bytes, as the title of a change has it: a long one is cut. */
export function nameInTitle(name: Uint8Array): string {
  const letters = Array.from(decodeText(name));
  return letters.length > mostLetters ? `${letters.slice(0, mostLetters - 1).join('')}…` : letters.join('');
}

/** Which snapshot a title is about: names need not be unique. */
export function snapshotInTitle(snapshot: Snapshot): string {
  return `'${nameInTitle(snapshotNameBytes(snapshot))}' (ID ${snapshotId(snapshot)})`;
}
