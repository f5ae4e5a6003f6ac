import { MemoryStorage } from './memoryStorage.ts';

/** COPIED, bit 63 of L1 and standard L2 entries. */
export const copied = 1n << 63n;
/** COMPRESSED, bit 62 of an L2 entry. */
export const compressed = 1n << 62n;
/** ZERO, bit 0 of a standard L2 entry (version 3). */
export const zero = 1n;

/** Where each header field is, and its width: written out here on purpose, so that tests don't trust the engine. */
export const headerLayout = {
  magic: [0, 4],
  version: [4, 4],
  backing_file_offset: [8, 8],
  backing_file_size: [16, 4],
  cluster_bits: [20, 4],
  size: [24, 8],
  crypt_method: [32, 4],
  l1_size: [36, 4],
  l1_table_offset: [40, 8],
  refcount_table_offset: [48, 8],
  refcount_table_clusters: [56, 4],
  nb_snapshots: [60, 4],
  snapshots_offset: [64, 8],
  incompatible_features: [72, 8],
  compatible_features: [80, 8],
  autoclear_features: [88, 8],
  refcount_order: [96, 4],
  header_length: [100, 4],
  compression_type: [104, 1],
} as const;

/** Header fields by the spec's names. */
export type HeaderValues = { [name in keyof typeof headerLayout]: number | bigint };

/**
 * A qcow2 image put together by hand. It starts as qemu-img would create it, cluster by cluster: 0 header,
 * 1 refcount table, 2 refcount block, 3 and following L1 table, all with refcount 1. Everything else is put where the
 * test says, right or wrong. (An L1 table beyond what one refcount block covers is left without refcounts.)
 *
 *     const image = new ImageBuilder({ size: 1 << 20 });
 *     image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5)).put(image.at(5), 'guest data');
 *     image.refcount(4, 1).refcount(5, 1);
 *     await openImage(image.toStorage());
 */
export class ImageBuilder {
  /** Bytes a cluster. */
  readonly clusterSize: bigint;
  /** Entries that the L1 table needs for `size`, and has unless `l1_size` said otherwise. */
  readonly l1Entries: number;
  readonly #file = new MemoryStorage();
  readonly #version: number;
  readonly #extended: boolean;
  readonly #refcountOrder: number;
  #extensionEnd: bigint;

