import assert from 'node:assert/strict';
import { apply } from '../../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../../src/engine/change/changeSet.ts';
import { takeBack } from '../../../src/engine/change/recovery.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import type { Preallocation } from '../../../src/engine/operations/newImage.ts';
import { planResize } from '../../../src/engine/operations/resize.ts';
import { planSnapshotCreate } from '../../../src/engine/operations/snapshotCreate.ts';
import { type ImageStorage, noProgress } from '../../../src/engine/ports.ts';
import { requireSame } from '../../crash/crashCase.ts';
import { judge } from '../../crash/judge.ts';
import { LoggedFiles } from '../../crash/loggedFiles.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

const kibi = 1024n;

/** An image of two data clusters at the beginning of a device, with its last byte written. */
function onDevice(size: bigint): MemoryStorage {
  const image = new ImageBuilder();
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 9, copied | image.at(6));
  image.refcount(4, 1).refcount(5, 1).refcount(6, 1).truncate(image.at(7));
  const device = image.toStorage();
  device.truncate(size);
  return device;
}

/** A device: to make it longer or shorter fails. */
function deviceOf(files: LoggedFiles): ImageStorage {
  const { size } = files.image;
  const resize = async (to: bigint): Promise<void> => assert.equal(to, size, 'a device keeps its size');
  return { ...files.image, fixedSize: true, resize, free: async () => 0n };
}

async function resized(device: ImageStorage, size: bigint, preallocation: Preallocation = 'off'): Promise<ChangeSet> {
  const options = { size, shrink: true, preallocation };
  return planResize(await openImage(device), device, await device.state(), options, noProgress);
}

describe('a change of an image on a device', () => {
  it('leaves the device as long as it is, and can be undone', async () => {
    const content = onDevice(2n ** 20n);
    const before = content.clone();
    const files = new LoggedFiles(content);
    const device = deviceOf(files);
    const change = await resized(device, 64n * kibi);
    assert.ok(change.steps.every(({ fileSize }) => fileSize === undefined));
    await apply(change, device, files.place, { keepUndo: true, progress: noProgress });
    assert.deepEqual((await judge(content)).errors, []);
    assert.equal((await openImage(content)).header?.size, 64n * kibi);
    await takeBack(device, files.place, 'finished', false);
    requireSame('undone', content, before);
  });

  it('takes clusters where the device has some', async () => {
    const content = onDevice(2n ** 20n);
    const files = new LoggedFiles(content);
    const device = deviceOf(files);
    const options = { name: Buffer.from('one'), date: { seconds: 1, nanoseconds: 0 } };
    const state = await device.state();
    const change = await planSnapshotCreate(await openImage(device), device, state, options, noProgress);
    await apply(change, device, files.place, { keepUndo: false, progress: noProgress });
    assert.deepEqual((await judge(content)).errors, []);
    assert.equal(content.size, 2n ** 20n);
  });

  it('is refused where it would end behind the device, with the numbers', async () => {
    const files = new LoggedFiles(onDevice(448n * kibi));
    const device = deviceOf(files);
    const options = { name: Buffer.from('one'), date: { seconds: 1, nanoseconds: 0 } };
    const state = await device.state();
    for (const planned of [
      async () => planSnapshotCreate(await openImage(device), device, state, options, noProgress),
      () => resized(device, 2n ** 22n, 'metadata'),
      () => resized(device, 2n ** 22n, 'full'),
    ]) {
      await assert.rejects(
        planned,
        (error) =>
          error instanceof Qcow2Error &&
          error.system === 'ENOSPC' &&
          /No space left on device: the image needs .*, and the device has 448 KiB/.test(error.message),
      );
    }
    assert.deepEqual(files.log, []);
  });
});
