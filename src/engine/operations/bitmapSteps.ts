import type { Clusters } from '../change/clusters.ts';
import type { Draft } from '../change/draft.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { Qcow2Error } from '../error.ts';
import { type Bitmap, type BitmapDirectoryFormat, encodeBitmap } from '../format/bitmaps.ts';
import { bitmapPlace, bitmapTableEntryBytes } from '../format/bitmapTable.ts';
import { bitmapsFields, extensionTypes } from '../format/extensions.ts';
import { encodeFields, sizeOf } from '../format/field.ts';
import { clustersOf, type Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { DirectoryEntry } from './plannedBitmap.ts';

/** Autoclear bit 0: the bitmaps are up to date. */
const bitmapsBit = 1n;

/** Where the bitmap directory lies. */
type Directory = Pick<BitmapDirectoryFormat, 'directoryOffset' | 'directorySize'>;

/** Drafts bitmap directories one after the other, each in free clusters. */
export class BitmapDirectorySteps {
  readonly #draft: Draft;
  readonly #clusters: Clusters;
  readonly #geometry: Geometry;
  readonly #autoclear: bigint;
  #directory: Directory | undefined;

  /** `autoclear`: the feature bits; `directory`: the one that the header leads to, if there is one. */
  constructor(
    draft: Draft,
    clusters: Clusters,
    geometry: Geometry,
    autoclear: bigint,
    directory: Directory | undefined,
  ) {
    this.#draft = draft;
    this.#clusters = clusters;
    this.#geometry = geometry;
    this.#autoclear = autoclear;
    this.#directory = directory;
  }

  /**
   * Writes a directory where nothing is, has the header lead to it, and then gives back the one before and the clusters
   * of the bitmaps `former`. Without entries the image has no bitmaps extension any more (update_ext_header_and_dir).
   */
  async replace(entries: readonly DirectoryEntry[], former: readonly Bitmap[]): Promise<void> {
    const before = this.#directory;
    this.#directory = await this.#write(entries);
    await this.#lead(entries.length);
    if (before) {
      await this.#free(before.directoryOffset, before.directorySize);
    }
    for (const bitmap of former) {
      await this.#freeBitmap(bitmap);
    }
    await this.#clusters.settle();
    await this.#draft.endStep('Give back the clusters that the bitmaps no longer use');
  }

  async #write(entries: readonly DirectoryEntry[]): Promise<Directory | undefined> {
    if (entries.length === 0) {
      return undefined;
    }
    const encoded = entries.map(encodeBitmap);
    const bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const entry of encoded) {
      bytes.set(entry, at);
      at += entry.length;
    }
    const { clusterSize } = this.#geometry;
    const first = await this.#clusters.allocate(Math.ceil(bytes.length / clusterSize));
    const directoryOffset = BigInt(first) * BigInt(clusterSize);
    await this.#draft.write('bitmap directory', directoryOffset, bytes);
    await this.#draft.endStep('Write the bitmaps where nothing is');
    return { directoryOffset, directorySize: BigInt(bytes.length) };
  }

  async #lead(count: number): Promise<void> {
    const directory = this.#directory;
    const data = directory && new Uint8Array(sizeOf(bitmapsFields));
    if (directory && data) {
      const fields = {
        nb_bitmaps: count,
        reserved: 0,
        bitmap_directory_size: directory.directorySize,
        bitmap_directory_offset: directory.directoryOffset,
      };
      encodeFields(bitmapsFields, fields, data);
    }
    const autoclear = directory ? this.#autoclear | bitmapsBit : this.#autoclear & ~bitmapsBit;
    await changeHeader(
      this.#draft,
      { fields: { autoclear_features: autoclear }, extensions: new Map([[extensionTypes.bitmaps, data]]) },
      directory ? 'Have the header lead to the new bitmap directory' : 'Take the bitmaps out of the header',
    );
  }

  /** Gives back the clusters of a bitmap's data and its table. */
  async #freeBitmap({ fields }: Bitmap): Promise<void> {
    const { bitmap_table_offset: offset, bitmap_table_size: entries } = fields;
    const { clusterSize } = this.#geometry;
    const table = new Uint8Array(entries * bitmapTableEntryBytes);
    if ((await readHostBytes(this.#draft, offset, table)).length > 0) {
      throw new Qcow2Error('damaged', 'The table of a bitmap can’t be read: which clusters it has is not known.');
    }
    const view = new DataView(table.buffer);
    for (let index = 0; index < entries; index++) {
      const hi = view.getUint32(index * bitmapTableEntryBytes);
      const place = bitmapPlace(hi, view.getUint32(index * bitmapTableEntryBytes + 4));
      if (place !== 0) {
        await this.#clusters.free(place / clusterSize, 1);
      }
    }
    await this.#free(offset, BigInt(table.length));
  }

  async #free(offset: bigint, length: bigint): Promise<void> {
    const { clusterSize, clusterBits } = this.#geometry;
    await this.#clusters.free(Number(offset / BigInt(clusterSize)), Number(clustersOf(length, clusterBits)));
  }
}
