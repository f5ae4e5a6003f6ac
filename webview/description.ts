import type { FindingText, Severity } from '../src/engine/finding.ts';
import type { Result } from '../src/protocol/api.ts';

/** The image as the worker describes it. */
export type Image = Omit<Result<'describe'>, 'texts'>;
/** Its header. */
export type Header = NonNullable<Image['header']>;
/** A row of a structure. */
export type Row = Header['fields'][number];
/** One of the three feature masks. */
export type Mask = Header['features'][number];
/** A bit of a feature mask. */
export type Bit = Mask['bits'][number];
/** A header extension. */
export type Extension = Image['extensions'][number];
/** A snapshot. */
export type Snapshot = Image['snapshots']['items'][number];
/** A bitmap. */
export type Bitmap = Image['bitmaps']['items'][number];
/** A list that was read whole, in part or not at all. */
export type Section = Image['snapshots'] | Image['bitmaps'];
/** A finding. */
export type Finding = Image['findings'][number];
export type { FindingText, Severity };
