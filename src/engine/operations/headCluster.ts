import { Qcow2Error } from '../error.ts';
import { compressedByte, compressedCluster, compressedSectorBytes, compressedSectors } from '../format/compressed.ts';
import { type L2Kind, l2HostOffset, l2Kind, l2Kinds, subclustersPerCluster } from '../format/l2.ts';
import { natureOf } from '../image/byteRuns.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import { guestOffset } from '../image/geometry.ts';
import { GuestData, type GuestPorts } from '../image/guestData.ts';
import type { Image } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';
import type { EditedTables } from './editedTables.ts';
import type { ResizePlan } from './resizePlan.ts';

/** The cluster in which the disk ends, of a disk that grows. */
export interface HeadCluster {
  /** Bytes of the disk before it grows: not a multiple of the cluster size. */
  readonly size: bigint;
  /** What is new in it must read as zeros, though the backing file has something there. */
  readonly zero: boolean;
  /** It is to be allocated. */
  readonly allocate: boolean;
  /** Also where it is allocated already: what it has behind the end of the disk does not come up then. */
  readonly anew: boolean;
}

/** An L2 entry, taken apart. */
interface Entry {
  readonly hi: number;
  readonly lo: number;
  readonly alloc: number;
  readonly zero: number;
}

/**
 * Drafts what becomes of the cluster in which a disk ends when the disk grows: its rest is allocated, or made to read as
 * zeros. The guest's bytes in it stay as they are. Writes into clusters that are taken here, and into the rest of the
 * cluster, which nobody reads yet; the entry goes into `tables`.
 *
 * @param gone - counts the references of an entry that leads elsewhere then
 * @throws `Qcow2Error` `not-supported` where the guest's data would have to be encrypted, or written into a data file
 */
export async function growHeadCluster(
  plan: ResizePlan,
  { size, zero, allocate, anew }: HeadCluster,
  tables: EditedTables,
  ports: GuestPorts,
  gone: ClusterCounts,
): Promise<void> {
  const head = new Head(plan, size, tables, ports, gone);
  const entry = await head.entry();
  const kind = l2Kind(entry.hi, entry.lo, plan.geometry);
  if (zero) {
    await head.zeroRest(entry, kind);
  } else if (allocate && kind === l2Kinds.unallocated && head.isOwn) {
    await head.allocate(entry);
  } else if (anew && head.isOwn) {
    await head.zeroRest(entry, kind);
  }
}

class Head {
  readonly #plan: ResizePlan;
  readonly #tables: EditedTables;
  readonly #ports: GuestPorts;
  readonly #gone: ClusterCounts;
  readonly #cluster: number;
  /** Bytes of the cluster that the disk has. */
  readonly #used: number;

  constructor(plan: ResizePlan, size: bigint, tables: EditedTables, ports: GuestPorts, gone: ClusterCounts) {
    const { clusterSize } = plan.geometry;
    this.#plan = plan;
    this.#tables = tables;
    this.#ports = ports;
    this.#gone = gone;
    this.#cluster = Number(size / BigInt(clusterSize));
    this.#used = Number(size % BigInt(clusterSize));
  }

  /** Whether its data is in the image file, as it is. */
  get isOwn(): boolean {
    const { image, geometry } = this.#plan;
    return !geometry.dataFile && (image.header?.crypt_method ?? 0) === 0;
  }

