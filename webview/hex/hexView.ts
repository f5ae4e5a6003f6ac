import type { MapSpace } from '../../src/protocol/mapApi.ts';
import type { Image } from '../description.ts';
import { namedSnapshots, snapshotWords } from '../widgets/snapshotChoice.ts';
import type { ByteMark } from './places.ts';

/** What is found again after a reload. */
export interface HexView {
  readonly space: MapSpace;
  readonly cursor: bigint;
  readonly mark: ByteMark | undefined;
  /** The first byte in view. */
  readonly top: bigint;
  /** Address of the selection that was shown. */
  readonly selection: string | undefined;
}

/** The view as text: `host 512 496 512+8 l1-entry:3`, `guest@0 …`. */
export function keepView({ space, cursor, mark, top, selection }: HexView): string {
  const layer = space.snapshot === undefined ? '' : `@${space.snapshot}`;
  const range = mark === undefined ? '-' : `${mark.start}+${mark.length}`;
  return `${space.space}${layer} ${cursor} ${top} ${range} ${selection ?? ''}`;
}

/** The view of a text; undefined where it is none. */
export function keptView(text: string | undefined): HexView | undefined {
  const parts = /^(host|guest)(?:@(\d+))? (\d+) (\d+) (?:-|(\d+)\+(\d+)) (.*)$/s.exec(text ?? '');
  if (parts === null) {
    return undefined;
  }
  const [, name, snapshot, cursor = '0', top = '0', start, length = '0', selection] = parts;
  const layer = snapshot === undefined ? {} : { snapshot: Number(snapshot) };
  return {
    space: name === 'guest' ? { space: 'guest', ...layer } : { space: 'host' },
    cursor: BigInt(cursor),
    top: BigInt(top),
    mark: start === undefined ? undefined : { start: BigInt(start), length: BigInt(length) },
    selection: selection === '' ? undefined : selection,
  };
}

/** Whether both are the same space. */
export function sameSpace(a: MapSpace, b: MapSpace): boolean {
  return a.space === b.space && a.snapshot === b.snapshot;
}

/** The spaces of an image that are offered: the file, the guest's disk, its disk in each listed snapshot, and the one shown. */
export function spacesOf(image: Image, { snapshot: shown }: MapSpace): MapSpace[] {
  if (image.geometry === undefined) {
    return [{ space: 'host' }];
  }
  const snapshots = namedSnapshots(image, shown).map((snapshot) => ({ space: 'guest', snapshot }) as const);
  return [{ space: 'host' }, { space: 'guest' }, ...snapshots];
}

/** A space by name: `File`, `Guest disk`, `Guest disk, snapshot 0: before the upgrade`. */
export function spaceName(image: Image, { space, snapshot }: MapSpace): string {
  if (space === 'host') {
    return 'File';
  }
  return snapshot === undefined ? 'Guest disk, active layer' : `Guest disk, ${snapshotWords(image, snapshot)}`;
}

/** Bytes of a space, as the description says. */
export function spaceSize({ file, geometry, snapshots }: Image, space: MapSpace): bigint {
  if (space.space === 'host') {
    return file.size;
  }
  const now = geometry?.virtualSize ?? 0n;
  return space.snapshot === undefined ? now : (snapshots.items[space.snapshot]?.diskSize ?? now);
}
