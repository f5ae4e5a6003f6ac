import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { headerFields } from '../../src/engine/format/header.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../support/memoryStorage.ts';
import { unpackFallback } from '../support/samples.ts';
import { at, dumpOf, items, jsonOf, namesOf, parseExact } from './dumped.ts';
import { runCli } from './runCli.ts';

/** One data cluster, one zero cluster, one compressed one; a snapshot could not be simpler. */
function smallImage(): ImageBuilder {
  const image = new ImageBuilder();
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, zero);
  image.entry(4, 3, compressed | (image.at(6) + 512n)).put(image.at(6) + 1023n, [1]);
  return image.put(image.at(5), 'guest data').refcount(4, 1).refcount(5, 1).refcount(6, 1);
}

describe('qcow2 dump: the JSON', () => {
  it('has every field of the header with its offset, bytes and value', async () => {
    const fields = items(at(await jsonOf(smallImage().toStorage()), 'header', 'fields'));
    assert.deepEqual(
      fields.map((field) => [at(field, 'name'), at(field, 'offset'), at(field, 'size')]),
      [...headerFields.map(({ name, offset, width }) => [name, BigInt(offset), BigInt(width)]), ['padding', 105n, 7n]],
    );
    const place = fields.find((field) => at(field, 'name') === 'l1_table_offset');
    assert.equal(at(place, 'bytes'), '0000000000030000');
    assert.equal(at(place, 'value'), 0x30000n);
    assert.equal(at(place, 'meaning'), 'cluster 3');
  });

  it('says which fields a version 2 header lacks', async () => {
    const json = await jsonOf(new ImageBuilder({ version: 2 }).toStorage());
    const lacking = items(at(json, 'header', 'fields')).filter((field) => at(field, 'present') === false);
    assert.deepEqual(
      lacking.map((field) => at(field, 'name')),
      headerFields.filter(({ offset }) => offset >= 72).map(({ name }) => name),
    );
    assert.deepEqual(at(json, 'features'), []);
  });

  it('is exact above 2^53', async () => {
    const image = new ImageBuilder({ l1_size: 1 }).header({ size: 2n ** 64n - 1n, snapshots_offset: 2n ** 63n + 1n });
    const json = await jsonOf(image.toStorage());
    assert.equal(at(json, 'geometry', 'virtual-size'), 2n ** 64n - 1n);
    const offset = items(at(json, 'header', 'fields')).find((field) => at(field, 'name') === 'snapshots_offset');
    assert.equal(at(offset, 'value'), 2n ** 63n + 1n);
    assert.deepEqual(at(offset, 'broken-rules'), ['aligned to a cluster']);
  });

  it('names bits, with the name that the image has for those that are not known', async () => {
    const name = [1, 40, ...Array.from('colour', (letter) => letter.charCodeAt(0))];
    const image = new ImageBuilder({ compatible_features: 1n << 40n, incompatible_features: 1 });
    image.extension(0x6803f857, [...name, ...Array.from({ length: 48 - name.length }, () => 0)]);
    const [incompatible, compatible] = items(at(await jsonOf(image.toStorage()), 'features'));
    assert.equal(at(incompatible, 'bits', 0, 'set'), true);
    assert.equal(at(incompatible, 'bits', 0, 'name'), 'dirty bit');
    assert.equal(at(compatible, 'bits', 1, 'bit'), 40n);
    assert.equal(at(compatible, 'bits', 1, 'known'), false);
    assert.equal(at(compatible, 'bits', 1, 'image-name'), 'colour');
  });

  it('keeps header fields and extensions that are not known as bytes', async () => {
    const image = new ImageBuilder({ header_length: 120 }).put(112, [1, 2, 3, 4, 5, 6, 7, 8]);
    const json = await jsonOf(image.extension(0x12345678, [0xca, 0xfe]).toStorage());
    assert.deepEqual(at(json, 'header', 'unknown-fields'), { offset: 112n, bytes: '0102030405060708' });
    assert.equal(at(json, 'extensions', 0, 'known'), false);
    assert.equal(at(json, 'extensions', 0, 'offset'), 120n);
    assert.equal(at(json, 'extensions', 0, 'data'), 'cafe');
  });

  it('escapes what can’t be seen, and leaves other text as it is', async () => {
    const name = 'Zürich 漢字 \u202egpj.exe\u0007\u{1f600}';
    const text = await dumpOf(new ImageBuilder().backing(name).toStorage(), 'json', false);
    assert.match(text, /"name": "Zürich 漢字 \\u202egpj\.exe\\u0007😀"/);
    assert.equal(at(parseExact(text), 'backing', 'name'), name);
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  });

  it('has QEMU’s message and ours for every finding', async () => {
    const json = await jsonOf(new ImageBuilder().header({ cluster_bits: 22 }).toStorage());
    const message = at(json, 'qemu-refuses');
    assert.equal(message, 'Unsupported cluster size: 2^22');
    const finding = at(json, 'findings', 0);
    assert.equal(namesOf(finding).join(' '), 'code severity qemu-verdict where host title qemu-message meaning advice');
    assert.equal(at(finding, 'qemu-message'), message);
    assert.equal(at(json, 'finding-count'), BigInt(items(at(json, 'findings')).length));
  });
});

