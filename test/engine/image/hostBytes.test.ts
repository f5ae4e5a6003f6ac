import assert from 'node:assert/strict';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { readHostBytes } from '../../../src/engine/image/hostBytes.ts';
import { CountingStorage, FailingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

const bytes = Uint8Array.from({ length: 8192 }, (_, index) => 1 + (index % 255));

describe('reading host bytes', () => {
  it('fills what lies past the end of the file with zeros', async () => {
    const into = new Uint8Array(8).fill(0xee);
    assert.deepEqual(await readHostBytes(new MemoryStorage(Uint8Array.of(1, 2, 3)), 1n, into), []);
    assert.deepEqual([...into], [2, 3, 0, 0, 0, 0, 0, 0]);
  });

  it('asks for nothing past the end of the file', async () => {
    const storage = new CountingStorage(new MemoryStorage(100n));
    const into = new Uint8Array(8).fill(0xee);
    assert.deepEqual(await readHostBytes(storage, 2n ** 63n, into), []);
    assert.deepEqual([...into], [0, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(storage.calls, 0);
  });

  it('reads everything around bad sectors, and says which bytes they are', async () => {
    const storage = new FailingStorage(new MemoryStorage(bytes), [{ sector: 3 }, { sector: 4 }, { sector: 9 }]);
    const into = new Uint8Array(bytes.length);
    assert.deepEqual(await readHostBytes(storage, 0n, into), [
      { from: 1536, to: 2560, system: 'EIO' },
      { from: 4608, to: 5120, system: 'EIO' },
    ]);
    const expected = bytes.slice();
    expected.fill(0, 1536, 2560).fill(0, 4608, 5120);
    assert.deepEqual(into, expected);
  });

  it('finds bad sectors from an offset that is not that of a sector', async () => {
    const storage = new FailingStorage(new MemoryStorage(bytes), [{ sector: 1 }], 'ENODATA');
    const into = new Uint8Array(1000);
    assert.deepEqual(await readHostBytes(storage, 100n, into), [{ from: 412, to: 924, system: 'ENODATA' }]);
    assert.equal(into[411], bytes[511]);
    assert.equal(into[412], 0);
    assert.equal(into[924], bytes[1024]);
  });

  it('throws what is no read error', async () => {
    const storage = new MemoryStorage(bytes);
    storage.read = async () => {
      throw new Qcow2Error('cancelled', 'no longer wanted');
    };
    await assert.rejects(readHostBytes(storage, 0n, new Uint8Array(8)), { code: 'cancelled' });
  });
});
