import assert from 'node:assert/strict';
import fc from 'fast-check';
import { useNotation } from '../../src/engine/format/show.ts';
import { parseAmount } from '../../webview/goTo/amount.ts';
import { meaningOf } from '../../webview/goTo/parse.ts';
import { panesOf } from '../../webview/panesOf.ts';
import { addressOf, type Selection } from '../../webview/selection.ts';
import { panes } from '../../webview/state.ts';
import { wordsOf } from '../../webview/words.ts';
import { everything, plain } from './images.ts';

/** The addresses that a text can mean in an image of 1 TiB, the likeliest first. */
function addresses(text: string, image = plain): string[] {
  return meaningOf(text, image).destinations.map(({ selection }) => addressOf(selection));
}

function problem(text: string, image = plain): string {
  const meaning = meaningOf(text, image);
  assert.deepEqual(meaning.destinations, [], text);
  return meaning.problem?.replaceAll('\u202f', ' ') ?? '';
}

describe('Go to…: amounts', () => {
  it('reads hex, decimal and binary units, exactly', () => {
    const read: Readonly<Record<string, bigint>> = {
      '0x30000': 0x3_0000n,
      '0x3_0000': 0x3_0000n,
      '0XfF': 255n,
      '123456': 123456n,
      '1 099 511 627 776': 1n << 40n,
      '1\u202f024': 1024n,
      '64k': 65536n,
      '1.5G': 3n << 29n,
      '1.5 GiB': 3n << 29n,
      '2 KB': 2048n,
      '512B': 512n,
      '512 bytes': 512n,
      '0.5K': 512n,
      '15E': 15n << 60n,
      '0.125T': 1n << 37n,
    };
    for (const [text, bytes] of Object.entries(read)) {
      assert.deepEqual(parseAmount(text), { bytes }, text);
    }
  });

  it('keeps every digit above 2^53, in each notation', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (bytes) => {
        assert.deepEqual(parseAmount(`0x${bytes.toString(16)}`), { bytes });
        assert.deepEqual(parseAmount(String(bytes)), { bytes });
        assert.deepEqual(parseAmount(`${bytes}k`), { bytes: bytes * 1024n });
      }),
    );
  });

  it('says what it does not understand', () => {
    const problems: Readonly<Record<string, RegExp>> = {
      '0x': /no hex number/,
      '0x12g': /no hex number/,
      '1.3K': /not a whole number of bytes/,
      '12q': /“q” is no unit: use K, M, G/,
      '1.5.5': /no number/,
      '12 kilo': /“kilo” is no unit/,
    };
    for (const [text, words] of Object.entries(problems)) {
      const amount = parseAmount(text);
      assert.match('problem' in amount ? amount.problem : '', words, text);
    }
  });
});

