import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asGuestOffset } from '../../src/engine/image/geometry.ts';
import { lookup } from '../../src/engine/image/lookup.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

const cluster = 65536;

describe('the message about a wrong L2 entry', function () {
  this.timeout(30_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-fault-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const cases: readonly (readonly [what: string, options: string, size: string, at: number])[] = [
    ['of the whole table where QEMU holds all tables', 'cluster_size=64k', '256G', 600 * cluster],
    ['of the whole table, also a large one', 'cluster_size=2M', '100G', 10_000 * 2 ** 21],
    ['of a slice of the table where the disk is too large for that', 'cluster_size=64k', '1T', 2 ** 29 + 600 * cluster],
    ['of a slice, of entries of 16 bytes', 'extended_l2=on', '1T', 300 * cluster],
  ];
  for (const [what, options, size, at] of cases) {
    it(`counts entries from the start ${what}`, async () => {
      const path = join(folder, 'image.qcow2');
      await qemuImg(['create', '-q', '-f', 'qcow2', '-o', options, path, size]);
      await runProgram('qemu-io', ['-f', 'qcow2', '-c', `write ${at} 512`, path]);
      await misalign(path, at);
      const [ours, theirs] = await Promise.all([runQcow2(['map', path]), runProgram('qemu-img', ['map', path])]);
      assert.match(theirs.stderr, /unaligned/);
      assert.equal(ours.stderr.replace(/^qcow2: Could/m, 'qemu-img: Could'), theirs.stderr);
      assert.equal(ours.code, theirs.code);
    });
  }
});

/** Moves the data of a guest offset by 512 bytes, in its L2 entry. */
async function misalign(path: string, at: number): Promise<void> {
  const storage = await openFile(path);
  const image = await openImage(storage);
  assert.ok(image.layer);
  const { l2 } = await lookup(image, image.layer, asGuestOffset(BigInt(at)));
  assert.ok(l2);
  await storage.close();
  const file = await open(path, 'r+');
  await file.write(Uint8Array.of(2), 0, 1, Number(l2.offset) + 6);
  await file.close();
}
