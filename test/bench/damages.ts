import { type FileHandle, open } from 'node:fs/promises';

/** Damage to image (a) of the bench, whose clusters are of 64 KiB. */
export interface Damage {
  readonly name: string;
  /** Writes a few bytes. */
  readonly on: (image: BenchImage) => Promise<void>;
}

const offsetMask = 0x00ff_ffff_ffff_fe00n;
const clusterBits = 16n;
/** The L2 table and the entry of it that are damaged. */
const [table, entry] = [1000n, 100n];

/** What goes wrong in the bench: nothing else is wrong with image (a) then. */
export const damages: readonly Damage[] = [
  { name: 'with a leaked cluster', on: async (image) => image.write64(await image.l2Entry(table, entry), 0n) },
  {
    name: 'with a refcount that is too low',
    on: async (image) => {
      const data = await image.read64(await image.l2Entry(table, entry));
      await image.write(await image.refcount((data & offsetMask) >> clusterBits), Buffer.of(0, 0));
    },
  },
  {
    name: 'with a wrong entry in each L2 table',
    on: async (image) => {
      for (let index = 0n; index < (await image.l2Tables()); index += 1n) {
        const at = await image.l2Entry(index, entry);
        await image.write64(at, (await image.read64(at)) | 2n);
      }
    },
  },
];

/** Damages an image for the time of `act`, and puts back each byte. */
export async function whileDamaged<T>(path: string, { on }: Damage, act: () => Promise<T>): Promise<T> {
  const file = await open(path, 'r+');
  try {
    const image = new BenchImage(file);
    try {
      await on(image);
      return await act();
    } finally {
      await image.putBack();
    }
  } finally {
    await file.close();
  }
}

class BenchImage {
  readonly #file: FileHandle;
  readonly #written: { readonly at: bigint; readonly before: Buffer }[] = [];

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async read64(at: bigint): Promise<bigint> {
    return (await this.#read(at, 8)).readBigUInt64BE();
  }

  async write64(at: bigint, value: bigint): Promise<void> {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    await this.write(at, bytes);
  }

  async write(at: bigint, bytes: Buffer): Promise<void> {
    this.#written.push({ at, before: await this.#read(at, bytes.length) });
    await this.#file.write(bytes, 0, bytes.length, Number(at));
  }

  async putBack(): Promise<void> {
    for (const { at, before } of this.#written.reverse()) {
      await this.#file.write(before, 0, before.length, Number(at));
    }
  }

  /** How many L2 tables there are: `l1_size` of the header. */
  async l2Tables(): Promise<bigint> {
    return BigInt((await this.#read(36n, 4)).readUInt32BE());
  }

  /** Host offset of an L2 entry in bytes. */
  async l2Entry(l1Index: bigint, index: bigint): Promise<bigint> {
    const l1 = await this.read64(40n);
    return ((await this.read64(l1 + l1Index * 8n)) & offsetMask) + index * 8n;
  }

  /** Host offset of a refcount of 16 bits, in bytes. */
  async refcount(cluster: bigint): Promise<bigint> {
    const perBlock = 2n ** (clusterBits - 1n);
    const block = await this.read64((await this.read64(48n)) + (cluster / perBlock) * 8n);
    return block + (cluster % perBlock) * 2n;
  }

  async #read(at: bigint, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.#file.read(bytes, 0, length, Number(at));
    return bytes;
  }
}
