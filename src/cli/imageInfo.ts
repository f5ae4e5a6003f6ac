import { extensionOf, extensionTypes } from '../engine/format/extensions.ts';
import type { Header } from '../engine/format/header.ts';
import type { Luks, LuksSlot } from '../engine/format/luks.ts';
import {
  type Snapshot,
  snapshotExtra,
  snapshotIdBytes,
  snapshotNameBytes,
  snapshotVmStateSize,
} from '../engine/format/snapshots.ts';
import { readBitmaps } from '../engine/image/bitmapDirectory.ts';
import type { Image } from '../engine/image/image.ts';
import { readSnapshots } from '../engine/image/snapshotTable.ts';
import { bytesOfName, bytesOfText } from './bytes.ts';
import { couldNotOpen, type ImageFile } from './imageFile.ts';
import type { JsonObject } from './json.ts';

/** What `info` tells of an image: QEMU's ImageInfo (qapi/block-core.json). Strings are byte strings. */
export interface ImageInfo {
  readonly filename: string;
  readonly format: string;
  readonly virtualSize: bigint;
  readonly actualSize: bigint | undefined;
  readonly clusterSize: number | undefined;
  readonly dirty: boolean;
  readonly encrypted: boolean;
  readonly backing: BackingInfo | undefined;
  readonly snapshots: readonly SnapshotInfo[];
  /** The members of `format-specific`'s `data`, of qcow2. */
  readonly specific: JsonObject | undefined;
}

/** The backing file as named, and as it would be opened. */
export interface BackingInfo {
  readonly name: string;
  readonly fullName: string;
  readonly format: string | undefined;
}

/** One snapshot. Numbers are signed 64-bit, as QEMU prints them. */
export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  readonly vmStateSize: bigint;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  readonly vmClockNanoseconds: bigint;
  readonly icount: bigint | undefined;
}

const sector = 512n;
const noIcount = (1n << 64n) - 1n;
/** Bytes that QEMUSnapshotInfo holds of an ID and of a name. */
const longestId = 127;
const longestName = 255;

/** Reads what `info` tells. `path` is the file's name as the user gave it. Throws a `Failure`. */
export async function imageInfo(file: ImageFile): Promise<ImageInfo> {
  const { path, format, storage, image } = file;
  const common = { filename: bytesOfText(path), format, actualSize: storage.allocated };
  const header = image?.header;
  if (!image || !header) {
    const virtualSize = ((storage.size + sector - 1n) / sector) * sector;
    const rest = { clusterSize: undefined, dirty: false, encrypted: false, backing: undefined, specific: undefined };
    return { ...common, virtualSize, ...rest, snapshots: [] };
  }
  return {
    ...common,
    virtualSize: BigInt.asIntN(64, (header.size / sector) * sector),
    clusterSize: 2 ** header.cluster_bits,
    dirty: (header.incompatible_features & 1n) !== 0n,
    encrypted: header.crypt_method !== 0,
    backing: backingInfo(path, image),
    snapshots: await snapshotInfos(file),
    specific: await formatSpecific(path, image, header),
  };
}

function backingInfo(path: string, image: Image): BackingInfo | undefined {
  const name = image.backing === undefined ? '' : bytesOfName(image.backing.nameBytes);
  if (name === '' || image.backing === undefined) {
    return undefined;
  }
  const format = image.backing.format;
  return {
    name,
    fullName: fullName(name, bytesOfText(path)),
    format: format === undefined || format === '' ? undefined : bytesOfText(format),
  };
}

/** QEMU's path_combine: a plain relative name starts from the folder of the image. */
function fullName(name: string, from: string): string {
  const ownPlace = name.startsWith('/') || /^[^/]*:/.test(name);
  return ownPlace ? name : from.slice(0, from.lastIndexOf('/') + 1) + name;
}

/** The snapshots of an image; none of a raw one. */
export async function snapshotInfos({ storage, image }: ImageFile): Promise<SnapshotInfo[]> {
  return image?.header ? (await readSnapshots(storage, image.header)).map(snapshotInfo) : [];
}

function snapshotInfo(snapshot: Snapshot): SnapshotInfo {
  const { icount } = snapshotExtra(snapshot);
  return {
    id: bytesOfName(snapshotIdBytes(snapshot)).slice(0, longestId),
    name: bytesOfName(snapshotNameBytes(snapshot)).slice(0, longestName),
    vmStateSize: BigInt.asIntN(64, snapshotVmStateSize(snapshot)),
    dateSeconds: snapshot.fields.date_sec,
    dateNanoseconds: snapshot.fields.date_nsec,
    vmClockNanoseconds: snapshot.fields.vm_clock_nsec,
    icount: icount === undefined || icount === noIcount ? undefined : BigInt.asIntN(64, icount),
  };
}

