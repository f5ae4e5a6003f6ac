import { Qcow2Error, systemText } from '../error.ts';
import type { Codecs, Storage } from '../ports.ts';
import { asGuestOffset, guestOffset } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Layer } from './layer.ts';
import { lookup } from './lookup.ts';

/** A cluster that was stored compressed. */
export interface DecompressedCluster {
  /** A cluster of bytes; absent where it could not be decompressed. */
  readonly bytes?: Uint8Array;
  /** Host offset in bytes at which its compressed data starts. */
  readonly host?: bigint;
  /** Why there are no bytes, and where. */
  readonly why?: string;
  /** The system failed to read the compressed data, or the table. */
  readonly unreadable: boolean;
}

/** Bytes of decompressed clusters that are kept. */
const keptBytes = 8 * 2 ** 20;

/** Decompresses clusters of one layer, and keeps the last ones. */
export class CompressedClusters {
  /** Clusters decompressed so far: to see how much work was done. */
  decompressed = 0;
  readonly #storage: Storage;
  readonly #layer: Layer;
  readonly #codecs: Codecs;
  readonly #compressionType: number;
  /** By guest cluster, the last one used at the end. */
  readonly #kept = new Map<number, DecompressedCluster>();

  /** `compressionType`: of the header, 0 deflate, 1 Zstandard. */
  constructor(storage: Storage, layer: Layer, codecs: Codecs, compressionType: number) {
    this.#storage = storage;
    this.#layer = layer;
    this.#codecs = codecs;
    this.#compressionType = compressionType;
  }

  /** The content of a guest cluster that is compressed. */
  async cluster(index: number): Promise<DecompressedCluster> {
    const known = this.#kept.get(index);
    const found = known ?? (await this.#decompress(index));
    this.#kept.delete(index);
    this.#kept.set(index, found);
    const most = Math.max(1, Math.floor(keptBytes / this.#layer.geometry.clusterSize));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > most && oldest !== undefined) {
      this.#kept.delete(oldest);
    }
    return found;
  }

  /** As QEMU's qcow2_co_preadv_compressed: all of its sectors are read, and they must give a whole cluster. */
  async #decompress(index: number): Promise<DecompressedCluster> {
    const { geometry } = this.#layer;
    const guest = asGuestOffset(guestOffset(geometry, index));
    const { host, compressedBytes } = await lookup({ storage: this.#storage }, this.#layer, guest);
    if (host === undefined || compressedBytes === undefined) {
      return { unreadable: true, why: 'The L2 entry could not be read again' };
    }
    const compressed = new Uint8Array(compressedBytes);
    const place = `${compressedBytes} bytes at host offset 0x${host.toString(16)}`;
    const [bad] = await readHostBytes(this.#storage, host, compressed);
    if (bad) {
      return { host, unreadable: true, why: `${systemText(bad.system)} in the compressed data, ${place}` };
    }
    this.decompressed++;
    try {
      const bytes = decompress(this.#codecs, this.#compressionType, compressed, geometry.clusterSize);
      return bytes.length === geometry.clusterSize
        ? { host, bytes, unreadable: false }
        : { host, unreadable: false, why: `${place} give ${bytes.length} of ${geometry.clusterSize} bytes` };
    } catch (error) {
      if (error instanceof Qcow2Error) {
        return { host, unreadable: false, why: `${place}: ${error.message}` };
      }
      throw error;
    }
  }
}

/**
 * What compressed bytes give, at most `limit` bytes. `type`: of the header, 0 deflate, 1 Zstandard. Throws `Qcow2Error`
 * where they give nothing.
 */
export function decompress(codecs: Codecs, type: number, compressed: Uint8Array, limit: number): Uint8Array {
  switch (type) {
    case 0:
      return codecs.inflate(compressed, limit);
    case 1:
      return codecs.unzstd(compressed, limit);
    default:
      throw new Qcow2Error('not-supported', `Compression type ${type} is not known.`);
  }
}
