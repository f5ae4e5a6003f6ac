import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callThread, describeNow } from '../../src/editor/threadCall.ts';
import { CallFailed } from '../../src/protocol/client.ts';
import { defaultSettings } from '../../src/protocol/settings.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { ImageBuilder } from '../support/builder.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

describe('describing an image for a command', function () {
  this.timeout(20_000);
  let folder: string;
  let path: string;
  let threads: ImageThreads;
  const write = (size: bigint): void => writeFileSync(path, new ImageBuilder({ size }).toBytes());

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-describe-'));
    path = join(folder, 'disk.qcow2');
    threads = new ImageThreads(entry, (defect) => assert.fail(defect));
    // So that the thread never reads a change by itself, which it otherwise does sooner or later.
    threads.configure({ ...defaultSettings, refreshOnChange: 'off' });
  });
  afterEach(async () => {
    await threads.dispose();
    rmSync(folder, { recursive: true });
  });

  it('tells what it is now, though the thread that shows it has not read it anew', async () => {
    write(1n << 20n);
    assert.equal((await callThread(threads, path, 'describe')).geometry?.virtualSize, 1n << 20n);
    write(2n << 20n);
    assert.equal((await describeNow(threads, path)).geometry?.virtualSize, 2n << 20n);
    assert.equal((await callThread(threads, path, 'describe')).geometry?.virtualSize, 1n << 20n);
  });

  it('tells the size of a file that is no image, and nothing of a disk in it', async () => {
    writeFileSync(path, Buffer.alloc(1000, 1));
    const { file, geometry } = await describeNow(threads, path);
    assert.equal(file.size, 1000n);
    assert.equal(geometry, undefined);
  });

  it('fails with the reason where there is no file', async () => {
    await assert.rejects(
      describeNow(threads, path),
      (error) => error instanceof CallFailed && /no such file/.test(error.message),
    );
  });
});
