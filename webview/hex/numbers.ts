import { showCount } from '../../src/engine/format/show.ts';

/** Bytes as one kind of number, in both byte orders; undefined where there are too few. */
export interface NumberRow {
  readonly name: string;
  readonly bytes: number;
  readonly little: string | undefined;
  readonly big: string | undefined;
}

/** How each kind is read. */
const readers: readonly (readonly [name: string, bytes: number, read: (view: DataView, little: boolean) => string])[] =
  [
    ['u8', 1, (view) => showCount(view.getUint8(0))],
    ['i8', 1, (view) => showCount(view.getInt8(0))],
    ['u16', 2, (view, little) => showCount(view.getUint16(0, little))],
    ['i16', 2, (view, little) => showCount(view.getInt16(0, little))],
    ['u32', 4, (view, little) => showCount(view.getUint32(0, little))],
    ['i32', 4, (view, little) => showCount(view.getInt32(0, little))],
    ['u64', 8, (view, little) => showCount(view.getBigUint64(0, little))],
    ['i64', 8, (view, little) => showCount(view.getBigInt64(0, little))],
    ['f32', 4, (view, little) => String(view.getFloat32(0, little))],
    ['f64', 8, (view, little) => String(view.getFloat64(0, little))],
  ];

/** Bytes that the numbers take at most. */
export const mostNumberBytes = 8;

/** What the first of the bytes are as numbers. */
export function numberRows(bytes: Uint8Array): NumberRow[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return readers.map(([name, length, read]) => ({
    name,
    bytes: length,
    little: bytes.length < length ? undefined : read(view, true),
    big: bytes.length < length ? undefined : read(view, false),
  }));
}

/** Bytes as UTF-8 up to the first that is none, with all that is not seen written out by the caller. */
export function textOf(bytes: Uint8Array, encoding: 'utf-8' | 'utf-16le'): string {
  return new TextDecoder(encoding).decode(bytes);
}
