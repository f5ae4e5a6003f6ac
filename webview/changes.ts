import { showCount, showSize } from '../src/engine/format/show.ts';
import type { ScanResult } from '../src/protocol/imageApi.ts';
import type { TableChanges } from '../src/protocol/liveApi.ts';
import type { Image, Row } from './description.ts';
import type { Selection } from './selection.ts';
import type { Reading } from './session.ts';
import { guestKinds, guestWords, hostUses, hostWords } from './widgets/kinds.ts';

/** One thing that is another one than before. */
export interface Change {
  /** Such as `header size`. */
  readonly what: string;
  /** Such as `1 GiB → 2 GiB`. */
  readonly how: string;
  /** What shows it. */
  readonly selection?: Selection;
}

/** What differs between two readings of an image, as far as both are known. `tables`: how the L2 tables differ. */
export function changesOf(before: Reading, after: Pick<Reading, 'image' | 'scan'>, tables?: TableChanges): Change[] {
  const [old, now] = [before.image, after.image];
  return [
    ...fileChanges(old, now),
    ...fieldChanges(old, now),
    ...bitChanges(old, now),
    ...pair('backing file', old.backing?.name, now.backing?.name, { kind: 'backing' }),
    ...pair('data file', old.dataFile?.name, now.dataFile?.name, { kind: 'data-file' }),
    ...listChanges('extension', old.extensions.map(keyOfExtension), now.extensions.map(keyOfExtension)),
    ...listChanges('snapshot', old.snapshots.items.map(keyOfNamed), now.snapshots.items.map(keyOfNamed)),
    ...listChanges('bitmap', old.bitmaps.items.map(keyOfNamed), now.bitmaps.items.map(keyOfNamed)),
    ...tableChanges(tables),
    ...(before.scan && after.scan ? scanChanges(now, before.scan, after.scan) : []),
  ];
}

/** The field as it was, where its bytes are other ones now. */
export function fieldBefore(before: Image | undefined, row: Row): Row | undefined {
  const old = before?.header?.fields.find(({ name }) => name === row.name);
  return old && (old.present !== row.present || bytesOf(old.bytes) !== bytesOf(row.bytes)) ? old : undefined;
}

/** Whether a feature bit was set, where it is the other way now. */
export function bitBefore(before: Image | undefined, mask: string, bit: number, set: boolean): boolean | undefined {
  const masks = before?.header?.features;
  const old = masks && (masks.find(({ name }) => name === mask)?.bits.find((one) => one.bit === bit)?.set ?? false);
  return old === undefined || old === set ? undefined : old;
}

/** How the L2 table of an L1 entry of the active layer differs from before, in words; undefined where it does not. */
export function tableChangeWords(tables: TableChanges | undefined, index: number): string | undefined {
  if (tables === undefined) {
    return undefined;
  }
  const { added, removed, changed } = tables;
  if (hasIndex(changed, index)) {
    return 'the L2 table has changed';
  }
  return hasIndex(added, index)
    ? 'the L2 table is new'
    : hasIndex(removed, index)
      ? 'the L2 table has gone'
      : undefined;
}

/** Whether an ascending list has a number. */
function hasIndex(list: Uint32Array, wanted: number): boolean {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if ((list[middle] ?? 0) < wanted) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return list[from] === wanted;
}

/** A difference of bytes in clusters where they are whole: `+4 clusters`, `-512 bytes`. */
export function differenceWords(before: bigint, after: bigint, clusterSize: number): string {
  const difference = after - before;
  const sign = difference < 0n ? '−' : '+';
  const bytes = difference < 0n ? -difference : difference;
  const size = BigInt(clusterSize);
  if (bytes % size !== 0n) {
    return `${sign}${showSize(bytes)}`;
  }
  const clusters = bytes / size;
  return `${sign}${showCount(clusters)} ${clusters === 1n ? 'cluster' : 'clusters'}`;
}

function fileChanges({ file: old }: Image, { file: now }: Image): Change[] {
  return [
    ...pair('file', old.says, now.says),
    ...pair('file size', sizeWords(old.size, now.size), sizeWords(now.size, old.size)),
    ...(old.allocated === undefined || now.allocated === undefined
      ? []
      : pair('on disk', sizeWords(old.allocated, now.allocated), sizeWords(now.allocated, old.allocated))),
  ];
}

