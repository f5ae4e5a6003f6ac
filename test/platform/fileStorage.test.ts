import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FileStorage, openFile } from '../../src/platform/fileStorage.ts';
import { seek as none } from '../../src/platform/native.none.ts';
import { seek } from '../../src/platform/native.ts';

describe('a host file', () => {
  let folder: string;
  const opened: FileStorage[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-platform-'));
  });

  afterEach(async () => {
    for (const storage of opened.splice(0)) {
      await storage.close();
    }
  });

  after(() => rmSync(folder, { recursive: true }));

  async function open(path: string, ...how: [typeof seek?]): Promise<FileStorage> {
    const storage = await openFile(path, ...how);
    opened.push(storage);
    return storage;
  }

  /** A file with bytes at some places and a length. */
  function sparse(name: string, size: number, places: readonly number[]): string {
    const path = join(folder, name);
    const fd = openSync(path, 'w');
    ftruncateSync(fd, size);
    for (const place of places) {
      writeSync(fd, Buffer.alloc(65536, 1), 0, 65536, place);
    }
    closeSync(fd);
    return path;
  }

  it('gives its bytes, fewer at its end, none past it', async () => {
    const path = join(folder, 'bytes');
    writeFileSync(path, Uint8Array.from([1, 2, 3, 4, 5]));
    const storage = await open(path);
    assert.equal(storage.size, 5n);
    const into = new Uint8Array(4);
    assert.equal(await storage.read(3n, into), 2);
    assert.deepEqual(into, Uint8Array.from([4, 5, 0, 0]));
    assert.equal(await storage.read(5n, into), 0);
    assert.equal(await storage.read(2n ** 64n - 1n, into), 0);
  });

  it('is read exactly above 4 TiB, and its size and allocation are exact', async () => {
    const storage = await open(sparse('5T', 5 * 2 ** 40, [5 * 2 ** 40 - 65536]));
    assert.equal(storage.size, 5n * 2n ** 40n);
    assert.ok(storage.allocated !== undefined && storage.allocated >= 65536n && storage.allocated < 2n ** 20n);
    const into = new Uint8Array(2);
    assert.equal(await storage.read(5n * 2n ** 40n - 65537n, into), 2);
    assert.deepEqual(into, Uint8Array.from([0, 1]));
  });

  it('has the same identity under each of its names', async () => {
    const path = join(folder, 'named');
    writeFileSync(path, 'x');
    symlinkSync(path, join(folder, 'other-name'));
    const [one, other] = [await open(path), await open(join(folder, 'other-name'))];
    assert.equal(one.identity, other.identity);
    assert.notEqual(one.identity, (await open(sparse('unrelated', 1, []))).identity);
  });

  it('is never created', async () => {
    const path = join(folder, 'missing');
    await assert.rejects(openFile(path), {
      code: 'read-failed',
      system: 'ENOENT',
      message: /missing: ENOENT\. .*Check/,
    });
    assert.equal(existsSync(path), false);
  });

  it('is opened read-only', async function () {
    const path = join(folder, 'read-only');
    writeFileSync(path, 'x');
    const storage = await open(path);
    assert.equal(storage.size, 1n);
    if (process.platform !== 'linux') {
      return this.skip();
    }
    const fd = readdirSync('/proc/self/fd').find((name) => linkOf(`/proc/self/fd/${name}`) === path);
    const flags = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    // The two lowest bits of the flags, which are octal: O_RDONLY is 0.
    assert.match(flags, /^flags:\t\d*[04]$/m);
  });

  it('says that it is a folder', async () => {
    await assert.rejects(openFile(folder), { code: 'read-failed', system: 'EISDIR', message: /folder/ });
  });

  it('says that a part of its path is no folder', async () => {
    writeFileSync(join(folder, 'plain'), '');
    await assert.rejects(openFile(join(folder, 'plain', 'x')), { system: 'ENOTDIR', message: /Check the path/ });
  });

  it('says that it may not be read', async () => {
    if (process.getuid?.() === 0) {
      // root may read everything; another user asks.
      const path = join(folder, 'secret');
      writeFileSync(path, '');
      chmodSync(path, 0);
      chmodSync(folder, 0o755);
      process.seteuid?.(65534);
      try {
        await assert.rejects(openFile(path), { system: 'EACCES', message: /permissions/ });
      } finally {
        process.seteuid?.(0);
      }
      return;
    }
    const path = join(folder, 'secret');
    writeFileSync(path, '');
    chmodSync(path, 0);
    await assert.rejects(openFile(path), { system: 'EACCES', message: /permissions/ });
  });

  it('is not waited for when it is a pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await assert.rejects(openFile(path), { system: 'EINVAL', message: /a pipe/ });
  });

  it('that is a character device is not opened', async () => {
    await assert.rejects(openFile('/dev/null'), { system: 'EINVAL', message: /a character device/ });
  });

  it('reports the error of the system, and where', async function () {
    if (process.platform !== 'linux') {
      return this.skip();
    }
    // Reading unmapped memory at offset 0 is the one read error that every Linux has at hand.
    const storage = await open('/proc/self/mem');
    await assert.rejects(
      storage.read(0n, new Uint8Array(16)),
      (error: Error & { code: string; at: bigint; system: string }) => {
        assert.equal(error.code, 'read-failed');
        assert.equal(error.system, 'EIO');
        assert.equal(error.at, 0n);
        assert.match(error.message, /offset 0x0: EIO\. .*ddrescue/);
        return true;
      },
    );
  });

  it('is closed once', async () => {
    const storage = await openFile(sparse('closed', 1, []));
    await storage.close();
    await storage.close();
    await assert.rejects(storage.read(0n, new Uint8Array(1)), { code: 'read-failed', system: 'EBADF' });
    assert.throws(() => storage.extents?.(0n, 1n), { code: 'read-failed', system: 'EBADF' });
  });

  describe('with holes', () => {
    const mib = 2 ** 20;

    it('tells data and holes apart', async () => {
      assert.ok(seek, 'koffi is part of the project on Linux');
      const storage = await open(sparse('holes', 8 * mib, [mib, 5 * mib, 5 * mib + 65536]));
      assert.deepEqual(
        [...(storage.extents?.(0n, storage.size) ?? [])],
        [
          { offset: 0n, length: 1048576n, data: false },
          { offset: 1048576n, length: 65536n, data: true },
          { offset: 1114112n, length: 4128768n, data: false },
          { offset: 5242880n, length: 131072n, data: true },
          { offset: 5373952n, length: 3014656n, data: false },
        ],
      );
    });

    it('tells them within any range; past the end of the file is a hole', async () => {
      const storage = await open(sparse('range', 2 * mib, [mib]));
      assert.deepEqual(
        [...(storage.extents?.(BigInt(mib + 512), BigInt(4 * mib)) ?? [])],
        [
          { offset: 1049088n, length: 65024n, data: true },
          { offset: 1114112n, length: 3080192n, data: false },
        ],
      );
      assert.deepEqual([...(storage.extents?.(5n, 5n) ?? [])], []);
    });

    it('walks 2,050 extents of a 1.1 TB file with two calls an extent of data', async () => {
      const places = Array.from({ length: 1025 }, (_, index) => Math.floor((index * 1.1e12) / 1025 / 65536) * 65536);
      let calls = 0;
      const counting: typeof seek = (...args) => {
        calls++;
        return seek?.(...args) ?? 'unknown';
      };
      const storage = await open(sparse('1.1T', 1.1e12, places), counting);
      assert.equal([...(storage.extents?.(0n, storage.size) ?? [])].length, 2050);
      assert.ok(calls <= 2051, `${calls} calls`);
    });

    it('is all data where the system cannot tell', async () => {
      const path = sparse('unknown', 2 * mib, [mib]);
      const storage = await open(path, () => 'unknown');
      assert.deepEqual([...(storage.extents?.(7n, 100n) ?? [])], [{ offset: 7n, length: 93n, data: true }]);
    });

    it('has no extents in the build for every system', async () => {
      assert.equal(none, undefined);
      const storage = await open(sparse('universal', 2 * mib, [mib]), none ?? undefined);
      assert.equal(typeof storage.size, 'bigint');
    });
  });
});

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // The descriptor with which the folder itself was read is gone.
    return undefined;
  }
}
