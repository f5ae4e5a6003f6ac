import assert from 'node:assert/strict';
import { decodeHeader } from '../../../src/engine/format/header.ts';
import {
  encodeSnapshot,
  parseSnapshotTable,
  type Snapshot,
  snapshotExtra,
  snapshotIdBytes,
  snapshotNameBytes,
} from '../../../src/engine/format/snapshots.ts';
import {
  findSnapshot,
  keptSnapshotEntry,
  newSnapshotEntry,
  nextSnapshotId,
  snapshotTableBytes,
} from '../../../src/engine/operations/snapshotEntries.ts';
import { ImageBuilder } from '../../support/builder.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

function entry(id: string, name: string, extra: Uint8Array = new Uint8Array(24)): Uint8Array {
  const fields = {
    l1_table_offset: 0x50000n,
    l1_size: 1,
    id_str_size: 0,
    name_size: 0,
    date_sec: 1,
    date_nsec: 2,
    vm_clock_nsec: 3n,
    vm_state_size: 4,
    extra_data_size: 0,
  };
  return encodeSnapshot({ fields, extraData: extra, id: bytes(id), name: bytes(name) });
}

function parsed(table: Uint8Array, count: number): readonly Snapshot[] {
  return parseSnapshotTable(table, { index: 0, offset: 0n }, { count, tableOffset: 0n }).entries;
}

function snapshots(...names: readonly (readonly [id: string, name: string])[]): readonly Snapshot[] {
  return parsed(snapshotTableBytes(names.map(([id, name]) => entry(id, name))), names.length);
}

/** The header of an image of 1 MiB. */
function header(version: number) {
  return decodeHeader(new ImageBuilder({ version }).toBytes());
}

describe('the entries of the snapshot table', function () {
  this.timeout(10_000);

  it('get the highest ID and one more, as numbers', () => {
    assert.equal(nextSnapshotId([]), 1n);
    assert.equal(nextSnapshotId(snapshots(['9', 'a'], ['10', 'b'], ['2', 'c'])), 11n);
    assert.equal(nextSnapshotId(snapshots(['text', 'a'], ['7up', 'b'])), 8n);
  });

  it('are found by ID first and then by name, or by name alone', () => {
    const list = snapshots(['1', '2'], ['2', 'x'], ['3', 'x']);
    assert.equal(findSnapshot(list, bytes('2'), 'id-or-name')?.index, 1);
    assert.equal(findSnapshot(list, bytes('2'), 'name')?.index, 0);
    assert.equal(findSnapshot(list, bytes('x'), 'id-or-name')?.index, 1);
    assert.equal(findSnapshot(list, bytes('3'), 'name'), undefined);
    assert.equal(findSnapshot(list, bytes(''), 'id-or-name'), undefined);
  });

  it('are found by their name up to a NUL', () => {
    assert.equal(findSnapshot(snapshots(['1', 'name\0rest']), bytes('name'), 'name')?.index, 0);
  });

  it('start at multiples of 8 bytes, and are kept as they are with extra data that nobody knows', () => {
    const odd = entry(
      '1',
      'odd',
      Uint8Array.from({ length: 29 }, (_, index) => index),
    );
    const table = snapshotTableBytes([odd, entry('2', 'next')]);
    const [first, second] = parsed(table, 2);
    assert.ok(first && second);
    assert.equal(second.offset, BigInt(Math.ceil(odd.length / 8) * 8));
    assert.deepEqual(keptSnapshotEntry(first, header(3)), odd);
  });

  it('get the size of the disk where version 3 asks for it and it is not there', () => {
    const [bare, half] = parsed(
      snapshotTableBytes([entry('1', 'bare', new Uint8Array()), entry('2', 'half', new Uint8Array(8).fill(1))]),
      2,
    );
    assert.ok(bare && half);
    const [kept, keptHalf] = parsed(
      snapshotTableBytes([keptSnapshotEntry(bare, header(3)), keptSnapshotEntry(half, header(3))]),
      2,
    );
    assert.ok(kept && keptHalf);
    assert.deepEqual(snapshotExtra(kept), {
      vm_state_size_large: 4n,
      disk_size: 1n << 20n,
      icount: 2n ** 64n - 1n,
    });
    assert.equal(snapshotExtra(keptHalf).vm_state_size_large, 0x0101_0101_0101_0101n);
    assert.deepEqual([snapshotIdBytes(kept), snapshotNameBytes(kept)], [bytes('1'), bytes('bare')]);
    assert.deepEqual(keptSnapshotEntry(bare, header(2)), bare.bytes, 'version 2 asks for nothing');
  });

  it('are refused where QEMU would not read them', () => {
    const many = Array.from({ length: 65537 }, () => new Uint8Array(40));
    assert.throws(() => snapshotTableBytes(many), { code: 'too-large', system: 'EFBIG' });
    assert.throws(() => snapshotTableBytes([new Uint8Array(64 * 2 ** 20 + 1)]), { code: 'too-large', system: 'EFBIG' });
  });

  it('are new as qemu-img writes them', () => {
    const made = newSnapshotEntry({
      id: 3n,
      name: bytes('new'),
      date: { seconds: 0x12345678, nanoseconds: 9 },
      l1Offset: 0x30000n,
      l1Entries: 2,
      diskSize: 0x100000n,
    });
    const wanted =
      '0000000000030000 00000002 0001 0003 12345678 00000009 0000000000000000 00000000 00000018' +
      '0000000000000000 0000000000100000 0000000000000000 33 6e6577';
    assert.equal(Buffer.from(made).toString('hex'), wanted.replaceAll(' ', ''));
  });
});
