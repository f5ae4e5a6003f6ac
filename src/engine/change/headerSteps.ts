import { Qcow2Error } from '../error.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { bitmapsFields, type Extension, extensionTypes, parseExtensions } from '../format/extensions.ts';
import { sizeOf } from '../format/field.ts';
import { sectorSize } from './changeSet.ts';
import type { Draft } from './draft.ts';
import {
  changedFirstCluster,
  type FirstCluster,
  type HeaderChange,
  parseFirstCluster,
  readHeaderCluster,
} from './firstCluster.ts';

/** Incompatible bit 1: QEMU opens the image read-only. */
const corruptBit = 2n;
/** Where incompatible_features is. */
const incompatibleAt = 72;

/** Autoclear bit 0: the bitmaps are up to date. */
const bitmapsBit = 1n;
/** Where autoclear_features is. */
const autoclearAt = 88;

/** Sectors whose subsets are all tried, to find a safe order. */
const mostTried = 8;

/**
 * Changes the first cluster in the draft, in steps that are safe by themselves where the format allows: after each
 * sector that is written, a reader finds the old content or the new. Else the corrupt bit protects the image meanwhile
 * (version 3), or the journal alone. What the draft has in its current step is ended with it.
 */
export async function changeHeader(draft: Draft, change: HeaderChange, says: string): Promise<void> {
  const before = await readHeaderCluster(draft);
  const after = changedFirstCluster(before, change);
  for (const states of waysTo(before, after, change)) {
    if (await changeInOrder(draft, [before.bytes, ...states], says)) {
      return;
    }
  }
  await changeProtected(draft, before, after, says);
}

/** States of the first cluster by which a change may be reached, one after the other; the shortest way first. */
function* waysTo(before: FirstCluster, after: Uint8Array, change: HeaderChange): Generator<readonly Uint8Array[]> {
  yield [after];
  yield [changedFirstCluster(before, change, { keep: true }), after];
  try {
    // The name that readers know must stay until they know another: there may be no room for both.
    yield [
      changedFirstCluster(before, change, { beside: true, keep: true }),
      changedFirstCluster(before, change, { beside: true }),
    ];
  } catch (error) {
    if (!(error instanceof Qcow2Error && error.code === 'too-large')) {
      throw error;
    }
  }
  yield* waysAroundName(before, after, change);
  if (hasBitmaps(before.header)) {
    // Without its bit the bitmaps extension means nothing, so that its parts may change one after the other.
    const kept = changedFirstCluster(before, change, { keep: true });
    yield [withoutBitmapsBit(before.bytes), withoutBitmapsBit(kept), after];
  }
}

/**
 * The backing file's name stays, but extensions come to lie where it is: it is moved out of their way first, and behind
 * them afterwards.
 */
function* waysAroundName(
  before: FirstCluster,
  after: Uint8Array,
  change: HeaderChange,
): Generator<readonly Uint8Array[]> {
  const { backing } = before;
  if (backing === undefined || change.backing !== undefined) {
    return;
  }
  try {
    const aside = changedFirstCluster(before, { backing }, { beside: true, keep: true });
    const changed = changedFirstCluster(before, change, { beside: true, keep: true });
    const behind = changedFirstCluster(parseFirstCluster(changed), { backing }, { keep: true });
    yield [aside, changed, behind, after];
  } catch (error) {
    if (!(error instanceof Qcow2Error && error.code === 'too-large')) {
      throw error;
    }
  }
}

/** Drafts the steps from the first state to the last, if each has a safe order; else nothing, and returns false. */
async function changeInOrder(draft: Draft, states: readonly Uint8Array[], says: string): Promise<boolean> {
  const length = Math.max(...states.map((state) => padded(state).length));
  const sectors = states.map((state) => padded(state, length));
  const groups: (readonly [Uint8Array, readonly number[]])[] = [];
  for (const [index, next] of sectors.slice(1).entries()) {
    const order = safeOrder(sectors[index] ?? next, next);
    if (order === undefined) {
      return false;
    }
    groups.push(...order.map((group) => [next, group] as const));
  }
  for (const [bytes, group] of groups) {
    await writeSectors(draft, bytes, group);
    await draft.endStep(says);
  }
  return true;
}

