import type { ChainLayer } from '../engine/image/chain.ts';
import type { Storage } from '../engine/ports.ts';
import type { Closed, SalvageChoice, SalvageSource } from '../engine/salvage/source.ts';
import type { FileStorage } from './fileStorage.ts';

/** By what a run is known to be of the same disk as an earlier one: lines of its map, each `WHAT: ITS STATE`. */
export interface SalvageMark {
  /** Of the image itself and the state of the disk that is saved. */
  readonly disk: string;
  /** Of each other file that the disk is read from and that is open. */
  readonly below: readonly string[];
}

/**
 * The mark of a run: the sizes of the files, when they were changed, and the state of the disk. A data file and a backing
 * file change while the image that names them stays what it was. Undefined where nobody can tell that, as of a file of a
 * virtual file system.
 */
export async function salvageMark({
  choice,
  chain,
  dataFileOf,
}: Omit<SalvageSource, 'codecs'>): Promise<SalvageMark | undefined> {
  let disk: string | undefined;
  const below: string[] = [];
  for (const { what, storage } of filesRead(chain.layers, dataFileOf)) {
    const text = await stateText(storage);
    if (text === undefined) {
      return undefined;
    }
    if (what === undefined) {
      disk = `Disk: ${choiceText(choice)}, of an image of ${text}`;
    } else {
      below.push(`${what}: of ${text}`);
    }
  }
  return disk === undefined ? undefined : { disk, below };
}

/** The marks that the map of a run takes down that starts anew. */
export function freshMarks(mark: SalvageMark | undefined): readonly string[] {
  return mark ? [mark.disk, ...mark.below] : [];
}

/**
 * The marks that the map of a run takes down when it goes on from a map with these comments: a file that is not open now
 * was read all the same. Undefined where that map is of another disk, or a file was changed since.
 */
export function marksAfter(comments: readonly string[], { disk, below }: SalvageMark): readonly string[] | undefined {
  if (!comments.includes(disk)) {
    return undefined;
  }
  const now = new Map(below.map((line) => [whatOf(line), line]));
  const earlier = comments.filter((line) => belowPattern.test(line));
  if (earlier.some((line) => (now.get(whatOf(line)) ?? line) !== line)) {
    return undefined;
  }
  return [disk, ...new Set([...below, ...earlier])];
}

/** Which state of the disk it is, in words. */
export function choiceText(choice: SalvageChoice): string {
  switch (choice.from) {
    case 'active':
      return 'active layer';
    case 'snapshot':
      return `entry ${choice.index} of the snapshot table`;
    case 'l1':
      return `L1 table of ${choice.entries} entries at 0x${choice.offset.toString(16)}`;
  }
}

const belowPattern = /^(?:Backing file|Data file at depth) \d+: /;

function whatOf(line: string): string {
  return line.slice(0, line.indexOf(':'));
}

/** The image (`what` is undefined) and all that is open below it, told by their places in the chain. */
function* filesRead(
  layers: readonly ChainLayer[],
  dataFileOf: (layer: ChainLayer) => Storage | Closed,
): Generator<{ what: string | undefined; storage: Storage }> {
  for (const layer of layers) {
    yield { what: layer.depth === 0 ? undefined : `Backing file ${layer.depth}`, storage: layer.storage };
    const dataFile = layer.image?.dataFile ? dataFileOf(layer) : undefined;
    if (dataFile && 'read' in dataFile) {
      yield { what: `Data file at depth ${layer.depth}`, storage: dataFile };
    }
  }
}

async function stateText(file: Storage & Partial<Pick<FileStorage, 'state'>>): Promise<string | undefined> {
  const state = await file.state?.();
  return state && `${state.size} bytes that was changed at ${state.modified} ns`;
}
