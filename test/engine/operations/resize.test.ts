import assert from 'node:assert/strict';
import { apply } from '../../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../../src/engine/change/changeSet.ts';
import { takeBack } from '../../../src/engine/change/recovery.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { fileBytes } from '../../../src/engine/image/fileBytes.ts';
import { GuestData } from '../../../src/engine/image/guestData.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { planResize, type ResizeOptions } from '../../../src/engine/operations/resize.ts';
import { type ImageStorage, noProgress } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { judge } from '../../crash/judge.ts';
import { LoggedFiles } from '../../crash/loggedFiles.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage, MemoryStorage } from '../../support/memoryStorage.ts';

const kibi = 1n << 10n;
const mebi = 1n << 20n;
const gibi = 1n << 30n;
const tebi = 1n << 40n;

/** A size, with what else differs from the defaults. */
type Wish = Pick<ResizeOptions, 'size'> & Partial<ResizeOptions>;

function plan(storage: MemoryStorage | CountingStorage, wish: Wish): Promise<ChangeSet> {
  const from = { identity: 'memory:1', size: storage.size, modified: 0n, changed: 0n };
  const options = { shrink: true, preallocation: 'off', ports: { codecs }, ...wish } as const;
  return openImage(storage).then((image) => planResize(image, storage, from, options, noProgress));
}

/** Applies a resize in memory. */
async function resize(storage: MemoryStorage, wish: Wish): Promise<ChangeSet> {
  const files = new LoggedFiles(storage);
  const change = await plan(storage, wish);
  await apply(change, files.image, files.place, { keepUndo: false, progress: noProgress });
  return change;
}

async function guestBytes(storage: MemoryStorage, at: bigint, length: number): Promise<Uint8Array> {
  const image = await openImage(storage);
  assert.ok(image.layer);
  const bytes = new Uint8Array(length);
  await new GuestData(image, image.layer, { codecs }).read(at, bytes);
  return bytes;
}

/** A disk of 1 MiB in clusters of 64 KiB, of which the first one and the last one are written. */
function smallImage(): ImageBuilder {
  const image = new ImageBuilder({ size: mebi });
  image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5));
  image
    .entry(4, 15, copied | image.at(6))
    .put(image.at(5), 'first')
    .put(image.at(6), 'last');
  return image.truncate(image.at(7)).refcount(4, 1).refcount(5, 1).refcount(6, 1);
}

