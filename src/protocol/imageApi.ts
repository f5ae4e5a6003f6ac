import type { FindingTexts } from '../engine/finding.ts';
import type { ImageDescription } from '../engine/image/description.ts';
import type { Scan } from '../engine/image/scan.ts';

/** What an image is as a whole. */
export interface ImageApi {
  /** What opening tells: header, extensions, snapshots, bitmaps, findings of opening. Reads no table entries. */
  describe(): DescribedImage;
  /** Walks every L1, L2 and refcount entry once; later calls get the same result. Reports progress. */
  scan(): ScanResult;
}

/** What opening tells of an image, for the page and the commands. */
export interface DescribedImage extends ImageDescription, WithTexts {
  /** Why no repair takes it, and what helps instead, as sentences; absent where one does. */
  readonly noRepair?: string;
}

/** What a whole walk over the tables has found: of many findings the first ones. */
export type ScanResult = Scan & WithTexts;

/** The texts of the findings that come with it: the page has none of its own. */
export interface WithTexts {
  readonly texts: FindingTexts;
}
