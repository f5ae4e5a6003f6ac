import assert from 'node:assert/strict';
import type { ChangeSet } from '../../src/engine/change/changeSet.ts';
import { Clusters } from '../../src/engine/change/clusters.ts';
import { Draft } from '../../src/engine/change/draft.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { type AmendOptions, planAmend } from '../../src/engine/operations/amend.ts';
import { planFeatureBits } from '../../src/engine/operations/featureBits.ts';
import type { Preallocation } from '../../src/engine/operations/newImage.ts';
import { planRebase } from '../../src/engine/operations/rebase.ts';
import { planRepair } from '../../src/engine/operations/repair/repair.ts';
import { planResize } from '../../src/engine/operations/resize.ts';
import { planSnapshotApply } from '../../src/engine/operations/snapshotApply.ts';
import { planSnapshotCreate } from '../../src/engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../../src/engine/operations/snapshotDelete.ts';
import { type FileState, noProgress, type Storage } from '../../src/engine/ports.ts';
import { guestPorts, longName } from './backing.ts';
import type { Plan } from './crashCase.ts';

/** A change that is tried on every image that it is for. */
export interface CrashChange {
  readonly name: string;
  readonly plan: Plan;
  /** Images that it is refused on, by name. */
  readonly not?: readonly string[];
  /** What is done to each image before. */
  readonly prepare?: Plan;
}

const mebi = 1n << 20n;

const version2 = ['version 2', 'a backing file, version 2', 'a longer backing file, version 2', 'snapshots, version 2'];
const withSnapshots = [
  'a snapshot',
  'zero clusters over a backing file',
  'zero clusters that keep the data of a snapshot',
  'a snapshot of zero clusters that keep the data of the disk',
];

const takeSnapshot: Plan = (image, storage, from) =>
  planSnapshotCreate(image, storage, from, { name: bytes('new'), date: { seconds: 1, nanoseconds: 2 } }, noProgress);

/** Every operation, in the forms in which its writes differ. */
export const crashChanges: readonly CrashChange[] = [
  {
    name: 'rebase to a short name',
    plan: (image, storage, from) => planRebase(image, storage, from, { name: bytes('b.raw'), format: bytes('raw') }),
  },
  {
    name: 'rebase to a name of 255 bytes',
    plan: (image, storage, from) => planRebase(image, storage, from, { name: bytes(longName), format: bytes('raw') }),
    not: ['clusters of 512 bytes'],
  },
  { name: 'rebase to nothing', plan: (image, storage, from) => planRebase(image, storage, from, undefined) },
  { name: 'snapshot taken', plan: takeSnapshot, not: ['refcounts of 1 bit'] },
  {
    name: 'snapshot applied',
    prepare: takeSnapshot,
    plan: (image, storage, from) => planSnapshotApply(image, storage, from, { index: 0 }, noProgress),
    not: ['refcounts of 1 bit', 'bitmaps', 'bitmaps of several clusters'],
  },
  {
    name: 'snapshot deleted',
    prepare: takeSnapshot,
    plan: (image, storage, from) => planSnapshotDelete(image, storage, from, { index: 0 }, noProgress),
    not: ['refcounts of 1 bit'],
  },
  { name: 'upgrade', plan: amend({ compat: '1.1' }) },
  {
    name: 'downgrade with refcounts of 16 bits',
    plan: amend({ compat: '0.10', refcountBits: 16n }),
    not: ['extended L2'],
  },
  { name: 'refcounts of 1 bit', plan: amend({ refcountBits: 1n }), not: [...version2, ...withSnapshots] },
  { name: 'refcounts of 64 bits', plan: amend({ refcountBits: 64n }), not: version2 },
  {
    name: 'upgrade with lazy refcounts of 8 bits',
    plan: amend({ compat: '1.1', lazyRefcounts: true, refcountBits: 8n }),
  },
  {
    name: 'set the corrupt bit',
    plan: (image, storage, from) => planFeatureBits(image, storage, from, { corrupt: true }),
    not: version2,
  },
  {
    name: 'leaks freed',
    prepare: leaked,
    plan: async (image, storage, from) => {
      const { change } = await planRepair(image, storage, from, { codes: ['cluster-leaked'] }, noProgress);
      return change ?? assert.fail('there are leaks');
    },
  },
  resizing('grow by 1 MiB', (size) => size + mebi),
  resizing('grow by 9 MiB, which takes another L1 table with clusters of 512 bytes', (size) => size + 9n * mebi),
  resizing('grow by 1 MiB with metadata', (size) => size + mebi, ['a longer backing file, version 2'], 'metadata'),
  resizing('grow by 3 MiB with blocks', (size) => size + 3n * mebi, [], 'falloc'),
  {
    ...resizing('grow by 3 MiB with blocks after a cut within a cluster', (size) => size + 3n * mebi, [], 'falloc'),
    prepare: resizing('', (size) => sectors(size / 3n), []).plan,
  },
  resizing('shrink to a third', (size) => sectors(size / 3n), []),
  {
    name: 'shrink and refcounts of 8 bits',
    plan: amendHalf({ refcountBits: 8n }),
    not: version2,
  },
  {
    name: 'shrink and downgrade',
    plan: amendHalf({ compat: '0.10', refcountBits: 16n }),
    not: ['extended L2', 'snapshots, version 2', ...withSnapshots],
  },
  resizing('shrink to a sector', () => 512n, []),
];

/** Takes two clusters to which nothing refers. */
async function leaked(image: Image, storage: Storage, from: FileState): Promise<ChangeSet> {
  const draft = new Draft(storage);
  const first = await (await Clusters.of(image, draft, noProgress)).allocate(2);
  const size = image.geometry?.clusterSize ?? 0;
  await draft.write('leaked clusters', BigInt(first) * BigInt(size), new Uint8Array(2 * size).fill(0x5a));
  await draft.endStep('Leak');
  return draft.changeSet('Leak', from);
}

function amend(options: AmendOptions): Plan {
  return (image, storage, from) => planAmend(image, storage, from, options, noProgress);
}

function sectors(bytes: bigint): bigint {
  return bytes - (bytes % 512n);
}

/** Gives the disk half its size too. */
function amendHalf(options: AmendOptions): Plan {
  return (image, storage, from) =>
    planAmend(image, storage, from, { ...options, size: sectors((image.header?.size ?? 0n) / 2n) }, noProgress);
}

/** A resize by what the disk is; version 2 with snapshots is refused. */
function resizing(
  name: string,
  sizeOf: (size: bigint) => bigint,
  not: readonly string[] = ['a longer backing file, version 2'],
  preallocation: Preallocation = 'off',
): CrashChange {
  return {
    name,
    plan: (image, storage, from) => {
      const size = sizeOf(image.header?.size ?? 0n);
      const options = { size, shrink: true, preallocation, ports: guestPorts(image) };
      return planResize(image, storage, from, options, noProgress);
    },
    not: ['snapshots, version 2', ...not],
  };
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