/** QEMU's qcow2_get_specific_info. */
async function formatSpecific(path: string, image: Image, header: Header): Promise<JsonObject> {
  const refcountBits = 2 ** header.refcount_order;
  const compression = header.compression_type === 1 ? 'zstd' : 'zlib';
  const encrypt = encryption(path, image, header);
  if (header.version === 2) {
    return {
      compat: '0.10',
      'compression-type': compression,
      'refcount-bits': refcountBits,
      ...(encrypt ? { encrypt } : {}),
    };
  }
  const bitmaps = await bitmapsInfo(image);
  // QEMU shows the name even where the bit says that there is no data file.
  const dataFile = extensionOf(image.extensions, extensionTypes.dataFile);
  return {
    compat: '1.1',
    'compression-type': compression,
    'lazy-refcounts': (header.compatible_features & 1n) !== 0n,
    ...(bitmaps.length > 0 ? { bitmaps } : {}),
    'refcount-bits': refcountBits,
    ...(encrypt ? { encrypt } : {}),
    ...(dataFile ? { 'data-file': bytesOfName(dataFile.data) } : {}),
    ...((header.incompatible_features & 4n) === 0n ? {} : { 'data-file-raw': (header.autoclear_features & 2n) !== 0n }),
    corrupt: (header.incompatible_features & 2n) !== 0n,
    'extended-l2': (header.incompatible_features & 16n) !== 0n,
  };
}

/** QEMU's qcow2_get_bitmap_info_list: bitmaps count only while autoclear bit 0 says that they fit. */
async function bitmapsInfo(image: Image): Promise<JsonObject[]> {
  const directory = image.bitmapDirectory;
  if (directory === undefined || ((image.header?.autoclear_features ?? 0n) & 1n) === 0n) {
    return [];
  }
  const bitmaps = await readBitmaps(image.storage, directory);
  return bitmaps.map(({ fields, nameBytes }) => ({
    flags: [...((fields.flags & 1) === 0 ? [] : ['in-use']), ...((fields.flags & 2) === 0 ? [] : ['auto'])],
    name: bytesOfName(nameBytes),
    granularity: 1n << BigInt(fields.granularity_bits),
  }));
}

function encryption(path: string, image: Image, header: Header): JsonObject | undefined {
  if (header.crypt_method === 0) {
    return undefined;
  }
  if (header.crypt_method === 1) {
    return { format: 'aes' };
  }
  if (!image.luks) {
    // QEMU 7.2 itself crashes here.
    throw couldNotOpen(path, 'the image is encrypted with LUKS, but its LUKS header is missing');
  }
  return luksInfo(image.luks);
}

/** QEMU's qcrypto_block_luks_get_info. */
function luksInfo(luks: Luks): JsonObject {
  const [mode = '', initial = ''] = split(luks.cipherMode, '-');
  const [algorithm = '', hash] = split(initial, ':');
  const keyBits = (luks.fields.key_bytes * 8) / (mode === 'xts' ? 2 : 1);
  return {
    'ivgen-alg': bytesOfText(algorithm),
    ...(algorithm === 'essiv' && hash !== undefined ? { 'ivgen-hash-alg': bytesOfText(hash) } : {}),
    'hash-alg': bytesOfText(luks.hash),
    'cipher-alg': `${bytesOfText(luks.cipherName)}-${keyBits}`,
    uuid: bytesOfName(luks.bytes.uuid),
    format: 'luks',
    'cipher-mode': bytesOfText(mode),
    slots: luks.slots.map(slotInfo),
    'payload-offset': luks.fields.payload_offset * 512,
    'master-key-iters': luks.fields.mk_digest_iter,
  };
}

function slotInfo({ active, fields }: LuksSlot): JsonObject {
  return {
    active,
    ...(active ? { iters: fields.iterations } : {}),
    'key-offset': fields.key_material_offset * 512,
    ...(active ? { stripes: fields.stripes } : {}),
  };
}

function split(text: string, at: string): string[] {
  const place = text.indexOf(at);
  return place < 0 ? [text] : [text.slice(0, place), text.slice(place + 1)];
}
