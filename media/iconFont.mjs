// Cuts the icon font and its style sheet down to the icons that the pages name.
import { glob, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';

/** Flags of a component of a composite glyph (OpenType, glyf). */
const wordArguments = 0x1;
const oneScale = 0x8;
const moreComponents = 0x20;
const twoScales = 0x40;
const matrix = 0x80;

/**
 * Writes the font and the style sheet with those icons of which a page's source has the name.
 *
 * @param style - path of the whole style sheet, which has its font beside it
 * @param folder - of the built pages
 */
export async function writeIconFont(style, folder) {
  const named = await namesIn('webview');
  const kept = new Set();
  const rule = /\.codicon-([\w-]+):before\s*\{\s*content:\s*"\\([0-9a-f]+)"\s*\}/g;
  const cut = (await readFile(style, 'utf8')).replace(rule, (whole, name, code) => {
    if (!named.has(name)) {
      return '';
    }
    kept.add(Number.parseInt(code, 16));
    return whole;
  });
  if (kept.size === 0) {
    throw new Error(`${style} is written in another way now: its icons are not found`);
  }
  const { code } = await transform(cut, { loader: 'css', minify: true, legalComments: 'none' });
  await writeFile(join(folder, 'codicon.css'), code);
  const font = await readFile(join(dirname(style), 'codicon.ttf'));
  await writeFile(join(folder, 'codicon.ttf'), withGlyphs(font, kept));
}

/** All words in quotes in the sources of a folder. */
async function namesIn(folder) {
  const names = new Set();
  for await (const path of glob(`${folder}/**/*.ts`)) {
    for (const [, name] of (await readFile(path, 'utf8')).matchAll(/['"`\s-]([a-z][a-z0-9-]*)(?=['"`\s])/g)) {
      names.add(name);
    }
  }
  return names;
}

/** A TrueType font in which only the glyphs of these characters have an outline. */
function withGlyphs(font, characters) {
  const tables = tablesOf(font);
  const long = tables.get('head').readInt16BE(50) === 1;
  const glyf = tables.get('glyf');
  const loca = tables.get('loca');
  const count = tables.get('maxp').readUInt16BE(4);
  const at = (index) => (long ? loca.readUInt32BE(4 * index) : 2 * loca.readUInt16BE(2 * index));
  const glyph = (index) => glyf.subarray(at(index), at(index + 1));
  const kept = new Set([0]);
  const keep = (index) => {
    if (!kept.has(index)) {
      kept.add(index);
      componentsOf(glyph(index)).forEach(keep);
    }
  };
  for (const [character, index] of charactersOf(tables.get('cmap'))) {
    if (characters.has(character)) {
      keep(index);
    }
  }
  const outlines = Array.from({ length: count }, (_, index) => (kept.has(index) ? glyph(index) : Buffer.alloc(0)));
  const newLoca = Buffer.alloc(loca.length);
  let end = 0;
  for (let index = 0; index <= count; index++) {
    if (long) {
      newLoca.writeUInt32BE(end, 4 * index);
    } else {
      newLoca.writeUInt16BE(end / 2, 2 * index);
    }
    end += outlines[index]?.length ?? 0;
  }
  tables.set('glyf', Buffer.concat(outlines));
  tables.set('loca', newLoca);
  // Version 3: no names of glyphs.
  const post = Buffer.from(tables.get('post').subarray(0, 32));
  post.writeUInt32BE(0x0003_0000, 0);
  tables.set('post', post);
  return fontOf(font.readUInt32BE(0), tables);
}

function tablesOf(font) {
  const tables = new Map();
  for (let index = 0; index < font.readUInt16BE(4); index++) {
    const entry = font.subarray(12 + 16 * index);
    const start = entry.readUInt32BE(8);
    tables.set(entry.toString('latin1', 0, 4), font.subarray(start, start + entry.readUInt32BE(12)));
  }
  return tables;
}

/** Pairs of character and glyph in the subtables of format 4, which has all that lies below 2^16. */
function* charactersOf(cmap) {
  for (let index = 0; index < cmap.readUInt16BE(2); index++) {
    const table = cmap.subarray(cmap.readUInt32BE(8 + 8 * index));
    if (table.readUInt16BE(0) === 4) {
      const segments = table.readUInt16BE(6) / 2;
      for (let segment = 0; segment < segments; segment++) {
        const [endAt, startAt] = [14 + 2 * segment, 16 + 2 * segments + 2 * segment];
        const deltaAt = startAt + 2 * segments;
        const rangeAt = deltaAt + 2 * segments;
        const [last, first] = [table.readUInt16BE(endAt), table.readUInt16BE(startAt)];
        const range = table.readUInt16BE(rangeAt);
        for (let character = first; character <= last && character < 0xffff; character++) {
          const listed = range === 0 ? character : table.readUInt16BE(rangeAt + range + 2 * (character - first));
          yield [character, (listed + table.readUInt16BE(deltaAt)) & 0xffff];
        }
      }
    }
  }
}

/** The glyphs of which a composite one is made. */
function componentsOf(glyph) {
  const found = [];
  if (glyph.length > 0 && glyph.readInt16BE(0) < 0) {
    for (let at = 10, flags = moreComponents; flags & moreComponents; ) {
      flags = glyph.readUInt16BE(at);
      found.push(glyph.readUInt16BE(at + 2));
      const scale = flags & oneScale ? 2 : flags & twoScales ? 4 : flags & matrix ? 8 : 0;
      at += 4 + (flags & wordArguments ? 4 : 2) + scale;
    }
  }
  return found;
}

/** Puts tables together. */
function fontOf(version, tables) {
  const head = Buffer.alloc(12 + 16 * tables.size);
  const power = Math.floor(Math.log2(tables.size));
  head.writeUInt32BE(version, 0);
  head.writeUInt16BE(tables.size, 4);
  head.writeUInt16BE(16 * 2 ** power, 6);
  head.writeUInt16BE(power, 8);
  head.writeUInt16BE(16 * (tables.size - 2 ** power), 10);
  const parts = [head];
  let start = head.length;
  for (const [index, [name, table]] of [...tables].entries()) {
    const padded = Buffer.alloc(Math.ceil(table.length / 4) * 4);
    table.copy(padded);
    head.write(name, 12 + 16 * index, 'latin1');
    head.writeUInt32BE(sumOf(padded), 16 + 16 * index);
    head.writeUInt32BE(start, 20 + 16 * index);
    head.writeUInt32BE(table.length, 24 + 16 * index);
    parts.push(padded);
    start += padded.length;
  }
  return Buffer.concat(parts);
}

function sumOf(table) {
  let sum = 0;
  for (let at = 0; at < table.length; at += 4) {
    sum = (sum + table.readUInt32BE(at)) >>> 0;
  }
  return sum;
}
