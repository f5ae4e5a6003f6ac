import assert from 'node:assert/strict';
import { crc32, deflateSync, inflateSync } from 'node:zlib';

/** Colours that a palette has, at most. */
const mostColours = 256;

/** Pixels, three bytes each. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly bytes: Buffer;
}

/**
 * The same picture with a palette of at most `most` colours, which takes a fraction of the bytes. `png` has 8 bits each of
 * red, green and blue and is not interlaced, as Chromium's screenshots are.
 */
export function withPalette(png: Buffer, most = mostColours): Buffer {
  const { width, height, bytes } = decode(png);
  const indexOf = paletteOf(bytes, most);
  const bits = most <= 16 ? 4 : 8;
  const line = 1 + Math.ceil((width * bits) / 8);
  const rows = Buffer.alloc(line * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * line + 1 + Math.floor((x * bits) / 8);
      // The left one of two pixels is in the upper half of the byte.
      const shift = bits === 4 && x % 2 === 0 ? 4 : 0;
      rows[at] = (rows[at] ?? 0) | (indexOf.index(bytes.readUIntBE((y * width + x) * 3, 3)) << shift);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([bits, 3], 8);
  const palette = Buffer.from(indexOf.colours.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([
    png.subarray(0, 8),
    chunk('IHDR', header),
    chunk('PLTE', palette),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A part of a PNG, with its length and checksum. */
export function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/**
 * The most frequent colours, those of the areas, as they are; then one of those that are nearly alike; of these so many as
 * there may be, those first with which the picture changes least. A colour has the nearest one's index.
 */
function paletteOf(bytes: Buffer, most: number): { colours: readonly number[]; index: (colour: number) => number } {
  const counts = new Map<number, number>();
  for (let at = 0; at < bytes.length; at += 3) {
    const colour = bytes.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const frequent = [...counts].sort(([, a], [, b]) => b - a).map(([colour]) => colour);
  const coarse = new Map<number, number>();
  for (const colour of frequent) {
    if (!coarse.has(colour & 0xf8f8f8)) coarse.set(colour & 0xf8f8f8, colour);
  }
  const all = [...new Set([...frequent.slice(0, mostColours / 2), ...coarse.values()])].slice(0, mostColours);
  const colours = all.length <= most ? all : mostNeeded(all, counts, most);
  const nearest = new Map(colours.map((colour, index) => [colour, index]));
  const index = (colour: number): number => {
    const known = nearest.get(colour) ?? nearestOf(colours, colour);
    nearest.set(colour, known);
    return known;
  };
  return { colours, index };
}

/** Takes colour after colour: each time the one with which the pixels of all of them change least. */
function mostNeeded(colours: readonly number[], counts: ReadonlyMap<number, number>, most: number): readonly number[] {
  const taken: number[] = [];
  const errors = colours.map(() => 3 * 255 * 255);
  while (taken.length < Math.min(most, colours.length)) {
    const gains = colours.map((candidate) =>
      colours.reduce((sum, one, index) => {
        const gain = Math.max(0, (errors[index] ?? 0) - distance(one, candidate));
        return sum + gain * (counts.get(one) ?? 0);
      }, 0),
    );
    const best = colours[gains.indexOf(Math.max(...gains))] ?? 0;
    taken.push(best);
    for (const [index, one] of colours.entries()) {
      errors[index] = Math.min(errors[index] ?? 0, distance(one, best));
    }
  }
  return taken;
}

function distance(one: number, other: number): number {
  const parts = [16, 8, 0].map((bits) => ((one >> bits) & 255) - ((other >> bits) & 255));
  return parts.reduce((sum, part) => sum + part * part, 0);
}

function nearestOf(colours: readonly number[], colour: number): number {
  const distances = colours.map((one) => distance(one, colour));
  return distances.indexOf(Math.min(...distances));
}

/** The pixels of a PNG as Chromium makes them. Throws for another one. */
export function decode(png: Buffer): Pixels {
  const width = png.readUInt32BE(16);
  const height = png.readUInt32BE(20);
  assert.deepEqual([...png.subarray(24, 29)], [8, 2, 0, 0, 0], 'a PNG of 8 bits a colour');
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const filtered = inflateSync(Buffer.concat(data));
  const line = width * 3;
  const bytes = Buffer.alloc(line * height);
  for (let at = 0; at < bytes.length; at++) {
    const x = at % line;
    const y = (at - x) / line;
    const left = x < 3 ? 0 : (bytes[at - 3] ?? 0);
    const up = bytes[at - line] ?? 0;
    const corner = x < 3 ? 0 : (bytes[at - line - 3] ?? 0);
    const guess = predict(filtered[y * (line + 1)] ?? 0, left, up, corner);
    bytes[at] = (filtered[y * (line + 1) + 1 + x] ?? 0) + guess;
  }
  return { width, height, bytes };
}

/** What a filter of PNG takes a byte for, by those around it. */
function predict(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4:
      return paeth(left, up, corner);
    default:
      return 0;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [byLeft, byUp, byCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return byLeft <= byUp && byLeft <= byCorner ? left : byUp <= byCorner ? up : corner;
}
