import assert from 'node:assert/strict';
import { diagnose } from '../../../src/engine/check/diagnose.ts';
import type { Diagnosis } from '../../../src/engine/check/diagnosis.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import type { Finding, FindingCode } from '../../../src/engine/finding.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage } from '../../support/memoryStorage.ts';

const clusterSize = 65536n;

async function diagnosed(image: ImageBuilder, findingBytes?: number): Promise<Diagnosis> {
  const options = findingBytes === undefined ? {} : { findingBytes };
  return diagnose(await openImage(image.toStorage()), { codecs, ...options }, noProgress);
}

function all(diagnosis: Diagnosis): readonly Finding[] {
  return diagnosis.groups.flatMap(({ code, count }) => diagnosis.findings(code, 0, count));
}

function codes(diagnosis: Diagnosis): readonly FindingCode[] {
  return diagnosis.groups.map(({ code }) => code);
}

/** An image with an L2 table at cluster 4 and two clusters of data, as it should be. */
function sound(): ImageBuilder {
  const image = new ImageBuilder();
  image.l1(0, copied | image.at(4));
  image.entry(4, 0, copied | image.at(5)).entry(4, 1, copied | image.at(6));
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 1).truncate(image.at(7));
}

describe('A diagnosis', () => {
  it('of a sound image has no findings, and what qemu-img check counts', async () => {
    const { result, groups } = await diagnosed(sound());
    assert.deepEqual(groups, []);
    assert.deepEqual([result?.corruptions, result?.leaks, result?.use.allocated], [0, 0, 2]);
  });

  it('tells of leaked clusters in a row as one', async () => {
    const image = sound().refcount(7, 1).refcount(8, 1).refcount(9, 2).refcount(11, 2);
    const diagnosis = await diagnosed(image.truncate(image.at(12)));
    assert.equal(diagnosis.result?.leaks, 4);
    const places = all(diagnosis).map(({ code, chain, host }) => [code, chain, host?.offset, host?.length]);
    assert.deepEqual(places, [
      ['cluster-leaked', 'cluster 7…8', 7n * clusterSize, 2n * clusterSize],
      ['cluster-leaked', 'cluster 9', 9n * clusterSize, clusterSize],
      ['cluster-leaked', 'cluster 11', 11n * clusterSize, clusterSize],
    ]);
    assert.deepEqual(diagnosis.groups, [
      { code: 'cluster-leaked', count: 3, hostBytes: 4n * clusterSize, guestBytes: 0n, additional: false },
    ]);
  });

  it('tells of a refcount that is lower than the number of references, in QEMU’s words', async () => {
    const diagnosis = await diagnosed(sound().refcount(6, 0));
    const [found] = all(diagnosis);
    assert.deepEqual(codes(diagnosis), ['refcount-too-low', 'copied-wrong']);
    assert.ok(found);
    assert.equal(explain(found).qemu, 'ERROR cluster 6 refcount=0 reference=1');
  });

  it('names what uses clusters whose refcount is too low: each cluster once, with the guest’s range', async () => {
    const image = sound();
    image.refcount(1, 0).refcount(4, 0).refcount(5, 0).refcount(6, 0);
    const found = (await diagnosed(image)).findings('refcount-too-low', 0, 9);
    assert.deepEqual(
      found.map(({ chain, host, guest }) => [chain, host?.offset, host?.length, guest?.offset, guest?.length]),
      [
        ['refcount_table', clusterSize, clusterSize, undefined, undefined],
        ['L1[0]', 4n * clusterSize, clusterSize, 0n, 8192n * clusterSize],
        ['L1[0] -> L2[0…1]', 5n * clusterSize, 2n * clusterSize, 0n, 2n * clusterSize],
      ],
    );
  });

  it('tells of two guest clusters on one host cluster, which qemu-img check calls clean', async () => {
    const image = sound();
    image.entry(4, 0, image.at(5)).entry(4, 7, image.at(5)).refcount(5, 2);
    const diagnosis = await diagnosed(image);
    assert.equal(diagnosis.result?.corruptions, 0);
    assert.deepEqual(diagnosis.groups, [
      { code: 'cluster-shared', count: 1, hostBytes: clusterSize, guestBytes: clusterSize, additional: true },
    ]);
    const [found] = all(diagnosis);
    assert.ok(found);
    assert.deepEqual([found.chain, found.guest?.offset], ['L1[0] -> L2[7]', 7n * clusterSize]);
    assert.equal(
      explain(found).title,
      '1 cluster from 0x5_0000 on: of L1[0] -> L2[7], and of L1[0] -> L2[0] at the same time',
    );
  });

  it('tells of runs that are shared as one', async () => {
    const image = sound().truncate(sound().at(8));
    for (const [index, cluster] of [5, 6, 7].entries()) {
      image
        .refcount(cluster, 2)
        .entry(4, index, image.at(cluster))
        .entry(4, 100 + index, image.at(cluster));
    }
    const found = all(await diagnosed(image));
    assert.deepEqual(
      found.map(({ chain, host }) => [chain, host?.length]),
      [['L1[0] -> L2[100…102]', 3n * clusterSize]],
    );
  });

  /** A snapshot whose L1 table, at cluster 9, is a copy of the active one; its table is at cluster 8. */
  function withSnapshot(): ImageBuilder {
    const image = sound();
    image.header({ nb_snapshots: 1, snapshots_offset: image.at(8) });
    image
      .put64(image.at(8), image.at(9))
      .put32(image.at(8) + 8n, 1)
      .put16(image.at(8) + 12n, 1)
      .put16(image.at(8) + 14n, 1);
    image
      .put32(image.at(8) + 36n, 16)
      .put64(image.at(8) + 48n, 1 << 20)
      .put(image.at(8) + 56n, '1s');
    image.put64(image.at(9), image.at(4)).l1(0, image.at(4));
    image.entry(4, 0, image.at(5)).entry(4, 1, image.at(6));
    for (const cluster of [4, 5, 6]) {
      image.refcount(cluster, 2);
    }
    return image.refcount(8, 1).refcount(9, 1).truncate(image.at(12));
  }

  it('finds nothing wrong with what a snapshot shares with the disk', async () => {
    assert.deepEqual((await diagnosed(withSnapshot())).groups, []);
  });

  it('tells of a snapshot whose L1 table does not reach its disk, or the state of its machine', async () => {
    const small = withSnapshot();
    small.put64(small.at(8) + 48n, 2n ** 30n);
    assert.deepEqual(codes(await diagnosed(small)), ['snapshot-l1-too-small']);
    const cut = withSnapshot();
    cut.put64(cut.at(8) + 40n, 4096);
    const diagnosis = await diagnosed(cut);
    assert.deepEqual(
      all(diagnosis).map(({ code, chain, values }) => [code, chain, values.needed]),
      [['snapshot-vm-state-cut', 'snapshot[0]', 2n ** 29n + 4096n]],
    );
    assert.equal(diagnosis.result?.corruptions, 0);
  });

  it('tells of a guest cluster of the disk on a cluster that only a snapshot has, at another place', async () => {
    const image = withSnapshot();
    // The disk gets an L2 table of its own.
    image.l1(0, copied | image.at(10)).entry(10, 3, image.at(5));
    image.refcount(4, 1).refcount(10, 1).refcount(5, 2).refcount(6, 1);
    const found = (await diagnosed(image)).findings('cluster-shared', 0, 9);
    assert.deepEqual(
      found.map(({ chain, values }) => [chain, values.first]),
      [['L1[0] -> L2[3]', 'snapshot[0] -> L1[0] -> L2[0]']],
    );
  });

  it('tells of an L2 table that has two places', async () => {
    const image = new ImageBuilder({ size: 2n ** 30n });
    image.l1(0, image.at(4)).l1(1, image.at(4)).entry(4, 0, image.at(5)).refcount(4, 2).refcount(5, 2);
    const diagnosis = await diagnosed(image.truncate(image.at(6)));
    assert.deepEqual(
      all(diagnosis).map(({ code, chain, values }) => [code, chain, values.first]),
      [['l2-table-shared', 'L1[1]', 'L1[0]']],
    );
  });

  it('names both owners of a cluster of data that is also a table, and the guest’s range', async () => {
    const image = sound();
    image.entry(4, 1, image.at(3)).entry(4, 2, image.at(2)).refcount(3, 2).refcount(2, 2).refcount(6, 0);
    const found = (await diagnosed(image)).findings('clusters-overlap', 0, 9);
    assert.deepEqual(
      found.map(({ chain, guest, values }) => [chain, guest?.offset, values.first, values.second]),
      [
        ['L1[0] -> L2[1]', clusterSize, 'data of L1[0] -> L2[1]', 'active L1 table'],
        ['L1[0] -> L2[2]', 2n * clusterSize, 'data of L1[0] -> L2[2]', 'refcount block of refcount_table[0]'],
      ],
    );
  });

  it('tells of refcounts past the end of the file, which qemu-img check does not compare', async () => {
    const image = sound().refcount(20, 1).refcount(21, 1).refcount(30, 5);
    const diagnosis = await diagnosed(image);
    assert.equal(diagnosis.result?.leaks, 0);
    assert.deepEqual(
      all(diagnosis).map(({ code, chain, host }) => [code, chain, host?.offset, host?.length]),
      [
        ['refcount-past-end', 'refcount_table[0] -> refcount[20…21]', 20n * clusterSize, 2n * clusterSize],
        ['refcount-past-end', 'refcount_table[0] -> refcount[30]', 30n * clusterSize, clusterSize],
      ],
    );
  });

  it('tells of COPIED that does not fit the refcount, with the way to the entry and the guest’s range', async () => {
    const image = sound();
    image.l1(0, image.at(4)).entry(4, 1, image.at(6));
    const found = all(await diagnosed(image)).map((one) => [one.chain, one.host, one.guest, explain(one).qemu]);
    assert.deepEqual(found, [
      [
        'L1[0]',
        { offset: image.at(3), length: 8n },
        { offset: 0n, length: 8192n * clusterSize },
        'ERROR OFLAG_COPIED L2 cluster: l1_index=0 l1_entry=40000 refcount=1',
      ],
      [
        'L1[0] -> L2[1]',
        { offset: image.at(4) + 8n, length: 8n },
        { offset: clusterSize, length: clusterSize },
        'ERROR OFLAG_COPIED data cluster: l2_entry=60000 refcount=1',
      ],
    ]);
  });

  it('tells once of a cluster that is used more often than its refcount can count', async () => {
    const image = new ImageBuilder({ refcount_order: 0 });
    image.l1(0, copied | image.at(4));
    for (const index of [0, 1, 2]) {
      image.entry(4, index, copied | image.at(5));
    }
    const diagnosis = await diagnosed(image.refcount(4, 1).refcount(5, 1).truncate(image.at(6)));
    const overflows = diagnosis.findings('refcount-overflow', 0, 9);
    assert.equal(diagnosis.result?.corruptions, 2);
    assert.deepEqual(
      overflows.map(({ chain }) => chain),
      ['cluster 5'],
    );
  });

  it('says what the guest has of it: in guest order, neighbours as one, cut at the end of the disk', async () => {
    const image = sound();
    image
      .entry(4, 1, image.at(7) + 512n)
      .entry(4, 2, image.at(90))
      .entry(4, 3, image.at(70))
      .entry(4, 15, image.at(99));
    const { impacts } = await diagnosed(
      image
        .refcount(7, 1)
        .refcount(8, 1)
        .truncate(image.at(9))
        .header({ size: (1 << 20) - 512 }),
    );
    assert.deepEqual(
      impacts.map(({ kind, code, guest }) => [kind, code, guest.offset, guest.length]),
      [
        ['unreadable', 'l2-entry-unaligned', clusterSize, clusterSize],
        ['wrong', 'data-past-end', 2n * clusterSize, 2n * clusterSize],
        ['wrong', 'data-past-end', 15n * clusterSize, clusterSize - 512n],
      ],
    );
  });

  it('hurts what an L1 table that is cut or too small does not lead to', async () => {
    const span = 2n ** 29n;
    const hurt = async (image: ImageBuilder) =>
      (await diagnosed(image)).impacts.map(({ kind, code, guest }) => [kind, code, guest.offset, guest.length]);
    const cut = new ImageBuilder({ size: 4n * span }).truncate(3n * clusterSize + 8n);
    assert.deepEqual(await hurt(cut), [['wrong', 'l1-table-past-end', span, 3n * span]]);
    const small = new ImageBuilder({ size: 4n * span, l1_size: 1 });
    assert.deepEqual(await hurt(small), [['unreadable', 'l1-table-too-small', span, 3n * span]]);
  });

  it('hurts both guest clusters that are on one host cluster, and tells in which partition each starts', async () => {
    const image = sound();
    image
      .entry(4, 0, copied | image.at(5))
      .entry(4, 7, image.at(6))
      .entry(4, 1, image.at(6))
      .refcount(6, 2);
    // An MBR with one partition, from sector 512 on: guest cluster 4.
    image.put8(image.at(5) + 446n + 4n, 0x83).put(image.at(5) + 446n + 8n, [0, 2, 0, 0, 0, 4, 0, 0]);
    image.put(image.at(5) + 510n, [0x55, 0xaa]);
    const { impacts } = await diagnosed(image);
    assert.deepEqual(
      impacts.map(({ kind, guest, partition }) => [kind, guest.offset, partition?.number, partition?.type]),
      [
        ['wrong', clusterSize, undefined, undefined],
        ['wrong', 7n * clusterSize, 1, 'Linux filesystem'],
      ],
    );
  });

  it('hurts nothing of the disk where a snapshot alone is damaged, and nothing by a clear COPIED', async () => {
    const image = withSnapshot();
    image
      .l1(0, copied | image.at(10))
      .entry(10, 0, image.at(5))
      .entry(10, 1, copied | image.at(11));
    image
      .refcount(4, 1)
      .refcount(10, 1)
      .refcount(6, 1)
      .refcount(11, 1)
      .entry(4, 1, image.at(6) + 1024n);
    image.l1(0, image.at(10));
    const { impacts, groups } = await diagnosed(image);
    assert.deepEqual(groups.map(({ code }) => code).slice(0, 2), ['l2-entry-unaligned', 'refcount-too-low']);
    assert.deepEqual(impacts, []);
  });

  it('counts as qemu-img’s no corruption where that counts none: an L1 table cut by less than a cluster', async () => {
    const image = new ImageBuilder({ size: 2n ** 35n }).truncate(3n * clusterSize + 100n);
    const { result, groups } = await diagnosed(image);
    assert.equal(result?.corruptions, 0);
    assert.deepEqual(
      groups.map(({ code, additional }) => [code, additional]),
      [['l1-table-past-end', true]],
    );
  });

  it('has the findings of opening and those of the entries too', async () => {
    const image = sound();
    image.entry(4, 2, image.at(20)).header({ size: (1 << 20) + 7 });
    const diagnosis = await diagnosed(image);
    assert.deepEqual(codes(diagnosis), ['data-past-end', 'size-unaligned']);
    assert.equal(diagnosis.groups[0]?.guestBytes, clusterSize);
    assert.deepEqual(
      diagnosis.groups.map(({ additional }) => additional),
      [false, true],
    );
  });

  it('gives findings of any number page by page, each as it was found', async () => {
    const image = sound().truncate(sound().at(2000));
    const leaks = 900;
    for (let at = 0; at < leaks; at++) {
      image.refcount(10 + at * 2, 1);
    }
    const diagnosis = await diagnosed(image);
    const chains = (from: number, count: number) =>
      diagnosis.findings('cluster-leaked', from, count).map((one) => one.chain);
    assert.deepEqual(chains(898, 50), ['cluster 1806', 'cluster 1808']);
    assert.deepEqual(chains(3, 2), ['cluster 16', 'cluster 18']);
    assert.deepEqual(chains(900, 1), []);
  });

  it('counts what memory does not hold, and says how much it can list', async () => {
    const image = sound().refcount(7, 1).refcount(9, 1).refcount(11, 1);
    const { groups, findings } = await diagnosed(image.truncate(image.at(12)), 2 * 5 * 8);
    assert.deepEqual([groups[0]?.count, groups[0]?.listed], [3, 2]);
    assert.equal(findings('cluster-leaked', 0, 9).length, 2);
  });

  it('counts the findings of opening that are not kept, by code', async () => {
    const image = new ImageBuilder({ nb_snapshots: 12_000, snapshots_offset: 4 * 65536, version: 3 });
    for (let index = 0n; index < 12_000n; index++) {
      image.put64(image.at(4) + index * 40n, 512);
    }
    const [group] = (await diagnosed(image)).groups.filter(({ code }) => code === 'snapshot-l1-offset-invalid');
    const opened = await openImage(image.toStorage());
    const kept = opened.findings.filter(({ code }) => code === 'snapshot-l1-offset-invalid').length;
    assert.deepEqual([group?.count, group?.listed], [12_000, kept]);
    assert.ok(kept < 12_000);
  });

  it('takes of a sparse file of 8 TiB what is in it, with clusters of 64 KiB and of 512 bytes', async () => {
    for (const cluster_bits of [16, 9]) {
      const image = new ImageBuilder({ cluster_bits });
      const storage = new CountingStorage(image.truncate(2n ** 43n).toStorage());
      const { groups } = await diagnose(await openImage(storage), { codecs }, noProgress);
      assert.deepEqual(groups, []);
      assert.ok(storage.calls < 100, `${storage.calls} reads`);
      assert.ok(storage.bytes < 2 ** 22, `${storage.bytes} bytes`);
    }
  });

  it('can be stopped', async () => {
    const stop = async (): Promise<void> => {
      throw new Qcow2Error('cancelled', 'Stopped.');
    };
    const image = await openImage(sound().toStorage());
    await assert.rejects(diagnose(image, { codecs }, { step: stop }), { code: 'cancelled' });
  });

  it('of a file without a usable header has what opening found, and no numbers', async () => {
    const { result, groups } = await diagnosed(new ImageBuilder({ cluster_bits: 16, magic: 1 }));
    assert.equal(result, undefined);
    assert.deepEqual(
      groups.map(({ code }) => code),
      ['not-qcow2'],
    );
  });
});