describe('qcow2 dump --tables', () => {
  it('has every entry of the L1 and L2 tables: raw, its kind, where it leads, and zeros as runs', async () => {
    const tables = at(await jsonOf(smallImage().toStorage()), 'tables');
    assert.deepEqual(at(tables, 'l1-tables'), [
      {
        chain: 'L1',
        offset: 0x30000n,
        entries: 1n,
        rows: [{ index: 0n, raw: '8000000000040000', kind: 'table', host: 0x40000n, guest: 0n, copied: true }],
      },
    ]);
    const host = 0x60000n + 512n;
    assert.deepEqual(at(tables, 'l2-tables', 0, 'rows'), [
      { index: 0n, raw: '8000000000050000', kind: 'normal', host: 0x50000n, guest: 0n, copied: true },
      { index: 1n, raw: '0000000000000001', kind: 'zero-plain', guest: 0x10000n },
      { index: 2n, raw: '0000000000000000', kind: 'unallocated', guest: 0x20000n },
      { index: 3n, raw: '4000000000060200', kind: 'compressed', host, guest: 0x30000n, length: 512n },
      { index: 4n, count: 8188n, raw: '0000000000000000', kind: 'unallocated', guest: 0x40000n },
    ]);
  });

  it('has the refcount table and every refcount', async () => {
    const tables = at(await jsonOf(smallImage().refcount(9, 7).toStorage()), 'tables');
    assert.deepEqual(at(tables, 'refcount-table', 0, 'rows'), [
      { index: 0n, raw: '0000000000020000', kind: 'block', host: 0x20000n },
      { index: 1n, count: 8191n, raw: '0000000000000000', kind: 'unallocated' },
    ]);
    assert.deepEqual(at(tables, 'refcount-blocks', 0, 'rows'), [
      { index: 0n, count: 7n, refcount: 1n },
      { index: 7n, count: 2n, refcount: 0n },
      { index: 9n, refcount: 7n },
      { index: 10n, count: 32758n, refcount: 0n },
    ]);
  });

  it('reads refcounts of every width', async () => {
    for (const order of [0, 1, 2, 3, 4, 5, 6]) {
      const most = 2n ** (2n ** BigInt(order)) - 1n;
      const image = new ImageBuilder({ refcount_order: order, cluster_bits: 12 }).refcount(200, most);
      const rows = items(at(await jsonOf(image.toStorage()), 'tables', 'refcount-blocks', 0, 'rows'));
      const row = rows.find((one) => at(one, 'index') === 200n);
      assert.equal(at(row, 'refcount'), most, `order ${order}`);
    }
  });

  it('has the subclusters of extended entries', async () => {
    const image = new ImageBuilder({ incompatible_features: 16 });
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5), 0x0000_00f0_0000_000fn);
    image.entry(4, 1, 0n, 0xffff_ffff_0000_0000n).truncate(image.at(6));
    const rows = at(await jsonOf(image.toStorage()), 'tables', 'l2-tables', 0, 'rows');
    assert.equal(at(rows, 0, 'raw'), '8000000000050000000000f00000000f');
    assert.equal(at(rows, 0, 'kind'), 'mixed');
    assert.equal(at(rows, 0, 'allocated'), '0000000f');
    assert.equal(at(rows, 0, 'zero'), '000000f0');
    assert.equal(at(rows, 1, 'kind'), 'zero-plain');
  });

  it('reads a table once, however many lead to it', async () => {
    const image = smallImage()
      .put64(0x10008, 0x20000n)
      .header({ size: 1n << 31n, l1_size: 4 });
    image.l1(2, image.at(4));
    const tables = at(await jsonOf(image.toStorage()), 'tables');
    assert.equal(items(at(tables, 'l2-tables')).length, 1);
    assert.equal(at(tables, 'l2-tables', 0, 'references'), 2n);
    assert.equal(at(tables, 'refcount-blocks', 1, 'same-as'), 0n);
    assert.deepEqual(at(tables, 'refcount-blocks', 1, 'rows'), []);
  });

  it('says what is wrong with an entry', async () => {
    const image = smallImage()
      .entry(4, 5, image0 + 512n)
      .entry(4, 6, 1n << 40n)
      .entry(4, 7, copied | 0x50002n);
    const rows = items(at(await jsonOf(image.toStorage()), 'tables', 'l2-tables', 0, 'rows'));
    const wrong = rows.filter((row) => namesOf(row).includes('wrong')).map((row) => at(row, 'wrong'));
    assert.deepEqual(wrong, ['not the start of a cluster', 'past the end of the file', 'reserved bits set']);
  });

  it('shows the rest where sectors can’t be read', async () => {
    const image = smallImage();
    const bad = [{ sector: image.at(4) / 512n + 1n }, { sector: image.at(2) / 512n + 1n, count: 2 }];
    const tables = at(await jsonOf(new FailingStorage(image.toStorage(), bad)), 'tables');
    const lost = { kind: 'unreadable', wrong: 'Input/output error' };
    const l2 = items(at(tables, 'l2-tables', 0, 'rows'));
    assert.deepEqual(l2.slice(-2), [
      { index: 64n, count: 64n, ...lost },
      { index: 128n, count: 8064n, raw: '0000000000000000', kind: 'unallocated', guest: 0x800000n },
    ]);
    assert.deepEqual(items(at(tables, 'refcount-blocks', 0, 'rows')).slice(-2), [
      { index: 256n, count: 512n, ...lost },
      { index: 768n, count: 32000n, refcount: 0n },
    ]);
  });

  it('has the findings of the entries and the space by kind', async () => {
    const image = smallImage().entry(4, 5, image0 + 512n);
    const before = await jsonOf(image.toStorage(), false);
    const after = await jsonOf(image.toStorage(), true);
    assert.deepEqual(at(before, 'findings'), []);
    assert.ok(!namesOf(before).includes('space'));
    const codes = items(at(after, 'findings')).map((found) => at(found, 'code'));
    assert.ok(codes.includes('l2-entry-unaligned'));
    assert.equal(at(after, 'space', 'guest', 'compressed'), 0x10000n);
    assert.equal(at(after, 'space', 'file', 'metadata'), 5n * 0x10000n);
  });

  it('looks at a sparse L1 table of the largest size without reading more than it takes', async () => {
    const entries = 4 * 1024 * 1024;
    const image = new ImageBuilder({ size: 1n << 51n, l1_size: entries, l1_table_offset: 1 << 24 });
    const storage = new CountingStorage(image.truncate(1n << 24n).toStorage(), { ranges: false });
    const rows = at(await jsonOf(storage), 'tables', 'l1-tables', 0, 'rows');
    assert.equal(at(rows, 0, 'kind'), 'past-end');
    assert.equal(at(rows, 0, 'count'), BigInt(entries));
    assert.ok(storage.bytes < 1 << 20, `${storage.bytes} bytes read`);
  });
});