describe('a plan to grow a disk', () => {
  it('of 1 TiB that takes no clusters reads the first cluster and the L1 table, and nothing else', async () => {
    const image = new ImageBuilder({ size: tebi });
    for (let index = 0; index < 100; index++) {
      image
        .l1(index * 20, copied | image.at(4 + index))
        .entry(4 + index, 0, 0n)
        .refcount(4 + index, 1);
    }
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    storage.reset();
    const from = { identity: 'memory:1', size: storage.size, modified: 0n, changed: 0n };
    const options = { size: 3n * tebi, shrink: false, preallocation: 'off' } as const;
    const { steps } = await planResize(opened, storage, from, options, noProgress);
    // The clusters from 4 on are L2 tables, and 2 is a refcount block.
    assert.ok(!storage.touched(image.at(4), image.at(100)));
    assert.ok(!storage.touched(image.at(2), 65536n));
    assert.ok(storage.bytes < 3 * 65536, `${storage.bytes} bytes`);
    assert.deepEqual(
      steps.map(({ edits }) => edits.map(({ structure, bytes }) => [structure, bytes.length])),
      [[['header', 512]]],
    );
  });

  it('has new entries of the L1 table on the disk before the header counts them', async () => {
    const image = new ImageBuilder({ size: mebi, cluster_bits: 12 });
    // What was there before means something, once it is counted.
    image.put(image.at(3) + 8n, new Uint8Array(2048).fill(0xff));
    const { steps } = await plan(image.toStorage(), { size: 9n * mebi });
    assert.deepEqual(
      steps.map(({ edits }) => edits[0]?.structure),
      ['L1 table[1]', 'header'],
    );
    await resize(image.toStorage(), { size: 9n * mebi });
    assert.deepEqual((await judge(image.toStorage())).errors, []);
  });

  it('takes a new L1 table where the clusters of the old one are full, and gives those back', async () => {
    const image = new ImageBuilder({ size: mebi, cluster_bits: 9 });
    await resize(image.toStorage(), { size: 9n * mebi });
    const { header } = await openImage(image.toStorage());
    assert.equal(header?.l1_size, 288);
    assert.notEqual(header?.l1_table_offset, image.at(3));
    assert.deepEqual((await judge(image.toStorage())).errors, []);
    // The refcount of the cluster that it was in.
    assert.equal(image.get64(image.at(2)) & 0xffffn, 0n);
  });

  // qemu-img shows the state of the virtual machine as the disk's new part.
  it('clears what is left behind the end, as a VM state is, so that it does not come up in what is new', async () => {
    const image = new ImageBuilder({ size: mebi, cluster_bits: 12, l1_size: 4 });
    image
      .l1(1, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .put(image.at(5), 'the state of a machine');
    image.truncate(image.at(6)).refcount(4, 1).refcount(5, 1);
    await resize(image.toStorage(), { size: 5n * mebi });
    assert.deepEqual(await guestBytes(image.toStorage(), 2n * mebi, 100), new Uint8Array(100));
    assert.deepEqual((await judge(image.toStorage())).errors, []);
    const { l1 } = await openImage(image.toStorage());
    assert.equal(l1.view.getBigUint64(8), 0n);
  });

  it('clears what an interrupted shrink has left in the last L2 table', async () => {
    const image = smallImage();
    image.header({ size: 512n * kibi });
    await resize(image.toStorage(), { size: 2n * mebi });
    assert.deepEqual(await guestBytes(image.toStorage(), mebi - 65536n, 4), new Uint8Array(4));
    assert.deepEqual((await judge(image.toStorage())).errors, []);
    assert.deepEqual((await openImage(image.toStorage())).geometry?.guestSize, 2n * mebi);
  });

  it('is refused where the image names a backing file that nobody has opened', async () => {
    const image = smallImage().backing('base', 'raw');
    await assert.rejects(plan(image.toStorage(), { size: 2n * mebi }), refused(/backing file must be opened first/));
    const backing = fileBytes(new MemoryStorage(gibi));
    await resize(image.toStorage(), { size: 2n * mebi, ports: { codecs, backing } });
    const { l1 } = await openImage(image.toStorage());
    const entry = new DataView(image.toStorage().slice(l1.view.getBigUint64(0) & 0xffff_ffff_fe00n, 256).buffer);
    assert.deepEqual([entry.getBigUint64(8 * 15) & 1n, entry.getBigUint64(8 * 16)], [0n, 1n]);
  });

  it('says that the disk can’t be larger than its L1 table may be', async () => {
    const { qemu } = await failure(plan(smallImage().toStorage(), { size: 3000n * tebi }));
    assert.equal(qemu, 'Failed to grow the L1 table: File too large');
  });

  it('takes no clusters of an image that was not closed properly, and may grow what takes none', async () => {
    const image = smallImage().header({ incompatible_features: 1 });
    await resize(image.toStorage(), { size: 2n * mebi });
    await assert.rejects(
      plan(image.toStorage(), { size: 3n * mebi, preallocation: 'metadata' }),
      refused(/not closed properly/),
    );
    await assert.rejects(plan(image.toStorage(), { size: mebi }), refused(/not closed properly/));
  });
});

describe('a plan to shrink a disk', () => {
  it('has the disk end first, then clears what is behind, then lowers refcounts, then cuts the file', async () => {
    const { steps, cautions } = await plan(smallImage().toStorage(), { size: 512n * kibi });
    assert.deepEqual(
      steps.map(({ says }) => says),
      [
        'Give the disk its new size',
        'Clear what leads behind the end of the disk',
        'Lower the refcounts of what is given up',
        'Cut the file where nothing is in use any more',
      ],
    );
    assert.equal(steps.at(-1)?.fileSize, smallImage().at(6));
    assert.deepEqual(cautions, ['64 KiB of data behind the new end of the disk are given up.']);
  });

  it('cautions of nothing where nothing is stored', async () => {
    const { cautions } = await plan(new ImageBuilder({ size: gibi }).toStorage(), { size: mebi });
    assert.deepEqual(cautions, []);
  });

  it('is refused unless the user knows what it means', async () => {
    await assert.rejects(plan(smallImage().toStorage(), { size: 512n, shrink: false }), refused(/--shrink/));
  });

  it('gives back the blocks of clusters within the file, but not where it may be undone', async () => {
    for (const keepUndo of [false, true]) {
      const image = new ImageBuilder({ size: mebi });
      image
        .l1(0, copied | image.at(6))
        .entry(6, 0, copied | image.at(5))
        .entry(6, 15, copied | image.at(4));
      image.put(image.at(4), 'last').put(image.at(5), 'first').refcount(4, 1).refcount(5, 1).refcount(6, 1);
      const files = new LoggedFiles(image.toStorage());
      const change = await plan(image.toStorage(), { size: 512n * kibi });
      await apply(change, files.image, files.place, { keepUndo, progress: noProgress });
      assert.equal(Buffer.from(image.toStorage().slice(image.at(4), 4)).toString(), keepUndo ? 'last' : '\0\0\0\0');
      assert.equal(files.journal !== undefined, keepUndo);
    }
  });

  it('takes out refcount blocks that count nothing any more, with the clusters that they are in', async () => {
    const image = new ImageBuilder({ size: 2n * mebi, cluster_bits: 9, l1_size: 64 });
    // Refcount block 1 counts the clusters from 256 on: itself, an L2 table and its data.
    image
      .put64(image.at(1) + 8n, image.at(256))
      .refcount(0, 1, 256)
      .refcount(1, 1, 256)
      .refcount(2, 1, 256);
    image
      .l1(40, copied | image.at(257))
      .entry(257, 0, copied | image.at(258))
      .put(image.at(258), 'data');
    image.truncate(image.at(259));
    await resize(image.toStorage(), { size: mebi });
    assert.equal(image.get64(image.at(1) + 8n), 0n);
    assert.equal(image.toStorage().size, image.at(4));
    assert.deepEqual((await judge(image.toStorage())).errors, []);
  });

  it('is refused where an entry behind the new end leads as far past the file as one can', async () => {
    const image = smallImage();
    image.entry(4, 15, copied | 0xff_ffff_ffff_0000n);
    await assert.rejects(plan(image.toStorage(), { size: 512n * kibi }), damaged(/past the end of the file/));
  });

  it('is refused where something else refers to a cluster that would become free', async () => {
    const image = smallImage();
    // The first and the last guest cluster share a host cluster, and its refcount is 1.
    image.entry(4, 15, copied | image.at(5)).refcount(6, 0);
    const before = image.toBytes();
    await assert.rejects(plan(image.toStorage(), { size: 512n * kibi }), damaged(/something else refers to it/));
    assert.deepEqual(image.toBytes(), before);
  });
});

describe('a resize', () => {
  it('keeps unknown header fields, extensions and compatible bits, and clears unknown autoclear bits', async () => {
    for (const size of [512n * kibi, 2n * mebi, 40n * gibi]) {
      const image = smallImage();
      const unknown = { header_length: 136, compatible_features: 1n << 40n, autoclear_features: 1n << 50n };
      image.header(unknown).put(120n, new Uint8Array(16).fill(0x5a));
      image.put32(136n, 0x1234).put32(140n, 5).put(144n, 'bytes').put32(152n, 0x5678).put32(156n, 0);
      await resize(image.toStorage(), { size });
      const { header, extensions } = await openImage(image.toStorage());
      assert.equal(header?.size, size);
      assert.deepEqual(header?.unknownFields.slice(-16), new Uint8Array(16).fill(0x5a));
      assert.deepEqual([header?.compatible_features, header?.autoclear_features], [1n << 40n, 0n]);
      assert.deepEqual(
        extensions.map(({ type, data }) => [type, Buffer.from(data).toString()]),
        [
          [0x1234, 'bytes'],
          [0x5678, ''],
        ],
      );
    }
  });

  it('to the size that the disk has clears unknown autoclear bits, and changes nothing else', async () => {
    const image = smallImage().header({ autoclear_features: 1n << 50n });
    const before = smallImage().toBytes();
    await resize(image.toStorage(), { size: mebi });
    assert.deepEqual(image.toBytes(), before);
  });

  it('of an image whose refcounts are all zero is refused, or the guest’s bytes stay', async () => {
    const wishes: readonly Wish[] = [
      { size: 512n * kibi },
      { size: 2n * mebi },
      { size: 40n * gibi },
      { size: 2n * mebi, preallocation: 'metadata' },
      { size: 2n * mebi, preallocation: 'full' },
    ];
    let refusals = 0;
    for (const wish of wishes) {
      const image = smallImage();
      image.put(image.at(2), new Uint8Array(65536));
      const length = Math.min(Number(mebi), Number(wish.size));
      const before = await guestBytes(image.toStorage(), 0n, length);
      try {
        await resize(image.toStorage(), wish);
      } catch (error) {
        assert.ok(error instanceof Qcow2Error && error.code === 'damaged', String(error));
        refusals++;
      }
      assert.deepEqual(await guestBytes(image.toStorage(), 0n, length), before);
    }
    // Those that give clusters back. The others take only what nothing refers to.
    assert.equal(refusals, 3);
  });

  it('says everything that stands in the way, with qemu-img’s words for the first', async () => {
    const image = new ImageBuilder({ version: 2, size: mebi });
    image.header({ nb_snapshots: 1, snapshots_offset: image.at(4) });
    image
      .put64(image.at(4), image.at(5))
      .put32(image.at(4) + 8n, 1)
      .put16(image.at(4) + 14n, 1)
      .put8(image.at(4) + 40n, 65);
    image.truncate(image.at(6));
    const wrong = await failure(plan(image.toStorage(), { size: 1000n, shrink: false, preallocation: 'full' }));
    for (const part of [/whole sectors/, /--shrink/, /snapshots/, /does not grow/, /4 things/]) {
      assert.match(wrong.message, part);
    }
    assert.equal(wrong.qemu, 'Preallocation can only be used for growing images');
  });

  it('of an image with a data file wants that file, and cuts it, so that it can be undone if that is wanted', async () => {
    for (const keepUndo of [false, true]) {
      const files = new LoggedFiles(withDataFile().toStorage());
      const change = await plan(withDataFile().toStorage(), { size: 512n * kibi });
      const options = { keepUndo, progress: noProgress };
      await assert.rejects(apply(change, files.image, files.place, options), /data file .* must be opened too/);
      const content = new MemoryStorage(new Uint8Array(Number(mebi)).fill(7));
      const dataFile = new LoggedFiles(content).image;
      await apply(change, files.image, files.place, { ...options, dataFile });
      assert.equal(content.size, 512n * kibi);
      if (keepUndo) {
        await assert.rejects(takeBack(files.image, files.place, 'finished', false), /data file .* must be opened too/);
        const openDataFile = async (): Promise<ImageStorage> => dataFile;
        const { stays } = await takeBack(files.image, files.place, 'finished', false, { openDataFile });
        assert.deepEqual(stays, []);
        assert.deepEqual(content.slice(0n, Number(mebi) + 1), new Uint8Array(Number(mebi)).fill(7));
      }
    }
  });

  it('that is undone cuts off what a data file has grown by, unless that was written since', async () => {
    for (const written of [undefined, 7, 0]) {
      const files = new LoggedFiles(withDataFile().toStorage());
      const content = new MemoryStorage(mebi);
      const dataFile = new LoggedFiles(content).image;
      const change = await plan(withDataFile().toStorage(), { size: 2n * mebi });
      await apply(change, files.image, files.place, { keepUndo: true, progress: noProgress, dataFile });
      assert.equal(content.size, 2n * mebi);
      if (written !== undefined) {
        content.write(2n * mebi - 1n, Uint8Array.of(written));
      }
      const openDataFile = async (): Promise<ImageStorage> => dataFile;
      const { stays } = await takeBack(files.image, files.place, 'finished', false, { openDataFile });
      assert.equal(content.size, written === 7 ? 2n * mebi : mebi);
      assert.match(stays.join(), written === 7 ? /stays 2 MiB long, and had 1 MiB/ : /^$/);
    }
  });

  it('that can’t cut the data file leaves both as they were', async () => {
    const files = new LoggedFiles(withDataFile().toStorage());
    const content = new MemoryStorage(new Uint8Array(Number(mebi)).fill(7));
    const data = new LoggedFiles(content);
    data.onAct = ({ act }) => {
      if (act.kind === 'resize' && act.size < mebi) {
        throw new Qcow2Error('write-failed', 'Not now', { system: 'EIO' });
      }
    };
    const change = await plan(withDataFile().toStorage(), { size: 512n * kibi });
    const options = { keepUndo: true, progress: noProgress, dataFile: data.image };
    await assert.rejects(apply(change, files.image, files.place, options), /Not now/);
    assert.equal((await openImage(files.image)).header?.size, mebi);
    assert.deepEqual(content.slice(0n, Number(mebi) + 1), new Uint8Array(Number(mebi)).fill(7));
    assert.equal(files.journal, undefined);
  });

  it('is not undone where somebody has written behind the end that a data file was cut to', async () => {
    const files = new LoggedFiles(withDataFile().toStorage());
    const content = new MemoryStorage(new Uint8Array(Number(mebi)).fill(7));
    const dataFile = new LoggedFiles(content).image;
    const change = await plan(withDataFile().toStorage(), { size: 512n * kibi });
    await apply(change, files.image, files.place, { keepUndo: true, progress: noProgress, dataFile });
    content.write(600n * kibi, Uint8Array.of(1));
    const openDataFile = async (): Promise<ImageStorage> => dataFile;
    await assert.rejects(
      takeBack(files.image, files.place, 'finished', true, { openDataFile }),
      /Somebody else has written since: the sector at 0x9_6000 of the external data file/,
    );
  });

  // qemu-img cuts it to the size of the disk.
  it('that grows makes the data file as long as the disk, and cuts nothing off a longer one', async () => {
    for (const [before, after] of [
      [mebi, 2n * mebi],
      [3n * mebi, 3n * mebi],
    ] as const) {
      const image = new ImageBuilder({ size: mebi, incompatible_features: 4 }).extension(0x44415441, 'data');
      const files = new LoggedFiles(image.toStorage());
      const dataFile = new LoggedFiles(new MemoryStorage(before)).image;
      const change = await plan(image.toStorage(), { size: 2n * mebi });
      await apply(change, files.image, files.place, { keepUndo: false, progress: noProgress, dataFile });
      assert.equal((await dataFile.state()).size, after);
    }
  });

  it('makes the data file as long as it was where the image can’t be written', async () => {
    const image = new ImageBuilder({ size: mebi, incompatible_features: 4 }).extension(0x44415441, 'data');
    const files = new LoggedFiles(image.toStorage());
    const dataFile = new LoggedFiles(new MemoryStorage(mebi)).image;
    const change = await plan(image.toStorage(), { size: 2n * mebi });
    files.onAct = ({ file, act }) => {
      if (file === 'image' && act.kind === 'write') {
        files.onAct = () => undefined;
        throw new Qcow2Error('write-failed', 'No space', { system: 'ENOSPC' });
      }
    };
    const options = { keepUndo: false, progress: noProgress, dataFile };
    await assert.rejects(apply(change, files.image, files.place, options), /No space/);
    assert.equal((await dataFile.state()).size, mebi);
  });
});

function withDataFile(): ImageBuilder {
  return new ImageBuilder({ size: mebi, incompatible_features: 4 }).extension(0x44415441, 'data');
}

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Qcow2Error && error.code === 'refused' && message.test(error.message);
}

function damaged(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Qcow2Error && error.code === 'damaged' && message.test(error.message);
}

async function failure(act: Promise<unknown>): Promise<Qcow2Error> {
  try {
    await act;
  } catch (error) {
    assert.ok(error instanceof Qcow2Error, String(error));
    return error;
  }
  return assert.fail('it is not refused');
}