/** A size; in bytes where it would read like the other one, which it is not. */
function sizeWords(bytes: bigint, other: bigint): string {
  return bytes !== other && showSize(bytes) === showSize(other) ? `${showCount(bytes)} bytes` : showSize(bytes);
}

/** The masks are told bit by bit. */
function fieldChanges(before: Image, now: Image): Change[] {
  return (now.header?.fields ?? []).flatMap((row) => {
    const old = row.name.endsWith('_features') ? undefined : fieldBefore(before, row);
    const words = (one: Row): string => (row.name === 'size' ? showSize(BigInt(one.value)) : one.shown);
    return old ? pair(`header ${row.name}`, words(old), words(row), { kind: 'field', name: row.name }) : [];
  });
}

function bitChanges(before: Image, now: Image): Change[] {
  const names = (image: Image): Map<string, { mask: string; bit: number; name: string }> =>
    new Map(
      (image.header?.features ?? []).flatMap(({ name: mask, bits }) =>
        bits.filter(({ set }) => set).map(({ bit, name }) => [`${mask} ${bit}`, { mask, bit, name }]),
      ),
    );
  const [old, set] = [names(before), names(now)];
  const words = (from: typeof set, other: typeof set, how: string): Change[] =>
    [...from]
      .filter(([key]) => !other.has(key))
      .map(([, { mask, bit, name }]) => ({
        what: `${mask} feature ${name || `bit ${bit}`}`,
        how,
        selection: { kind: 'bit', mask, bit },
      }));
  return [...words(set, old, 'clear → set'), ...words(old, set, 'set → clear')];
}

function pair(what: string, before: string | undefined, after: string | undefined, selection?: Selection): Change[] {
  return before === after
    ? []
    : [{ what, how: `${before ?? 'none'} → ${after ?? 'none'}`, ...(selection ? { selection } : {}) }];
}

/** What has come and gone in a list, by what an entry is known by. An entry that has another content has done both. */
function listChanges(what: string, before: readonly string[], after: readonly string[]): Change[] {
  const [old, now] = [new Set(before), new Set(after)];
  const added = after.filter((key) => !old.has(key)).length;
  const removed = before.filter((key) => !now.has(key)).length;
  const how = [...(added > 0 ? [`+${showCount(added)}`] : []), ...(removed > 0 ? [`−${showCount(removed)}`] : [])].join(
    ' ',
  );
  return how === '' ? [] : [{ what: `${what}s`, how }];
}

function keyOfExtension({ type, data }: Image['extensions'][number]): string {
  return `${type}:${bytesOf(data)}`;
}

function keyOfNamed(item: { readonly name: string; readonly id?: string }): string {
  return `${item.id ?? ''}:${item.name}`;
}

function tableChanges(tables: TableChanges | undefined): Change[] {
  if (tables === undefined) {
    return [];
  }
  const { added, removed, changed } = tables;
  const all = added.length + removed.length + changed.length;
  if (all === 0) {
    return [];
  }
  const parts = [
    { count: changed.length, word: 'changed' },
    { count: added.length, word: 'new' },
    { count: removed.length, word: 'gone' },
  ].filter(({ count }) => count > 0);
  const index = Math.min(...[added, removed, changed].flatMap(([first]) => first ?? []));
  return [
    {
      what: `${showCount(all)} L2 ${all === 1 ? 'table' : 'tables'}`,
      // One number is not said twice.
      how: parts.map(({ count, word }) => (count === all ? word : `${showCount(count)} ${word}`)).join(', '),
      selection: { kind: 'l1-entry', index },
    },
  ];
}

function scanChanges(image: Image, before: ScanResult, after: ScanResult): Change[] {
  const clusterSize = image.geometry?.clusterSize ?? 1;
  const one = (what: string, old: bigint, now: bigint): Change[] =>
    old === now ? [] : [{ what, how: differenceWords(old, now, clusterSize) }];
  return [
    ...guestKinds.flatMap((kind) => one(`guest ${guestWords[kind].label}`, before.guest[kind], after.guest[kind])),
    ...hostUses.flatMap((use) => one(`file ${hostWords[use].label}`, before.host[use], after.host[use])),
    ...pair('findings in tables', showCount(before.findingCount), showCount(after.findingCount)),
  ];
}

function bytesOf(bytes: Uint8Array): string {
  return bytes.join(' ');
}
