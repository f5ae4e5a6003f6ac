import assert from 'node:assert/strict';
import { diagnose } from '../../../src/engine/check/diagnose.ts';
import type { Diagnosis } from '../../../src/engine/check/diagnosis.ts';
import type { Finding, FindingCode } from '../../../src/engine/finding.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';

const clusterSize = 65536n;

async function diagnosed(image: ImageBuilder, findingBytes?: number): Promise<Diagnosis> {
  const options = findingBytes === undefined ? {} : { findingBytes };
  return diagnose(await openImage(image.toStorage()), options, noProgress);
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

  it('of a file without a usable header has what opening found, and no numbers', async () => {
    const { result, groups } = await diagnosed(new ImageBuilder({ cluster_bits: 16, magic: 1 }));
    assert.equal(result, undefined);
    assert.deepEqual(
      groups.map(({ code }) => code),
      ['not-qcow2'],
    );
  });
});
