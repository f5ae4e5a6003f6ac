import assert from 'node:assert/strict';
import { keepView, keptView } from '../../webview/hex/hexView.ts';
import { parseNeedle } from '../../webview/hex/needle.ts';
import { numberRows } from '../../webview/hex/numbers.ts';
import { rowNote } from '../../webview/hex/rowNote.ts';

describe('what is looked for', () => {
  const hex = (text: string, form: Parameters<typeof parseNeedle>[1]): string => {
    const needle = parseNeedle(text, form);
    return 'bytes' in needle ? Buffer.from(needle.bytes).toString('hex') : needle.problem;
  };

  it('is read as hex digits, however they are separated', () => {
    for (const text of ['51 46 49 fb', '514649FB', '0x514649fb', '51:46:49:fb', ' 51_46_49_fb ']) {
      assert.equal(hex(text, 'hex'), '514649fb');
    }
    assert.match(hex('514', 'hex'), /pairs of hex digits/);
    assert.match(hex('5g', 'hex'), /pairs of hex digits/);
    assert.match(hex('', 'hex'), /Nothing/);
    assert.match(hex('00'.repeat(257), 'hex'), /At most 256/);
  });

  it('is read as text in both encodings', () => {
    assert.equal(hex('aé', 'utf-8'), '61c3a9');
    assert.equal(hex('a😀', 'utf-16le'), '61003dd800de');
  });
});

describe('the numbers at the cursor', () => {
  it('are exact in both byte orders, and missing where bytes are', () => {
    const rows = numberRows(Uint8Array.of(0xff, 0xfe, 0, 0, 0, 0, 0, 1));
    const of = (name: string) => {
      const row = rows.find((one) => one.name === name);
      return [row?.big, row?.little].map((text) => text?.replaceAll(/\D(?=\d)/g, (sign) => (sign === '-' ? '-' : '')));
    };
    assert.deepEqual(of('u8'), ['255', '255']);
    assert.deepEqual(of('i8'), ['-1', '-1']);
    assert.deepEqual(of('u16'), ['65534', '65279']);
    assert.deepEqual(of('i16'), ['-2', '-257']);
    assert.deepEqual(of('u64'), ['18446181123756130305', '72057594037993215']);
    assert.deepEqual(of('i64'), ['-562949953421311', '72057594037993215']);
    const cut = numberRows(Uint8Array.of(1, 2, 3));
    assert.deepEqual(
      cut.filter(({ big }) => big === undefined).map(({ name }) => name),
      ['u32', 'i32', 'u64', 'i64', 'f32', 'f64'],
    );
  });
});

describe('the note beside a row', () => {
  const look = (note: string, entry?: number) => ({ kind: undefined, note, ...(entry === undefined ? {} : { entry }) });

  it('names what begins in the row, fields of one structure once', () => {
    const row = [look('header.magic'), look('header.version'), look('header.version'), look('L1', 0)];
    assert.equal(rowNote(row, ''), 'header.magic · version · L1[0]');
    assert.equal(rowNote([look('hole'), look('hole')], 'hole'), '');
    assert.equal(rowNote([look('hole')], 'data'), 'hole');
  });

  it('counts the entries of a table in every row', () => {
    assert.equal(rowNote([look('L1', 2), look('L1', 2), look('L1', 3)], 'L1'), 'L1[2…3]');
  });
});

describe('the view that is kept', () => {
  it('is found again as it was', () => {
    for (const view of [
      { space: { space: 'host' }, cursor: 2n ** 60n, mark: undefined, top: 5n, selection: undefined },
      { space: { space: 'guest' }, cursor: 1n, mark: { start: 1n, length: 7n }, top: 0n, selection: 'guest:1+7' },
      { space: { space: 'guest', snapshot: 3 }, cursor: 0n, mark: undefined, top: 0n, selection: 'guest:0+1@3' },
    ] as const) {
      assert.deepEqual(keptView(keepView(view)), view);
    }
    assert.equal(keptView('host x 1 - '), undefined);
    assert.equal(keptView(undefined), undefined);
  });
});
