import { type Bitmap, bitmapFixedBytes } from '../format/bitmaps.ts';
import { decodeText } from '../format/text.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import { type BitmapFault, type BitmapVerb, bitmapFault } from './bitmapFaults.ts';
import { loadedBitmaps, type PlannedBitmap, plannedName, trackedSize } from './plannedBitmap.ts';

/** One thing that is done to the bitmap of a request. */
export type BitmapAction =
  | { readonly verb: 'remove' | 'clear' | 'enable' | 'disable' }
  /** `granularity`: bytes of the disk a bit; undefined: QEMU's default for the cluster size. */
  | { readonly verb: 'add'; readonly granularity?: bigint }
  /**
   * The bits of the bitmap `name` are added. `from`: the image that has it, unless it is the same one; `none`: one of a
   * format without bitmaps.
   */
  | { readonly verb: 'merge'; readonly name: Uint8Array; readonly from?: Image | 'none' };

/** The bitmaps after the actions. */
export interface PlannedBitmaps {
  /** In the directory's order. */
  readonly bitmaps: readonly PlannedBitmap[];
  /** The entry that is taken out of the directory. */
  readonly removed: Bitmap | undefined;
  /** The entry whose bits are given up. */
  readonly lost: Bitmap | undefined;
}

/** QEMU's default granularity: the cluster size within these bounds (bdrv_get_default_bitmap_granularity). */
const defaultGranularity = { least: 4096, most: 65536 } as const;

/**
 * What becomes of the bitmaps of an image when the actions are done to the one of a name, one after the other. Throws the
 * fault of the first action that can't be done.
 *
 * @param loaded - the bitmaps that the image has
 */
export async function actOn(
  image: Image,
  loaded: readonly PlannedBitmap[],
  name: Uint8Array,
  actions: readonly BitmapAction[],
): Promise<PlannedBitmaps> {
  const target = loaded.findIndex(({ nameBytes }) => sameName(nameBytes, name));
  const others = loaded.filter((_, index) => index !== target);
  const acting = new Acting(image, name, others, loaded[target]);
  for (const action of actions) {
    await acting.act(action);
  }
  const { bitmap, removed, lost } = acting;
  const at = bitmap?.entry ? target : others.length;
  return { bitmaps: bitmap ? others.toSpliced(at, 0, bitmap) : others, removed, lost };
}

class Acting {
  /** The bitmap of the name; undefined where there is none (any more). */
  bitmap: PlannedBitmap | undefined;
  removed: Bitmap | undefined;
  lost: Bitmap | undefined;
  readonly #onDisk: Bitmap | undefined;
  readonly #image: Image;
  readonly #name: Uint8Array;
  readonly #others: readonly PlannedBitmap[];

  constructor(image: Image, name: Uint8Array, others: readonly PlannedBitmap[], bitmap: PlannedBitmap | undefined) {
    this.#image = image;
    this.#name = name;
    this.#others = others;
    this.#onDisk = bitmap?.inconsistent === false ? bitmap.entry : undefined;
    this.bitmap = bitmap;
  }

  async act(action: BitmapAction): Promise<void> {
    if (action.verb === 'add') {
      this.bitmap = this.#added(action.granularity);
      return;
    }
    const bitmap = this.bitmap ?? this.#fail(action.verb, { kind: 'not-found', bitmap: decodeText(this.#name) });
    if (action.verb === 'remove') {
      this.removed ??= bitmap.entry;
      this.lost = this.#onDisk;
      this.bitmap = undefined;
      return;
    }
    this.bitmap =
      action.verb === 'merge'
        ? await this.#merged(bitmap, action)
        : this.#changed(this.#consistent(action.verb, bitmap), action.verb);
  }

  #changed(bitmap: PlannedBitmap, verb: 'clear' | 'enable' | 'disable'): PlannedBitmap {
    if (verb === 'clear') {
      this.lost = this.#onDisk;
      return { ...bitmap, sources: new Set() };
    }
    return { ...bitmap, enabled: verb === 'enable' };
  }

  /** As qmp_block_dirty_bitmap_add and qcow2_co_can_store_new_dirty_bitmap check it. */
  #added(granularity: bigint | undefined): PlannedBitmap {
    const { header, geometry } = this.#image;
    const fail = (fault: BitmapFault): never => this.#fail('add', fault);
    const bytes = granularity ?? BigInt(standardGranularity(geometry?.clusterSize ?? 0));
    const bits = bytes.toString(2).length - 1;
    if (this.#name.length === 0) {
      fail({ kind: 'no-name' });
    }
    if (bytes !== 1n << BigInt(bits) || bits < limits.minGranularityBits || bits > limits.maxGranularityBits) {
      fail({ kind: 'granularity', bytes });
    }
    if (this.bitmap) {
      fail({ kind: 'exists' });
    }
    if (header && header.version < 3) {
      fail({ kind: 'version-2' });
    }
    if (geometry && trackedSize(geometry) === 0n) {
      fail({ kind: 'empty-disk' });
    }
    if (geometry && (trackedSize(geometry) + bytes * 8n - 1n) / (bytes * 8n) > BigInt(limits.bitmapBytes)) {
      fail({ kind: 'too-big' });
    }
    if (this.#name.length > limits.bitmapNameBytes) {
      fail({ kind: 'name-too-long', bytes: this.#name.length });
    }
    if (this.#others.length >= limits.bitmaps) {
      fail({ kind: 'too-many' });
    }
    const sizes = [...this.#others.map(({ nameBytes }) => nameBytes.length), this.#name.length].map(entryBytes);
    if (sizes.reduce((sum, size) => sum + size, 0) > limits.bitmapDirectoryBytes) {
      fail({ kind: 'directory-full' });
    }
    return {
      nameBytes: this.#name,
      granularityBits: bits,
      enabled: true,
      inconsistent: false,
      sources: new Set(),
      entry: undefined,
    };
  }

  async #merged(
    bitmap: PlannedBitmap,
    { name, from }: Extract<BitmapAction, { verb: 'merge' }>,
  ): Promise<PlannedBitmap> {
    const own = [...this.#others, bitmap];
    const there = from === undefined ? own : from === 'none' ? [] : await loadedBitmaps(from);
    const source =
      there.find(({ nameBytes }) => sameName(nameBytes, name)) ??
      this.#fail('merge', { kind: 'not-found', bitmap: decodeText(name) });
    this.#consistent('merge', bitmap);
    this.#consistent('merge', source);
    const sizes = [this.#image, from].map((image) =>
      typeof image === 'object' && image.geometry ? trackedSize(image.geometry) : undefined,
    );
    const [size = 0n, other = size] = sizes;
    if (size !== other) {
      this.#fail('merge', { kind: 'sizes', own: size, other });
    }
    return { ...bitmap, sources: new Set([...bitmap.sources, ...source.sources]) };
  }

  #consistent(verb: BitmapVerb, bitmap: PlannedBitmap): PlannedBitmap {
    if (bitmap.inconsistent) {
      this.#fail(verb, { kind: 'inconsistent', bitmap: plannedName(bitmap) });
    }
    return bitmap;
  }

  #fail(verb: BitmapVerb, fault: BitmapFault): never {
    throw bitmapFault(verb, decodeText(this.#name), fault);
  }
}

function standardGranularity(clusterSize: number): number {
  return Math.min(Math.max(clusterSize, defaultGranularity.least), defaultGranularity.most);
}

/** Bytes of a directory entry for a name of so many bytes. */
function entryBytes(nameBytes: number): number {
  return Math.ceil((bitmapFixedBytes + nameBytes) / 8) * 8;
}

function sameName(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