describe('Go to…', () => {
  it('takes an offset for one of the guest first, then for one of the file', () => {
    assert.deepEqual(addresses('0x30000'), ['guest:196608+1', 'host:196608+1']);
    assert.deepEqual(addresses('guest 64k'), ['guest:65536+1']);
    assert.deepEqual(addresses('host 1.5G'), ['host:1610612736+1']);
    assert.deepEqual(addresses('HOST offset: 0x10 + 8'), ['host:16+8']);
    assert.deepEqual(addresses('guest 1M + 64k'), ['guest:1048576+65536']);
  });

  it('takes clusters, entries and refcounts', () => {
    assert.deepEqual(addresses('cluster 12'), ['guest:786432+65536']);
    assert.deepEqual(addresses('guest cluster 0x0c'), ['guest:786432+65536']);
    assert.deepEqual(addresses('host cluster 12'), ['host:786432+65536']);
    assert.deepEqual(addresses('L1[3]'), ['l1-entry:3']);
    for (const text of ['L2[3][17]', 'L1[3] -> L2[17]', 'l1[3]→l2[17]', 'L1[3] L2[0x11]']) {
      assert.deepEqual(addresses(text), ['l2-entry:3.17'], text);
    }
    assert.deepEqual(addresses('refcount[32769]'), ['refcount-entry:1.1']);
    assert.deepEqual(addresses('refcount_table[2]'), ['refcount-table-entry:2']);
    assert.deepEqual(addresses('refcount table[2] -> refcount[7]'), ['refcount-entry:2.7']);
    assert.deepEqual(addresses('snapshot[0] -> L1[0] -> L2[5]', everything), ['l2-entry:0.5@0']);
    assert.deepEqual(addresses('snapshot[0] -> guest 4096', everything), ['guest:4096+1@0']);
  });

  it('takes names of snapshots, bitmaps, fields, features and extensions, whole ones first', () => {
    assert.deepEqual(addresses('l1_size'), ['field:l1_size']);
    assert.deepEqual(addresses('header.size')[0], 'field:size');
    assert.equal(addresses('size')[0], 'field:size');
    assert.ok(addresses('size').includes('field:backing_file_size'));
    const [snapshot] = everything.snapshots.items;
    const [bitmap] = everything.bitmaps.items;
    assert.ok(addresses(snapshot?.name ?? '', everything).includes('snapshot:0'));
    assert.ok(addresses(bitmap?.name ?? '', everything).includes('bitmap:0'));
    assert.ok(addresses('dirty', everything).includes('bit:incompatible.0'));
    assert.ok(addresses('feature names', everything).some((address) => address.startsWith('extension:')));
    assert.deepEqual(addresses('backing file', everything)[0], 'backing');
  });

  it('says which there are where one is out of range', () => {
    assert.match(
      problem('guest 2T'),
      /^guest 0x200_0000_0000 is past the end of the disk, which is at 0x100_0000_0000 \(1 TiB\)/,
    );
    assert.match(problem('20000000000000000000000'), /past the end of the disk.*past the end of the file/);
    assert.match(problem('cluster 16777216'), /no guest cluster 16 777 216. The disk has the clusters 0 to 16 777 215/);
    assert.match(problem('L1[2048]'), /no entry 2 048. The L1 table has 2 048 entries: 0 to 2 047/);
    assert.match(problem('L2[0][8192]'), /no entry 8 192. An L2 table has 8 192 entries/);
    assert.match(problem('L1[99999999999999999999]'), /no entry 99 999 999 999 999 999 999/);
    assert.match(problem('snapshot[7] L1[0]'), /There is no snapshot\[7\]/);
    assert.match(problem('guest 0 + 0'), /at least one byte/);
    assert.match(problem('1.3K'), /not a whole number of bytes/);
    assert.match(problem('L1[0x_]'), /is nothing that can be gone to/);
    assert.match(problem('cluster _'), /is nothing that can be gone to/);
    assert.match(problem('nothing like it'), /is nothing that can be gone to. Type 0x3_0000, 1\.5G/);
    assert.deepEqual(meaningOf('   ', plain), { destinations: [] });
  });

  it('finds every selection by its own words', () => {
    const below = (max: number) => fc.nat(max - 1);
    const inSpace = (size: bigint) =>
      fc
        .bigInt({ min: 0n, max: size - 1n })
        .chain((start) => fc.bigInt({ min: 1n, max: size - start }).map((length) => ({ start, length })));
    const plainRecord = { noNullPrototype: true };
    const selections: fc.Arbitrary<Selection> = fc.oneof(
      inSpace(1n << 40n).map((range) => ({ kind: 'guest' as const, ...range })),
      inSpace(plain.file.size).map((range) => ({ kind: 'host' as const, ...range })),
      fc.record({ kind: fc.constant('l1-entry' as const), index: below(2048) }, plainRecord),
      fc.record({ kind: fc.constant('l2-entry' as const), l1: below(2048), index: below(8192) }, plainRecord),
      fc.record({ kind: fc.constant('refcount-table-entry' as const), index: below(8192) }, plainRecord),
      fc.record({ kind: fc.constant('refcount-entry' as const), block: below(8192), index: below(32768) }, plainRecord),
      fc.constantFrom(...(plain.header?.fields ?? [])).map(({ name }) => ({ kind: 'field' as const, name })),
    );
    for (const notation of ['decimal', 'hexadecimal'] as const) {
      useNotation(notation);
      fc.assert(
        fc.property(selections, (selection) => {
          assert.equal(addresses(wordsOf(selection))[0], addressOf(selection), wordsOf(selection));
        }),
      );
    }
  });

  it('never fails, whatever is typed', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[gh ]*[L12[\]0-9x.+KMG>→ -]{0,20}$/)), (text) => {
        const { destinations, problem: why } = meaningOf(text, everything);
        assert.ok(text.trim() === '' || destinations.length > 0 !== (why !== undefined), text);
      }),
    );
  });
});

describe('the panes that can show a selection', () => {
  it('are panes that there are, the home of its kind first', () => {
    assert.deepEqual(panesOf({ kind: 'field', name: 'size' })[0], 'header');
    assert.deepEqual(panesOf({ kind: 'guest', start: 0n, length: 1n })[0], 'map');
    assert.ok(panesOf({ kind: 'finding', index: 0 }).includes('overview'));
    assert.ok(panesOf({ kind: 'host', start: 0n, length: 1n }).every((pane) => panes.includes(pane)));
  });
});
