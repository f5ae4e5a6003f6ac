import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qemuImg } from '../support/qemu.ts';
import { writeShuffledImage } from '../support/shuffledImage.ts';

describe('the image in shuffled host order that the bench uses', function () {
  this.timeout(60_000);
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-shuffled-'));
    await writeShuffledImage(join(folder, 'disk.qcow2'), 2 ** 30);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('has no errors and no leaks for qemu-img check', async () => {
    const check = await qemuImg(['check', '--output=json', join(folder, 'disk.qcow2')]);
    assert.match(check, /"allocated-clusters": 16384/);
    assert.doesNotMatch(check, /corruptions|leaks/);
  });

  it('maps every guest cluster to a host cluster of its own', async () => {
    const map = await qemuImg(['map', '--output=json', join(folder, 'disk.qcow2')]);
    const offsets = [...map.matchAll(/"offset": (\d+)/g)].map((match) => Number(match[1]));
    assert.ok(offsets.length > 16000, 'neighbours in the guest are hardly ever neighbours in the file');
    assert.equal(new Set(offsets).size, offsets.length);
  });
});