  async entry(): Promise<Entry> {
    const { l2Entries, l2EntryBytes, extended } = this.#plan.geometry;
    const table = await this.#tables.content(Math.floor(this.#cluster / l2Entries));
    const at = (this.#cluster % l2Entries) * l2EntryBytes;
    const word = (index: number): number => table?.getUint32(at + 4 * index) ?? 0;
    return { hi: word(0), lo: word(1), zero: extended ? word(2) : 0, alloc: extended ? word(3) : 0 };
  }

  /** Allocates a cluster that reads as before; of extended entries, without its subclusters. */
  async allocate(entry: Entry): Promise<void> {
    if (!this.#plan.geometry.extended) {
      await this.#rewrite();
      return;
    }
    const clusters = await this.#plan.clusters.get();
    await this.#writeEntry({ ...entry, ...this.#leadTo(await clusters.allocate(1)) });
  }

  /** Has the rest of the cluster read as zeros. */
  async zeroRest(entry: Entry, kind: L2Kind): Promise<void> {
    const { extended, unitSize } = this.#plan.geometry;
    if (kind !== l2Kinds.compressed && (await this.#endsInZeros(entry, kind))) {
      const behind = unitsFrom(Math.ceil(this.#used / unitSize));
      if (extended && behind !== 0) {
        await this.#writeEntry({ ...entry, alloc: entry.alloc & ~behind, zero: entry.zero | behind });
      }
      return;
    }
    if (!this.isOwn) {
      throw new Qcow2Error(
        'not-supported',
        'The image is not changed. The disk ends within a cluster whose rest the backing file would show: zeros must be written there, and that can’t be done where the guest’s data is encrypted or in an external data file.',
      );
    }
    await this.#rewrite();
    this.#count(entry, kind);
  }

  /** Whether the last unit that the disk has reads as zeros behind the disk's end; the units behind can be told to. */
  async #endsInZeros({ hi, lo, alloc, zero }: Entry, kind: L2Kind): Promise<boolean> {
    const { extended, unitSize } = this.#plan.geometry;
    const inUnit = this.#used % unitSize;
    const bit = 1 << Math.floor(this.#used / unitSize);
    const isZero = extended ? (zero & bit) !== 0 : kind === l2Kinds.zeroPlain || kind === l2Kinds.zeroAllocated;
    const isData = extended ? (alloc & bit) !== 0 : kind === l2Kinds.normal;
    if (inUnit === 0 || isZero || !isData || !this.isOwn) {
      return inUnit === 0 || isZero;
    }
    const bytes = new Uint8Array(unitSize - inUnit);
    await this.#plan.draft.read(BigInt(l2HostOffset(hi, lo)) + BigInt(this.#used), bytes);
    return bytes.every((byte) => byte === 0);
  }

  /** Puts the guest's bytes of the cluster, with zeros behind, into a cluster of its own. */
  async #rewrite(): Promise<void> {
    const { geometry, draft } = this.#plan;
    const clusters = await this.#plan.clusters.get();
    const bytes = await this.#guestBytes();
    const cluster = await clusters.allocate(1);
    await draft.write('guest data', BigInt(cluster) * BigInt(geometry.clusterSize), bytes);
    const zero = geometry.extended ? unitsFrom(Math.ceil(this.#used / geometry.unitSize)) : 0;
    await this.#writeEntry({ ...this.#leadTo(cluster), zero, alloc: ~zero });
  }

  async #guestBytes(): Promise<Uint8Array> {
    const { image, geometry } = this.#plan;
    const bytes = new Uint8Array(geometry.clusterSize);
    const at = guestOffset(geometry, this.#cluster);
    const runs = await new GuestData(image, requireLayer(image), this.#ports).read(at, bytes.subarray(0, this.#used));
    const unknown = runs.find(({ kind }) => natureOf(kind) === 'unknown');
    if (unknown) {
      throw new Qcow2Error(
        'damaged',
        `The cluster in which the disk ends can’t be read (${unknown.why ?? unknown.kind}). Check and repair the image first.`,
      );
    }
    return bytes;
  }

  #leadTo(cluster: number): Pick<Entry, 'hi' | 'lo'> {
    const offset = cluster * this.#plan.geometry.clusterSize;
    return { hi: 0x8000_0000 + Math.floor(offset / 2 ** 32), lo: offset % 2 ** 32 };
  }

  async #writeEntry({ hi, lo, alloc, zero }: Entry): Promise<void> {
    const { l2Entries, l2EntryBytes, extended } = this.#plan.geometry;
    const { view } = await this.#tables.edit(Math.floor(this.#cluster / l2Entries));
    const at = (this.#cluster % l2Entries) * l2EntryBytes;
    view.setUint32(at, hi);
    view.setUint32(at + 4, lo);
    if (extended) {
      view.setUint32(at + 8, zero);
      view.setUint32(at + 12, alloc);
    }
  }

  /** Counts the references that a former entry had. */
  #count({ hi, lo }: Entry, kind: L2Kind): void {
    const { clusterBits, clusterSize } = this.#plan.geometry;
    if (kind === l2Kinds.compressed) {
      const byte = compressedByte(lo, clusterBits);
      const end = byte - (byte % compressedSectorBytes) + compressedSectors(hi, clusterBits) * compressedSectorBytes;
      this.#gone.addRun(compressedCluster(hi, lo, clusterBits), Math.ceil(end / clusterSize));
    } else if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
      this.#gone.add(Math.floor(l2HostOffset(hi, lo) / clusterSize), 1);
    }
  }
}

/** The bits of the subclusters from one on; none where that is behind the last. */
function unitsFrom(first: number): number {
  return first >= subclustersPerCluster ? 0 : -1 << first;
}

function requireLayer({ layer }: Image): Layer {
  if (!layer) {
    throw new Qcow2Error('damaged', 'The image has no tables that can be read.');
  }
  return layer;
}
