import { systemText } from '../error.ts';
import { type Finding, type FindingCode, finding } from '../finding.ts';
import { type Bitmap, type BitmapDirectoryFormat, bitmapFixedBytes, bitmapName } from '../format/bitmaps.ts';
import { bitmapTableEntryBytes } from '../format/bitmapTable.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { limits } from '../limits.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import type { Image } from './image.ts';
import { type EntryPlace, type Flaw, flaws, owners } from './reference.ts';
import { walkBitmapReferences } from './references.ts';

/** Bit 0 of a directory entry's flags: in_use. */
const inUse = 1;

/** What keeps QEMU from loading the bitmaps of a directory without flaws (qcow2_load_dirty_bitmaps). */
export class BitmapLoading {
  readonly #directory: BitmapDirectoryFormat;
  /** The index of the first bitmap of each name. */
  readonly #first = new Map<string, number>();
  #bytes = 0;

  constructor(directory: BitmapDirectoryFormat) {
    this.#directory = directory;
  }

  /** The finding about a bitmap, to be called for each in the directory's order. Bitmaps in use are not loaded. */
  add(bitmap: Bitmap): Finding | undefined {
    const { index, fields, nameBytes, offset } = bitmap;
    const first = this.#sameName(bitmap);
    if ((fields.flags & inUse) !== 0) {
      return undefined;
    }
    const host = { offset, length: BigInt(bitmapFixedBytes + nameBytes.length) };
    const report = (code: FindingCode, values: Finding['values']): Finding =>
      finding(code, `bitmap[${index}]`, { name: bitmapName(bitmap), index, ...values }, { host });
    if (first !== undefined) {
      return report('bitmap-name-duplicate', { first });
    }
    const needed = neededEntries(fields.granularity_bits, this.#directory);
    const entries = fields.bitmap_table_size;
    return needed === BigInt(entries) ? undefined : report('bitmap-table-size-wrong', { entries, needed });
  }

  /** The index of the bitmap before this one that has its name. */
  #sameName({ index, nameBytes }: Bitmap): number | undefined {
    if (nameBytes.length > limits.bitmapNameBytes) {
      return undefined;
    }
    const name = String.fromCharCode(...nameBytes);
    const first = this.#first.get(name);
    this.#bytes += name.length;
    if (first === undefined && this.#bytes <= limits.bitmapNamesBytes) {
      this.#first.set(name, index);
    }
    return first;
  }
}

/** Entries that a bitmap's table must have: a bit a granule, in 64-bit words, in clusters. */
export function neededEntries(
  granularityBits: number,
  { virtualSize, clusterBits }: Pick<BitmapDirectoryFormat, 'virtualSize' | 'clusterBits'>,
): bigint {
  const granules = divideUp(virtualSize - (virtualSize % 512n), 1n << BigInt(granularityBits));
  return divideUp(divideUp(granules, 64n) * 8n, 1n << BigInt(clusterBits));
}

function divideUp(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}

/** Findings of a bitmap's table that keep QEMU from loading it, and QEMU's error. */
const tableFlaws: ReadonlyMap<FindingCode, string> = new Map<FindingCode, string>([
  ['bitmap-table-entry-reserved', systemText('EINVAL')],
  ['bitmap-table-entry-unaligned', systemText('EINVAL')],
  ['bitmap-table-entry-unreadable', systemText('EIO')],
]);

/**
 * The bitmaps whose tables have flaws, one finding each: QEMU loads every bitmap that is not in use, and refuses the
 * image when it can't. `findings`: those of the table entries.
 */
export async function unloadableBitmaps(image: Image, findings: readonly Finding[]): Promise<Finding[]> {
  const errors = new Map<number, string>();
  for (const { code, values } of findings) {
    const error = tableFlaws.get(code);
    if (error !== undefined && typeof values.index === 'number' && !errors.has(values.index)) {
      errors.set(values.index, error);
    }
  }
  return unloadable(image, errors);
}

/** As `unloadableBitmaps`, for an image of which nothing was scanned: reads the bitmap tables and nothing else. */
export async function findUnloadableBitmaps(image: Image): Promise<Finding[]> {
  const errors = new Map<number, string>();
  const flaw = (kind: Flaw, { owner, source }: EntryPlace): void => {
    if (owner === owners.bitmapData && !errors.has(source)) {
      errors.set(source, systemText(kind === flaws.unreadable ? 'EIO' : 'EINVAL'));
    }
  };
  if (image.geometry) {
    await walkBitmapReferences(image, image.geometry, { reference: () => undefined, flaw }, async () => undefined);
  }
  return unloadable(image, errors);
}

/**
 * The findings of an opened image with the first of its bitmaps that can't be loaded, in QEMU's order: it loads them last, one
 * after the other, and reads the table of each before it looks at the table's size.
 */
export function inLoadingOrder(findings: readonly Finding[], [first]: readonly Finding[]): readonly Finding[] {
  if (!first) {
    return findings;
  }
  const later = findings.findIndex(({ code, values }) => {
    const after = Number(values.index) - Number(first.values.index);
    return (code === 'bitmap-table-size-wrong' && after >= 0) || (code === 'bitmap-name-duplicate' && after > 0);
  });
  return later < 0 ? [...findings, first] : findings.toSpliced(later, 0, first);
}

/** The findings for bitmaps that are not in use. `errors`: by index, what keeps QEMU from loading a bitmap. */
async function unloadable(image: Image, errors: ReadonlyMap<number, string>): Promise<Finding[]> {
  const found: Finding[] = [];
  const loads = image.header !== undefined && hasBitmaps(image.header);
  if (!loads || !image.bitmapDirectory) {
    return found;
  }
  await walkBitmapDirectory(image.storage, image.bitmapDirectory, ({ entries }) => {
    for (const bitmap of entries) {
      const error = isOutOfReach(bitmap) ? systemText('EIO') : errors.get(bitmap.index);
      if (error !== undefined && (bitmap.fields.flags & inUse) === 0) {
        const values = { name: bitmapName(bitmap), index: bitmap.index, error };
        found.push(finding('bitmap-table-unreadable', `bitmap[${bitmap.index}]`, values));
      }
    }
  });
  return found;
}

/** Whether a bitmap's table is farther out than any file reaches. */
function isOutOfReach({ fields }: Bitmap): boolean {
  const length = BigInt(fields.bitmap_table_size) * BigInt(bitmapTableEntryBytes);
  return fields.bitmap_table_offset + length > limits.fileEnd;
}
