import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import { CountingStorage, FailingStorage, MemoryStorage, withoutExtents } from './memoryStorage.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('a file in memory', () => {
  it('of 64 TiB takes only the pages that were written', async () => {
    const file = new MemoryStorage(1n << 46n);
    file.write((1n << 45n) - 2n, bytes(1, 2, 3, 4));
    assert.equal(file.allocated, 8192n);
    const into = new Uint8Array(6).fill(9);
    assert.equal(await file.read((1n << 45n) - 3n, into), 6);
    assert.deepEqual(into, bytes(0, 1, 2, 3, 4, 0));
    assert.deepEqual(
      [...file.extents(0n, file.size)],
      [
        { offset: 0n, length: (1n << 45n) - 4096n, data: false },
        { offset: (1n << 45n) - 4096n, length: 4096n, data: true },
        { offset: 1n << 45n, length: 4096n, data: true },
        { offset: (1n << 45n) + 4096n, length: (1n << 45n) - 4096n, data: false },
      ],
    );
  });

  it('reads fewer bytes only at its end, and none after it', async () => {
    const file = new MemoryStorage(bytes(1, 2, 3));
    const into = new Uint8Array(4);
    assert.equal(await file.read(1n, into), 2);
    assert.deepEqual(into, bytes(2, 3, 0, 0));
    assert.equal(await file.read(4n, into), 0);
  });

  it('reads zeros where it was cut and grown again', () => {
    const file = new MemoryStorage(new Uint8Array(10_000).fill(7));
    file.truncate(5000n);
    file.truncate(10_000n);
    assert.deepEqual(file.slice(4998n, 4), bytes(7, 7, 0, 0));
    assert.equal(file.slice(9000n, 1)[0], 0);
    assert.equal(file.size, 10_000n);
  });

  it('has clones that change alone', () => {
    const file = new MemoryStorage(bytes(1));
    file.clone().write(0n, bytes(2));
    assert.deepEqual(file.slice(0n, 1), bytes(1));
  });

  it('has clones that change alone again, after others were made', () => {
    const file = new MemoryStorage(bytes(1, 1));
    const [one, other] = [file.clone(), file.clone()];
    one.write(0n, bytes(2));
    file.write(1n, bytes(3));
    one.clone().write(0n, bytes(4));
    assert.deepEqual(
      [file, one, other].map((each) => [...each.slice(0n, 2)]),
      [
        [1, 3],
        [2, 1],
        [1, 1],
      ],
    );
    other.truncate(1n);
    other.truncate(2n);
    assert.deepEqual([file.slice(0n, 2), other.slice(0n, 2)], [bytes(1, 3), bytes(1, 0)]);
  });

  it('is the same as another one with the same bytes, however it came to them', () => {
    const file = new MemoryStorage(10_000n);
    const written = file.clone();
    written.write(5000n, bytes(0, 0));
    const other = new MemoryStorage(new Uint8Array(10_000));
    for (const same of [file.clone(), written, other]) {
      assert.ok(file.equals(same) && same.equals(file));
      assert.equal(same.digest(), file.digest());
    }
    const longer = new MemoryStorage(10_001n);
    other.write(9999n, bytes(1));
    for (const different of [longer, other, other.clone()]) {
      assert.ok(!file.equals(different) && !different.equals(file));
      assert.notEqual(different.digest(), file.digest());
    }
    assert.equal(other.clone().digest(), other.digest());
  });
});

describe('a counting storage', () => {
  it('counts the bytes that were read and knows where', async () => {
    const storage = new CountingStorage(new MemoryStorage(1000n));
    await storage.read(900n, new Uint8Array(200));
    assert.deepEqual({ bytes: storage.bytes, calls: storage.calls }, { bytes: 100, calls: 1 });
    assert.ok(storage.touched(950n, 1n));
    assert.ok(!storage.touched(0n, 900n));
    assert.ok(storage.extents);
    assert.equal(new CountingStorage(withoutExtents(storage)).extents, undefined);
  });
});

describe('a failing storage', () => {
  it('fails reads that touch a bad sector with the code of the system, and no others', async () => {
    const storage = new FailingStorage(new MemoryStorage(4096n), [{ sector: 2, count: 2 }]);
    assert.equal(await storage.read(0n, new Uint8Array(1024)), 1024);
    assert.equal(await storage.read(2048n, new Uint8Array(512)), 512);
    await assert.rejects(storage.read(1000n, new Uint8Array(100)), (error) => {
      assert.ok(error instanceof Qcow2Error);
      assert.deepEqual([error.code, error.system, error.at], ['read-failed', 'EIO', 1024n]);
      return true;
    });
  });
});
