import { joinWords } from '../format/bits.ts';
import { compressedByte, compressedCluster, compressedMaxBytes } from '../format/compressed.ts';
import { l1EntryBytes } from '../format/l1.ts';
import { l2Fault, l2Faults, l2HostOffset, subclusterKind } from '../format/l2.ts';
import type { Storage } from '../ports.ts';
import { asHostOffset, type Geometry, type GuestOffset, guestPlace, type HostOffset, hostOffset } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import { type ExtentKind, extentKinds, hasHost } from './kinds.ts';
import { l2TableOf, unreadableL1 } from './l1Table.ts';
import type { Layer } from './layer.ts';

/** The way from a guest offset to the host. */
export interface Lookup {
  readonly guest: GuestOffset;
  /** Undefined past the end of the disk, and where the L1 table does not reach. */
  readonly l1?: TableEntry;
  /** Undefined where there is no L2 table, or it can't be read. */
  readonly l2?: TableEntry;
  /** Of extended L2 entries. */
  readonly subcluster?: number;
  /** What the byte is; `invalid` where no L1 entry reaches. */
  readonly kind: ExtentKind;
  /** Where the byte is in the host file or the external data file; for compressed clusters, where their data starts. */
  readonly host?: HostOffset;
  /** Bytes that the compressed data takes at most. */
  readonly compressedBytes?: number;
}

/** An entry of a table, as it is in the file. */
export interface TableEntry {
  readonly index: number;
  /** Host offset of the entry in bytes. */
  readonly offset: HostOffset;
  readonly entry: bigint;
  /** The second word of an extended L2 entry. */
  readonly bitmap?: bigint;
}

/** Finds where a byte of the guest's disk is. Reads one L2 entry. Never throws for what is in the file. */
export async function lookup(image: { readonly storage: Storage }, layer: Layer, guest: GuestOffset): Promise<Lookup> {
  const { geometry } = layer;
  const { cluster } = guestPlace(geometry, guest);
  if (guest < 0n || guest >= layer.size || cluster >= layer.clusters) {
    return { guest, kind: extentKinds.invalid };
  }
  const l1 = l1Entry(layer, Math.floor(cluster / geometry.l2Entries));
  const table = l2TableOf(layer.l1, l1.index);
  if (unreadableL1(layer.l1, l1.index)) {
    return { guest, l1, kind: extentKinds.unreadable };
  }
  if (table === 0) {
    return { guest, l1, kind: extentKinds.unallocatedPlain };
  }
  if (table % geometry.clusterSize !== 0) {
    return { guest, l1, kind: extentKinds.invalid };
  }
  const index = cluster % geometry.l2Entries;
  const offset = asHostOffset(BigInt(table + index * geometry.l2EntryBytes));
  const bytes = new Uint8Array(geometry.l2EntryBytes);
  if ((await readHostBytes(image.storage, offset, bytes)).length > 0) {
    return { guest, l1, kind: extentKinds.unreadable };
  }
  return { guest, l1, ...lookupEntry(geometry, guest, index, offset, new DataView(bytes.buffer)) };
}

function l1Entry({ l1 }: Layer, index: number): TableEntry {
  const at = index * l1EntryBytes;
  const entry = at < l1.view.byteLength ? l1.view.getBigUint64(at) : 0n;
  return { index, offset: asHostOffset(l1.offset + BigInt(at)), entry };
}

function lookupEntry(
  geometry: Geometry,
  guest: GuestOffset,
  index: number,
  offset: HostOffset,
  view: DataView,
): Omit<Lookup, 'guest' | 'l1'> {
  const { clusterBits, clusterSize, extended } = geometry;
  const place = guestPlace(geometry, guest);
  const hi = view.getUint32(0);
  const lo = view.getUint32(4);
  const zero = extended ? view.getUint32(8) : 0;
  const alloc = extended ? view.getUint32(12) : 0;
  const sub = Math.floor(place.byte / geometry.unitSize);
  const fault = l2Fault(hi, lo, alloc, zero, place.cluster * clusterSize, geometry);
  const kind = fault === l2Faults.none ? subclusterKind(hi, lo, alloc, zero, sub, geometry) : extentKinds.invalid;
  const entry = { index, offset, entry: joinWords(hi, lo), ...(extended ? { bitmap: joinWords(zero, alloc) } : {}) };
  const found = { l2: entry, ...(extended ? { subcluster: sub } : {}), kind };
  if (kind === extentKinds.compressed) {
    const host = hostOffset(geometry, compressedCluster(hi, lo, clusterBits), compressedByte(lo, clusterBits));
    return { ...found, host, compressedBytes: compressedMaxBytes(hi, lo, clusterBits) };
  }
  return hasHost(kind)
    ? { ...found, host: hostOffset(geometry, l2HostOffset(hi, lo) / clusterSize, place.byte) }
    : found;
}