async function changeProtected(draft: Draft, before: FirstCluster, content: Uint8Array, says: string): Promise<void> {
  const length = Math.max(padded(content).length, padded(before.bytes).length);
  const after = padded(content, length);
  const old = padded(before.bytes, length);
  const changed = changedSectors(old, after);
  if (before.header.version < 3) {
    draft.protection = 'journal';
    await writeSectors(draft, after, changed);
    await draft.endStep(says);
    return;
  }
  draft.protection = 'corrupt-bit';
  await draft.write('header', 0n, withCorruptBit(old).subarray(0, sectorSize));
  await draft.endStep('Set the corrupt bit, so that nobody writes meanwhile');
  if (parseFirstCluster(content).header.version < 3) {
    // Version 2 has no such bit: it is set until the first sector, the last one, makes it version 2.
    await writeSectors(
      draft,
      after,
      changed.filter((sector) => sector !== 0),
    );
    await draft.endStep(says);
    await writeSectors(draft, after, [0]);
    await draft.endStep(says);
    return;
  }
  await writeSectors(draft, withCorruptBit(after), changed.includes(0) ? changed : [0, ...changed]);
  await draft.endStep(says);
  await writeSectors(draft, after, [0]);
  await draft.endStep('Clear the corrupt bit');
}

/**
 * Groups of sectors to be written one after the other so that after any subset of a group the first cluster means what
 * it meant or what it will mean; undefined where there is no such order.
 */
export function safeOrder(old: Uint8Array, after: Uint8Array): readonly (readonly number[])[] | undefined {
  const changed = changedSectors(old, after);
  const tail = changed.filter((sector) => sector !== 0);
  if (changed.length <= 1) {
    return changed.length === 0 ? [] : [changed];
  }
  const candidates = changed.includes(0)
    ? [
        [tail, [0]],
        [[0], tail],
      ]
    : [[tail]];
  return tail.length > mostTried ? undefined : candidates.find((groups) => isSafe(groups, old, after));
}

function isSafe(groups: readonly (readonly number[])[], old: Uint8Array, after: Uint8Array): boolean {
  const meanings = new Set([meaningOf(old), meaningOf(after)]);
  const state = old.slice();
  for (const group of groups) {
    for (let subset = 0; subset < 2 ** group.length; subset++) {
      const torn = state.slice();
      for (const [index, sector] of group.entries()) {
        if (((subset >>> index) & 1) === 1) {
          copySector(after, torn, sector);
        }
      }
      if (!meanings.has(meaningOf(torn))) {
        return false;
      }
    }
    for (const sector of group) {
      copySector(after, state, sector);
    }
  }
  return true;
}

/**
 * All that a reader gets from a first cluster, as text. A bitmaps extension counts only with its bit; nobody reads it
 * otherwise.
 */
function meaningOf(bytes: Uint8Array): string {
  const { header, extensions, backing }: FirstCluster = parseFirstCluster(bytes);
  const { bytes: _, backing_file_offset: offset, ...fields } = header;
  const stale = ({ type, length }: Extension): boolean =>
    type === extensionTypes.bitmaps && length === sizeOf(bitmapsFields) && !hasBitmaps(header);
  const read = extensions
    .filter((extension) => !stale(extension))
    .map(({ type, length, data }) => [type, length, data]);
  // One that reaches too far, the end mark too, is refused by QEMU.
  const tooLarge = parseExtensions(bytes, header).findings.map(({ code }) => code);
  return JSON.stringify([fields, offset === 0n, read, tooLarge, backing], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? Array.from(value) : value,
  );
}

function changedSectors(old: Uint8Array, after: Uint8Array): number[] {
  const sectors: number[] = [];
  for (let at = 0; at < after.length; at += sectorSize) {
    const end = Math.min(at + sectorSize, after.length);
    if (after.subarray(at, end).some((byte, index) => byte !== old[at + index])) {
      sectors.push(at / sectorSize);
    }
  }
  return sectors;
}

async function writeSectors(draft: Draft, bytes: Uint8Array, sectors: readonly number[]): Promise<void> {
  for (const sector of sectors) {
    const at = sector * sectorSize;
    await draft.write('header', BigInt(at), bytes.slice(at, at + sectorSize));
  }
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const at = sector * sectorSize;
  to.set(from.subarray(at, at + sectorSize), at);
}

function withCorruptBit(bytes: Uint8Array): Uint8Array {
  const marked = bytes.slice();
  const view = new DataView(marked.buffer);
  view.setBigUint64(incompatibleAt, view.getBigUint64(incompatibleAt) | corruptBit);
  return marked;
}

function withoutBitmapsBit(bytes: Uint8Array): Uint8Array {
  const marked = bytes.slice();
  const view = new DataView(marked.buffer);
  view.setBigUint64(autoclearAt, view.getBigUint64(autoclearAt) & ~bitmapsBit);
  return marked;
}

function padded(bytes: Uint8Array, length = Math.ceil(bytes.length / sectorSize) * sectorSize): Uint8Array {
  const longer = new Uint8Array(length);
  longer.set(bytes.subarray(0, length));
  return longer;
}