/** The place of the first data cluster of `smallImage`. */
const image0 = 0x50000n;

describe('qcow2 dump: the text', () => {
  it('is at most 100 columns wide in the header, the features, the extensions and the findings', async () => {
    const image = smallImage().extension(0x12345678, 'an extension that nobody knows').header({ crypt_method: 3 });
    const text = await dumpOf(image.toStorage(), 'human', false);
    const wide = text.split('\n').filter((line) => line.length > 100);
    assert.deepEqual(wide, []);
  });

  it('shows bytes, value and meaning side by side', async () => {
    const text = await dumpOf(smallImage().toStorage(), 'human', true);
    assert.match(text, /^ +40 {2}l1_table_offset +00 00 00 00 00 03 00 00 +0x30000 {2}cluster 3$/m);
    assert.match(text, /^ +0 {2}8000000000050000 {2}normal +0x50000 +0x0 +copied$/m);
    assert.match(text, /^ +0…6 {2}refcount 1$/m);
  });

  it('shows no control characters of the image', async () => {
    const text = await dumpOf(new ImageBuilder().backing('\u001b[31mred\u202e').toStorage(), 'human', false);
    assert.ok(text.includes('Backing file: \\u{1b}[31mred\\u{202e}'), text);
    assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
  });

  it('says what other files are', async () => {
    const says = async (bytes: string): Promise<string> =>
      (await dumpOf(new MemoryStorage(new TextEncoder().encode(bytes)), 'human', true)).split('\n')[1] ?? '';
    assert.match(await says(''), /The file is empty/);
    assert.match(await says('QFI'), /3 bytes only/);
    assert.match(await says(`KDMV${'\0'.repeat(600)}`), /VMDK/);
    assert.match(await says('QFI\0 and so on, no magic'), /not qcow2/);
  });
});

describe('qcow2 dump on files', function () {
  this.timeout(120_000);
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dump-'));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('dumps every sample of the repository, also the broken ones, and changes none', async () => {
    const images = await unpackFallback(folder);
    assert.ok(images.length >= 10);
    for (const image of images) {
      const path = join(folder, image);
      const bytes = await readFile(path);
      const json = runCli(['dump', '--tables', '--output=json', path]);
      assert.deepEqual([json.code, json.err], [0, ''], image);
      assert.equal(at(parseExact(json.out), 'file', 'path'), path);
      const text = runCli(['dump', '-U', '--no-backing', '--tables', path]);
      assert.deepEqual([text.code, text.err], [0, ''], image);
      assert.ok((await readFile(path)).equals(bytes), `${image} has changed`);
    }
  });

  it('opens nothing that the image names', async () => {
    const path = join(folder, 'names.qcow2');
    await writeFile(path, new ImageBuilder().backing('/no/such/file', 'qcow2').toBytes());
    const { code, out, err } = runCli(['dump', path]);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /Backing file: \/no\/such\/file\n.*format qcow2; a name of 13 bytes at 0x\w+; not opened/);
  });
});