  /** Fields that are left out get the values that make a valid, empty image of 1 MiB with clusters of 64 KiB. */
  constructor(values: Partial<HeaderValues> = {}) {
    this.#version = Number(values.version ?? 3);
    this.#extended = (BigInt(values.incompatible_features ?? 0) & 0x10n) !== 0n;
    this.#refcountOrder = Number(values.refcount_order ?? 4);
    const clusterBits = Number(values.cluster_bits ?? 16);
    this.clusterSize = 1n << BigInt(clusterBits);
    const size = BigInt(values.size ?? 1 << 20);
    const tableReach = (this.clusterSize / this.#entrySize) * this.clusterSize;
    this.l1Entries = Number((size + tableReach - 1n) / tableReach);
    const defaults: Partial<HeaderValues> = {
      magic: 0x514649fb,
      version: 3,
      cluster_bits: clusterBits,
      size,
      l1_size: this.l1Entries,
      l1_table_offset: this.at(3),
      refcount_table_offset: this.at(1),
      refcount_table_clusters: 1,
      ...(this.#version >= 3 ? { refcount_order: 4, header_length: 112 } : {}),
    };
    this.header({ ...defaults, ...values });
    this.#extensionEnd = this.#version >= 3 ? BigInt(values.header_length ?? 112) : 72n;
    this.put64(this.at(1), this.at(2));
    const used = 3 + Math.max(1, Math.ceil((this.l1Entries * 8) / Number(this.clusterSize)));
    for (let cluster = 0; cluster < Math.min(used, this.#refcountsPerBlock); cluster += 1) {
      this.refcount(cluster, 1);
    }
    this.#growTo(this.at(used));
  }

  /** Host offset in bytes of cluster `n` of the file. */
  at(n: number | bigint): bigint {
    return BigInt(n) * this.clusterSize;
  }

  /** Writes header fields. */
  header(values: Partial<HeaderValues>): this {
    for (const [name, [offset, width]] of Object.entries(headerLayout)) {
      const value = values[name as keyof HeaderValues];
      if (value !== undefined) {
        this.#number(BigInt(offset), BigInt(value), width);
      }
    }
    return this;
  }

  /** Writes bytes (a string is written as UTF-8) at a host offset. */
  put(offset: number | bigint, bytes: Uint8Array | readonly number[] | string): this {
    const content = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : Uint8Array.from(bytes);
    this.#file.write(BigInt(offset), content);
    return this;
  }

  /** Writes one byte. */
  put8(offset: number | bigint, value: number | bigint): this {
    return this.#number(BigInt(offset), BigInt(value), 1);
  }

  /** Writes a big endian number of 16 bits. */
  put16(offset: number | bigint, value: number | bigint): this {
    return this.#number(BigInt(offset), BigInt(value), 2);
  }

  /** Writes a big endian number of 32 bits. */
  put32(offset: number | bigint, value: number | bigint): this {
    return this.#number(BigInt(offset), BigInt(value), 4);
  }

  /** Writes a big endian number of 64 bits. */
  put64(offset: number | bigint, value: number | bigint): this {
    return this.#number(BigInt(offset), BigInt(value), 8);
  }

  /** Reads back a big endian number of 64 bits. */
  get64(offset: number | bigint): bigint {
    const bytes = this.#file.slice(BigInt(offset), 8);
    return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** Writes entry `index` of the active L1 table (where `l1_table_offset` says that it is). */
  l1(index: number, value: bigint): this {
    return this.put64(this.get64(40) + BigInt(index) * 8n, value);
  }

  /**
   * Writes entry `index` of the L2 table in host cluster `table`; `bitmap` is the second word of an extended entry
   * (low half: allocated subclusters, high half: subclusters that read as zeros).
   */
  entry(table: number, index: number, value: bigint, bitmap?: bigint): this {
    const offset = this.at(table) + BigInt(index) * this.#entrySize;
    this.put64(offset, value);
    if (bitmap !== undefined) {
      this.put64(offset + 8n, bitmap);
    }
    this.#growTo(this.at(table + 1));
    return this;
  }

  /** Writes the refcount of a host cluster into the refcount block `block` (a host cluster; 2 covers the first ones). */
  refcount(cluster: number, value: number | bigint, block = 2): this {
    const bits = 1 << this.#refcountOrder;
    const bit = (cluster % this.#refcountsPerBlock) * bits;
    const offset = this.at(block) + BigInt(Math.floor(bit / 8));
    if (bits >= 8) {
      this.#number(offset, BigInt(value), bits / 8);
    } else {
      const mask = ((1 << bits) - 1) << (bit % 8);
      const old = this.#file.slice(offset, 1)[0] ?? 0;
      this.put8(offset, (old & ~mask) | ((Number(value) << (bit % 8)) & mask));
    }
    this.#growTo(this.at(block + 1));
    return this;
  }

  /** Appends a header extension after the ones before it; its data is padded to a multiple of 8. */
  extension(type: number, data: Uint8Array | readonly number[] | string): this {
    const content = typeof data === 'string' ? new TextEncoder().encode(data) : Uint8Array.from(data);
    this.put32(this.#extensionEnd, type).put32(this.#extensionEnd + 4n, content.length);
    this.put(this.#extensionEnd + 8n, content);
    this.#extensionEnd += 8n + BigInt(Math.ceil(content.length / 8) * 8);
    return this;
  }

  /** Writes the backing file's name after the extensions so far (and the end marker), and its place in the header. */
  backing(name: string, format?: string): this {
    if (format !== undefined) {
      this.extension(0xe2792aca, format);
    }
    const bytes = new TextEncoder().encode(name);
    const offset = this.#extensionEnd + 8n;
    this.put(offset, bytes);
    return this.header({ backing_file_offset: offset, backing_file_size: bytes.length });
  }

  /** Makes the file end at a host offset: cut, or grown with a hole. */
  truncate(size: number | bigint): this {
    this.#file.truncate(BigInt(size));
    return this;
  }

  /** The file as a storage, sparse. Later changes of the builder are seen through it. */
  toStorage(): MemoryStorage {
    return this.#file;
  }

  /** The file as bytes. Throws above 256 MiB: use `toStorage` there. */
  toBytes(): Uint8Array {
    if (this.#file.size > 1n << 28n) {
      throw new RangeError(`${this.#file.size} bytes are too many for toBytes(); use toStorage()`);
    }
    return this.#file.slice(0n, Number(this.#file.size));
  }

  get #refcountsPerBlock(): number {
    return (Number(this.clusterSize) * 8) / 2 ** this.#refcountOrder;
  }

  get #entrySize(): bigint {
    return this.#extended ? 16n : 8n;
  }

  #growTo(size: bigint): void {
    if (this.#file.size < size) {
      this.#file.truncate(size);
    }
  }

  #number(offset: bigint, value: bigint, width: number): this {
    const bytes = new Uint8Array(width);
    for (let index = 0; index < width; index += 1) {
      bytes[width - 1 - index] = Number((value >> BigInt(8 * index)) & 0xffn);
    }
    return this.put(offset, bytes);
  }
}
