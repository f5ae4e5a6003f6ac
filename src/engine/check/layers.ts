import { joinWords } from '../format/bits.ts';
import { l1EntryBytes, l1HasReserved, l1Place, l1Unaligned } from '../format/l1.ts';
import { l2Copied } from '../format/l2.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import { type L1Table, readL1 } from '../image/l1Table.ts';
import { indexOfTable, type L2TableSet } from '../image/l2TableSet.ts';
import type { Progress, Storage } from '../ports.ts';
import { CheckStopped } from './checkStopped.ts';
import { addUse, type ClusterUse, noUse, UseCounter } from './clusterUse.ts';
import { checkL2Entries, type EntrySink } from './l2Entries.ts';
import { messages } from './messages.ts';
import { type CopiedFlags, copiedFlags } from './referenceCounts.ts';
import type { Regions } from './regions.ts';
import type { SoundTables } from './soundTables.ts';
import type { Tally } from './tally.ts';

/** Where an L1 table is. */
export interface LayerPlace {
  /** Host offset in bytes. */
  readonly offset: bigint;
  readonly entries: number;
  readonly active: boolean;
}

/** What the walk over the layers works with. */
export interface LayerCheck {
  readonly storage: Storage;
  readonly geometry: Geometry;
  /** The L2 tables whose entries are counted already. */
  readonly tables: L2TableSet;
  readonly sound: SoundTables;
  readonly regions: Regions;
  readonly tally: Tally;
  readonly progress: Progress;
  /** A cluster of bytes for the table that is looked at. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A table was met whose COPIED flags were not looked at with those of the set. */
  suspicious: boolean;
}

/**
 * Checks an L1 table and the L2 tables that it leads to, in QEMU's order (check_refcounts_l1): tables in which nothing is
 * wrong were counted before and are not read again. Returns how clusters are used. Throws `CheckStopped` where a table
 * can't be read.
 */
export async function checkLayer(check: LayerCheck, { offset, entries, active }: LayerPlace): Promise<ClusterUse> {
  const { storage, regions, tally, geometry } = check;
  const use = noUse();
  if (entries === 0) {
    return use;
  }
  regions.refer(offset, BigInt(entries) * BigInt(l1EntryBytes));
  const l1 = await readL1(storage, offset, entries);
  if (l1.unreadable.length > 0) {
    tally.fail(messages.l1Unreadable);
    throw new CheckStopped(l1.unreadable[0]?.system);
  }
  for (const { index, hi, lo } of l1Entries(l1)) {
    if (l1HasReserved(hi, lo)) {
      tally.corrupt(messages.l1Reserved(joinWords(hi, lo)));
    }
    const table = l1Place(hi, lo);
    const flags = !active ? copiedFlags.none : l2Copied(hi) ? copiedFlags.copied : copiedFlags.notCopied;
    if (!regions.refer(BigInt(table), BigInt(geometry.clusterSize), flags)) {
      check.suspicious = true;
    }
    if (l1Unaligned(lo, geometry.clusterBits)) {
      tally.corrupt(messages.l1Unaligned(table));
    }
    addUse(use, await checkTable(check, table, active));
    if (index % progressEntries === 0) {
      await check.progress.step(index, entries);
    }
  }
  return use;
}

/** L1 entries between two steps of the progress. */
const progressEntries = 4096;

/** The entries of an L1 table that are not zero. */
export function* l1Entries({ view }: L1Table): Generator<{ index: number; hi: number; lo: number }> {
  for (let at = 0; at < view.byteLength; at += l1EntryBytes) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    if ((hi | lo) !== 0) {
      yield { index: at / l1EntryBytes, hi, lo };
    }
  }
}

/** Whether an L2 table's references are counted with those of the set. */
export function isInSet({ tables, geometry }: Pick<LayerCheck, 'tables' | 'geometry'>, offset: number): boolean {
  return offset !== 0 && offset % geometry.clusterSize === 0 && indexOfTable(tables, offset) >= 0;
}

async function checkTable(check: LayerCheck, offset: number, active: boolean): Promise<ClusterUse> {
  const { tables, sound, geometry, regions, tally } = check;
  const counted = isInSet(check, offset);
  const index = counted ? indexOfTable(tables, offset) : -1;
  if (counted && sound.unreadable.has(index)) {
    tally.fail(messages.l2Unreadable);
    throw new CheckStopped('EIO');
  }
  if (counted && !sound.flawed.has(index)) {
    return active ? sound.useOf(index) : noUse();
  }
  check.suspicious ||= !counted;
  const use = new UseCounter();
  const { clusterSize, fileClusters } = geometry;
  const refer = (at: bigint, length: bigint, flags: CopiedFlags): void => {
    if (counted) {
      regions.tellPastEnd(at, length);
    } else {
      regions.refer(at, length, active ? flags : copiedFlags.none);
    }
  };
  const lastCluster = (fileClusters - 1) * clusterSize;
  const sink: EntrySink = {
    use,
    corrupt: (message) => tally.corrupt(message),
    referData: (at, flags) => {
      // For nearly all entries it is known without bigints that they lead into the file.
      if (!counted || at + clusterSize > lastCluster) {
        refer(BigInt(at), BigInt(clusterSize), flags);
      }
    },
    referCompressed: (at, length) => refer(at, length, copiedFlags.none),
  };
  checkL2Entries(await readTable(check, offset), 0, geometry, sink);
  return active ? use.take() : noUse();
}

/** The bytes of an L2 table at any host offset, until the next one is read. Throws `CheckStopped`. */
export async function readTable({ storage, tally, bytes }: LayerCheck, offset: number): Promise<DataView> {
  const bad = await readHostBytes(storage, BigInt(offset), bytes);
  if (bad.length > 0) {
    tally.fail(messages.l2Unreadable);
    throw new CheckStopped(bad[0]?.system);
  }
  return new DataView(bytes.buffer);
}
