import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { random } from '../support/random.ts';

/** 2 MiB that get shorter by compression, by much or by little. */
function guestData(): Buffer {
  const bytes = Buffer.alloc(2 ** 21);
  const { below } = random(11);
  for (let at = 0; at < bytes.length; at++) {
    const isRandom = at % 65536 < (at / bytes.length) * 65536;
    bytes[at] = isRandom ? below(256) : 1;
  }
  return bytes;
}

describe('Compressed data as QEMU packs it', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-packed-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const options of ['compression_type=zlib', 'compression_type=zstd', 'compat=0.10', 'cluster_size=4096']) {
    it(`has no overlaps, with a snapshot and what was compressed after it: ${options}`, async () => {
      const [raw, disk] = [join(folder, 'disk.raw'), join(folder, 'disk.qcow2')];
      writeFileSync(raw, guestData());
      await qemuImg(['convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', options, raw, disk]);
      await qemuImg(['snapshot', '-c', 'one', disk]);
      const writes = ['write -c -P 7 0 64k', 'write -c -P 8 512k 128k'].flatMap((write) => ['-c', write]);
      await runProgram('qemu-io', [...writes, disk]);
      const checked = await runProgram('qemu-img', ['check', '--output=json', disk]);
      assert.ok(JSON.parse(checked.stdout)['compressed-clusters'] > 20, checked.stdout);
      const { code, stdout } = await runQcow2(['check', '--findings', '--deep', disk], folder);
      assert.equal(code, 0, stdout);
      assert.doesNotMatch(stdout, /compressed-/);
    });
  }
});
