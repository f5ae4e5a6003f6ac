import type { MapSpace } from '../../src/protocol/mapApi.ts';
import type { Image } from '../description.ts';
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

/** The spaces of an image by name: the file, the guest's disk, and the disk of each snapshot. */
export function spaceNames(image: Image): { readonly name: string; readonly space: MapSpace }[] {
  if (image.geometry === undefined) {
    return [{ name: 'the file', space: { space: 'host' } }];
  }
  return [
    { name: 'the file', space: { space: 'host' } },
    { name: 'the guest’s disk, active layer', space: { space: 'guest' } },
    ...image.snapshots.items.map(({ id, name }, snapshot) => ({
      name: `the guest’s disk, snapshot ${id} “${name}”`,
      space: { space: 'guest', snapshot } as const,
    })),
  ];
}

/** Bytes of a space, as the description says. */
export function spaceSize({ file, geometry, snapshots }: Image, space: MapSpace): bigint {
  if (space.space === 'host') {
    return file.size;
  }
  const now = geometry?.virtualSize ?? 0n;
  return space.snapshot === undefined ? now : (snapshots.items[space.snapshot]?.diskSize ?? now);
}
