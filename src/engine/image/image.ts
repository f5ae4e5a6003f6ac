import type { ByteRange, Finding, FindingCode } from '../finding.ts';
import type { BitmapDirectoryFormat } from '../format/bitmaps.ts';
import type { Extension } from '../format/extensions.ts';
import type { Header } from '../format/header.ts';
import type { Luks } from '../format/luks.ts';
import type { Storage } from '../ports.ts';
import type { BackingDescription, FileDescription, Section } from './description.ts';
import type { Geometry } from './geometry.ts';
import type { L1Table } from './l1Table.ts';
import type { Layer } from './layer.ts';

/** How far a list was read. */
export type SectionState = Section<never>['state'];

/**
 * An opened image: what the header, the extensions and the tables' places tell, as far as it could be read. The entries
 * of the snapshot table and the bitmap directory are not kept; `readSnapshots` and `readBitmaps` read them again.
 */
export interface Image {
  readonly storage: Storage;
  readonly file: FileDescription;
  /** Absent where the file has no header that can be read. */
  readonly header?: Header;
  /** Absent where the cluster size is out of bounds: no table can be found then. */
  readonly geometry?: Geometry;
  readonly extensions: readonly Extension[];
  /** The backing file as named. */
  readonly backing?: BackingDescription;
  /** The external data file as named. */
  readonly dataFile?: { readonly name: string | undefined; readonly raw: boolean };
  /** The active L1 table; without entries where it can't be found. */
  readonly l1: L1Table;
  /** The active layer; absent without a geometry. */
  readonly layer?: Layer;
  /** `end`: host offset in bytes at which the snapshot table ends, as far as it could be read. */
  readonly snapshots: { readonly state: SectionState; readonly count: number; readonly end: bigint };
  readonly bitmaps: { readonly state: SectionState; readonly count: number };
  /** Where the bitmap directory is, if there is one. */
  readonly bitmapDirectory?: BitmapDirectoryFormat;
  /** Where the LUKS header and its key material are, if the image names the place. */
  readonly luksArea?: ByteRange;
  /** The LUKS header, if it could be read. */
  readonly luks?: Luks;
  /** Those of opening, in QEMU's order; the first ones, if they are very many. */
  readonly findings: readonly Finding[];
  /** How many there are in all. */
  readonly findingCount: number;
  /** How many there are beyond those, by code; absent where all are listed. */
  readonly unlistedFindings?: ReadonlyMap<FindingCode, number>;
}
