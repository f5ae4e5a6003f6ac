import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Finding } from '../../../src/engine/finding.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { bitmapFlagNames, bitmapName, parseBitmapDirectory } from '../../../src/engine/format/bitmaps.ts';
import type { TableChunk, TableCursor } from '../../../src/engine/format/chunk.ts';
import { luksKeyMaterial, parseLuks } from '../../../src/engine/format/luks.ts';
import { checkLuks } from '../../../src/engine/format/luksChecks.ts';
import { readRefcount, refcountBlockEntries } from '../../../src/engine/format/refcounts.ts';
import {
  incompleteSnapshots,
  parseSnapshotTable,
  snapshotExtra,
  snapshotId,
  snapshotName,
  snapshotUnknownExtra,
  snapshotVmStateSize,
} from '../../../src/engine/format/snapshots.ts';
import { decodeText } from '../../../src/engine/format/text.ts';

/** Numbers of 1 to 8 bytes, most of them zero or small, some as large as can be: lengths that fit, and that can't be. */
const number = fc
  .tuple(fc.constantFrom(1, 2, 4, 8), fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(64), fc.constant(-1)))
  .map(([width, value]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, BigInt(value));
    return [...new Uint8Array(view.buffer, 8 - width)];
  });
const bytes = fc.array(number, { maxLength: 400, size: 'max' }).map((list) => Uint8Array.from(list.flat()));

/** The longest entry that a parser asks for: known fields, 1 MiB of extra data, ID and name. */
const longestEntry = 2 ** 20 + 2 ** 18;

/**
 * Reads a table through a window, as the image does. Every step must go on, or ask for more bytes than there were.
 * Returns what was found and how many steps it took: at most three an entry (none of it, its fixed part, all of it).
 */
function walk<T>(
  table: Uint8Array,
  offset: bigint,
  window: number,
  parse: (seen: Uint8Array, cursor: TableCursor) => TableChunk<T>,
): { entries: T[]; findings: Finding[]; steps: number } {
  const entries: T[] = [];
  const findings: Finding[] = [];
  let cursor: TableCursor = { index: 0, offset };
  let length = window;
  for (let steps = 1; ; steps++) {
    const at = Number(cursor.offset - offset);
    const chunk = parse(table.subarray(at, at + length), cursor);
    entries.push(...chunk.entries);
    findings.push(...chunk.findings);
    assert(chunk.needs <= longestEntry, `asks for ${chunk.needs} bytes`);
    assert(chunk.next.index - cursor.index === chunk.entries.length);
    assert(chunk.next.offset >= cursor.offset);
    if (chunk.needs === 0 || Number(chunk.next.offset - offset) + chunk.needs > table.length) {
      return { entries, findings, steps };
    }
    assert(chunk.next.index > cursor.index || chunk.needs > length, 'stands still');
    length = Math.max(window, chunk.needs);
    cursor = chunk.next;
  }
}

/** Bytes at the bounds of Unicode's table of well-formed UTF-8. */
const bounds = [
  0, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
];
const utf8Byte = fc.oneof(fc.constantFrom(...bounds), fc.constantFrom(0x80, 0xbf), fc.nat(255));

describe('junk', () => {
  it('as a snapshot table gives entries that are within it, and ends', () => {
    const place = fc.constantFrom(0n, 4n, 65536n, 2n ** 63n, 2n ** 64n - 8n);
    fc.assert(
      fc.property(bytes, place, fc.integer({ min: 1, max: 3000 }), fc.nat(65536), (table, offset, window, count) => {
        const format = { count, tableOffset: offset };
        const { entries, findings, steps } = walk(table, offset, window, (seen, at) =>
          parseSnapshotTable(seen, at, format),
        );
        assert(entries.length <= count && steps <= 3 * (entries.length + 1));
        assert(entries.reduce((sum, entry) => sum + entry.bytes.length, 0) <= table.length);
        for (const entry of entries) {
          const shown = [snapshotId(entry), snapshotName(entry), snapshotUnknownExtra(entry), snapshotExtra(entry)];
          assert.equal(shown.length, 4);
          assert(snapshotVmStateSize(entry) >= 0n);
        }
        for (const found of [...findings, ...incompleteSnapshots(entries, 3)]) {
          assert.doesNotMatch(explain(found).title, /\{\w+\}/);
        }
      }),
    );
  });

  it('as a bitmap directory gives entries that are within it, and ends', () => {
    const size = fc.oneof(fc.bigInt({ min: 0n, max: 3000n }), fc.constant(2n ** 64n - 1n));
    fc.assert(
      fc.property(
        bytes,
        size,
        fc.integer({ min: 1, max: 3000 }),
        fc.nat(70_000),
        (table, directorySize, window, count) => {
          const format = { count, directoryOffset: 65536n, directorySize, clusterBits: 16, virtualSize: 1n << 60n };
          const { entries, findings, steps } = walk(table, 65536n, window, (seen, at) =>
            parseBitmapDirectory(seen, at, format),
          );
          assert(steps <= 3 * (entries.length + 1));
          const kept = entries.reduce((sum, { extraData, nameBytes }) => sum + extraData.length + nameBytes.length, 0);
          assert(kept <= table.length);
          for (const entry of entries) {
            assert(bitmapName(entry).length <= entry.nameBytes.length);
            assert(bitmapFlagNames(entry.fields.flags).length <= 32);
          }
          for (const found of findings) {
            assert.doesNotMatch(explain(found).title, /\{\w+\}/);
          }
        },
      ),
    );
  });

  it('as a LUKS header is told to be none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 592, maxLength: 600 }), fc.boolean(), (junk, magic) => {
        if (magic) {
          junk.set([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe, 0, 1]);
        }
        const luks = parseLuks(junk) ?? assert.fail();
        const findings = checkLuks(luks, 65536n);
        assert(findings.length > 0 && findings.length < 100);
        for (const slot of luks.slots) {
          assert(luksKeyMaterial(luks, slot).length >= 0n);
        }
      }),
    );
  });

  it('as a refcount block has a refcount for each of its clusters, and zeros past its end', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 512 }),
        fc.integer({ min: 0, max: 6 }),
        fc.nat(4200),
        (block, order, at) => {
          const refcount = BigInt(readRefcount(block, at, order));
          assert(refcount >= 0n && refcount < 2n ** BigInt(2 ** order));
          if (at >= refcountBlockEntries(9, order)) {
            assert.equal(refcount, 0n);
          }
        },
      ),
    );
  });

  it('as text is decoded as the platform decodes it, and text survives', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    fc.assert(
      fc.property(fc.array(utf8Byte, { maxLength: 32 }), (list) => {
        const junk = Uint8Array.from(list);
        assert.equal(decodeText(junk).replace(/\ufffd+/g, '?'), decoder.decode(junk).replace(/\ufffd+/g, '?'));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(decodeText(new TextEncoder().encode(text)), text.toWellFormed());
      }),
    );
  });
});
