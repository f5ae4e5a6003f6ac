import type { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { bitmapName } from '../format/bitmaps.ts';
import { extensionOf, extensionTypes } from '../format/extensions.ts';
import { unknownBits } from '../format/features.ts';
import type { Header } from '../format/header.ts';
import { showHex, showSize } from '../format/show.ts';
import { type Snapshot, snapshotExtra, snapshotName, snapshotVmStateSize } from '../format/snapshots.ts';
import { readBitmaps } from '../image/bitmapDirectory.ts';
import type { Image } from '../image/image.ts';
import { readSnapshots } from '../image/snapshotTable.ts';
import type { Blocker } from './blockers.ts';
import type { L2Survey } from './l2Survey.ts';

/** Incompatible bits by their meaning. */
const dirtyBit = 1n;
const dataFileBit = 4n;
const compressionBit = 8n;
const extendedL2Bit = 16n;

/** The machine state that version 2 has a field for. Bytes. */
const mostVmState = 2n ** 32n - 1n;

/** What the image will be when it comes to the downgrade. */
export interface Downgraded {
  /** Bytes of the disk. */
  readonly size: bigint;
  readonly refcountOrder: number;
}

/** What stands in the way of compat 0.10, in the order of qemu-img's own checks (qcow2_downgrade). */
export async function downgradeBlockers(
  image: Image,
  header: Header,
  { size, refcountOrder }: Downgraded,
  survey: L2Survey | undefined,
): Promise<Blocker[]> {
  const has = (bit: bigint): boolean => (header.incompatible_features & bit) !== 0n;
  const blockers: Blocker[] = [];
  const block = (here: boolean, says: string, qemu?: string): void => {
    if (here) {
      blockers.push({ says, qemu });
    }
  };
  block(
    refcountOrder !== 4,
    `Refcounts have ${2 ** refcountOrder} bits, and 16 in compat 0.10. Amend refcount_bits=16 too.`,
    'compat=0.10 requires refcount_bits=16',
  );
  block(
    has(dataFileBit),
    'It has an external data file, which compat 0.10 does not know. Convert it instead.',
    'Cannot downgrade an image with a data file',
  );
  for (const snapshot of await readSnapshots(image.storage, header)) {
    blockers.push(...snapshotBlockers(snapshot, size));
  }
  block(
    has(dirtyBit),
    'It was not closed properly (dirty bit), and compat 0.10 has no such bit: refcounts may be stale. Have them rebuilt first (qemu-img check -r all, or a repair).',
  );
  block(
    has(extendedL2Bit),
    'It has extended L2 entries, which compat 0.10 does not know. Convert it instead.',
    'Cannot downgrade an image with incompatible features 0x10 set',
  );
  block(
    has(compressionBit) && survey?.compressed === true,
    // QEMU looks at the active layer alone; a snapshot's clusters can't be read any more afterwards.
    'It has clusters that are compressed with zstd, in the disk or in a snapshot, and compat 0.10 knows deflate alone. Convert it instead.',
    'Cannot downgrade an image with zstd compression type and existing compressed clusters',
  );
  block(
    header.unknownFields.some((byte) => byte !== 0) || header.padding.some((byte) => byte !== 0),
    // QEMU writes them where a version 2 reader looks for the extensions, which are lost then.
    `The header has fields past those that are known (${showHex(unknownPart(header))}): compat 0.10 has no room for them.`,
  );
  block(
    header.crypt_method !== 0 && image.backing !== undefined && (survey?.zeroCount ?? 0) > 0,
    // QEMU writes zeros as they are, and the guest reads what they decrypt to.
    `It is encrypted, and ${survey?.zeroCount} ${survey?.zeroCount === 1 ? 'cluster hides' : 'clusters hide'} the backing file by reading as zeros: compat 0.10 needs encrypted zeros instead, for which the key is needed. ${survey?.places[0] ?? ''}`,
  );
  return blockers;
}

function snapshotBlockers(snapshot: Snapshot, size: bigint): Blocker[] {
  const blockers: Blocker[] = [];
  const qemu = 'Internal snapshots prevent downgrade of image';
  const name = `Snapshot ${snapshot.index} (“${snapshotName(snapshot)}”)`;
  const diskSize = snapshotExtra(snapshot).disk_size ?? size;
  if (diskSize !== size) {
    const says = `${name} is of a disk of ${showSize(diskSize)}, and the disk has ${showSize(size)}: compat 0.10 has one size for all. Delete it first.`;
    blockers.push({ says, qemu });
  }
  const vmState = snapshotVmStateSize(snapshot);
  if (vmState > mostVmState) {
    const says = `${name} has a machine state of ${showSize(vmState)}: compat 0.10 has room for less than 4 GiB. Delete it first.`;
    blockers.push({ says, qemu });
  }
  return blockers;
}

/** Bytes of the unknown fields that a message shows. */
const mostShown = 32;

function unknownPart({ padding, unknownFields }: Header): Uint8Array {
  const all = Uint8Array.from([...padding, ...unknownFields]);
  const first = all.findIndex((byte) => byte !== 0);
  return all.subarray(first, first + mostShown);
}

/** What the header gets in compat 0.10: no feature bits, no names for them, and no bitmaps, which count by a bit. */
export const downgradedHeader: HeaderChange = {
  fields: {
    version: 2,
    incompatible_features: 0n,
    compatible_features: 0n,
    autoclear_features: 0n,
    compression_type: 0,
  },
  extensions: new Map([
    [extensionTypes.featureNames, undefined],
    [extensionTypes.bitmaps, undefined],
  ]),
};

/** Says what compat 0.10 can't keep. */
export async function cautionOfLosses(draft: Draft, image: Image, header: Header): Promise<void> {
  if (extensionOf(image.extensions, extensionTypes.bitmaps)) {
    const found = image.bitmapDirectory ? await readBitmaps(image.storage, image.bitmapDirectory) : [];
    const names = found.map((bitmap) => `“${bitmapName(bitmap)}”`);
    const named = names.length === 0 ? '' : `: ${names.join(', ')}`;
    draft.caution(
      `The dirty bitmaps are lost, since compat 0.10 has none${named}. A backup program that goes by them has to copy the whole disk once.`,
    );
  }
  const bits = unknownBits('compatible', header.compatible_features);
  if (bits.length > 0) {
    const which =
      bits.length === 1
        ? `bit ${bits[0]}, which is not known, is lost`
        : `bits ${bits.join(', ')}, which are not known, are lost`;
    draft.caution(`Compatible feature ${which}: compat 0.10 has no feature bits.`);
  }
}
