import { createHash } from 'node:crypto';
import { explain } from '../../src/engine/findingTexts.ts';
import { l1Place } from '../../src/engine/format/l1.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../../src/engine/format/l2.ts';
import { readRefcount } from '../../src/engine/format/refcounts.ts';
import { snapshotId, snapshotName } from '../../src/engine/format/snapshots.ts';
import { natureOf } from '../../src/engine/image/byteRuns.ts';
import type { Geometry } from '../../src/engine/image/geometry.ts';
import { GuestData } from '../../src/engine/image/guestData.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { readRefcountTable, refcountTableEntries } from '../../src/engine/image/refcountTable.ts';
import { walkReferences } from '../../src/engine/image/references.ts';
import { snapshotLayer } from '../../src/engine/image/snapshotLayer.ts';
import { readSnapshots } from '../../src/engine/image/snapshotTable.ts';
import { noProgress, type Storage } from '../../src/engine/ports.ts';
import { guestPorts } from './backing.ts';

/** What an image is worth to its owner. */
export interface Verdict {
  /** What is wrong beyond leaks: QEMU would call each of them an error, or not open the image. */
  readonly errors: readonly string[];
  /** A digest of the guest's bytes in the active layer, with the names of the backing file and its format. */
  readonly guest: string;
  /** By snapshot (id and name): a digest of the guest's bytes in it. */
  readonly snapshots: ReadonlyMap<string, string>;
}

/** Judges an image by itself, in memory: everything that qemu-img check looks at, and the guest's bytes. */
export async function judge(storage: Storage): Promise<Verdict> {
  const image = await openImage(storage);
  const { geometry, header } = image;
  if (!geometry || !header) {
    return { errors: [image.file.says], guest: '', snapshots: new Map() };
  }
  const errors = image.findings
    .map((found) => ({ found, text: explain(found) }))
    .filter(({ found, text }) => text.severity === 'corruption' && found.code !== 'image-corrupt')
    .map(({ found, text }) => `${found.chain}: ${text.title}`);
  errors.push(...(await countErrors(image, geometry)));
  return { errors, guest: await guestDigest(image), snapshots: await snapshotDigests(image) };
}

async function countErrors(image: Image, geometry: Geometry): Promise<string[]> {
  const { storage } = image;
  const errors: string[] = [];
  const counted = new Map<number, number>();
  await walkReferences(
    image,
    {
      reference(_owner, _source, _index, cluster, count, references) {
        for (let one = cluster; one < cluster + count; one++) {
          counted.set(one, (counted.get(one) ?? 0) + references);
        }
      },
      flaw: (flaw, { host }) => errors.push(`flaw ${flaw} at ${host}`),
    },
    noProgress,
  );
  const stored = await refcounts(image, geometry);
  for (const [cluster, count] of counted) {
    if (stored(cluster) < BigInt(count)) {
      errors.push(`cluster ${cluster}: refcount ${stored(cluster)}, ${count} references`);
    }
  }
  await eachActiveEntry(image, geometry, (name, cluster, copied) => {
    if (copied !== (stored(cluster) === 1n)) {
      errors.push(`${name}: COPIED is ${copied}, cluster ${cluster} has refcount ${stored(cluster)}`);
    }
  });
  if (BigInt(Math.max(-1, ...counted.keys())) * BigInt(geometry.clusterSize) >= storage.size) {
    errors.push('something refers to a cluster past the end of the file');
  }
  return errors;
}

async function refcounts({ storage, header }: Image, geometry: Geometry): Promise<(cluster: number) => bigint> {
  const blocks = new Map<number, Uint8Array>();
  if (header) {
    for (const { index, block } of refcountTableEntries(geometry, await readRefcountTable(storage, geometry, header))) {
      const bytes = new Uint8Array(geometry.clusterSize);
      await storage.read(BigInt(block), bytes);
      blocks.set(index, bytes);
    }
  }
  const { refcountBlockEntries: perBlock, refcountOrder } = geometry;
  return (cluster) => {
    const block = blocks.get(Math.floor(cluster / perBlock));
    return block ? BigInt(readRefcount(block, cluster % perBlock, refcountOrder)) : 0n;
  };
}

/** The entries of the active L1 table and its L2 tables that lead to a cluster of which COPIED tells the refcount. */
async function eachActiveEntry(
  { storage, l1 }: Image,
  geometry: Geometry,
  visit: (name: string, cluster: number, copied: boolean) => void,
): Promise<void> {
  for (let index = 0; index * 8 < l1.view.byteLength; index++) {
    const [hi, lo] = [l1.view.getUint32(index * 8), l1.view.getUint32(index * 8 + 4)];
    const table = l1Place(hi, lo);
    if (table === 0) {
      continue;
    }
    visit(`L1[${index}]`, table / geometry.clusterSize, hi >>> 31 === 1);
    const bytes = new Uint8Array(geometry.clusterSize);
    await storage.read(BigInt(table), bytes);
    const view = new DataView(bytes.buffer);
    for (let entry = 0; entry < geometry.l2Entries && !geometry.dataFile; entry++) {
      const at = entry * geometry.l2EntryBytes;
      const [high, low] = [view.getUint32(at), view.getUint32(at + 4)];
      const kind = l2Kind(high, low, geometry);
      if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
        visit(`L2[${index}][${entry}]`, l2HostOffset(high, low) / geometry.clusterSize, high >>> 31 === 1);
      }
    }
  }
}

async function guestDigest(image: Image): Promise<string> {
  const { layer, backing } = image;
  const digest = layer ? await layerDigest(image, layer) : 'no layer';
  return `${digest} ${backing?.name ?? ''} ${backing?.format ?? ''}`;
}

async function snapshotDigests(image: Image): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const snapshot of image.header ? await readSnapshots(image.storage, image.header) : []) {
    const name = `${snapshotId(snapshot)} ${snapshotName(snapshot)}`;
    digests.set(name, await layerDigest(image, await snapshotLayer(image, snapshot.index)));
  }
  return digests;
}

async function layerDigest(image: Image, layer: NonNullable<Image['layer']>): Promise<string> {
  const hash = createHash('sha256');
  const guest = new GuestData(image, layer, guestPorts(image));
  const bytes = Buffer.alloc(2 ** 20);
  const zeros = Buffer.alloc(2 ** 20);
  for (let at = 0n; at < guest.size; at += BigInt(bytes.length)) {
    const left = guest.size - at;
    const part = left < BigInt(bytes.length) ? bytes.subarray(0, Number(left)) : bytes;
    part.fill(0);
    const runs = await guest.read(at, part);
    if (!part.equals(zeros.subarray(0, part.length))) {
      hash.update(`${at} `).update(part);
    }
    // What is not known, since it comes from elsewhere, is no zeros.
    const unknown = runs.filter(({ kind }) => natureOf(kind) === 'unknown');
    hash.update(JSON.stringify(unknown.map(({ from, to, kind }) => [from, to, kind])));
  }
  return `${guest.size} ${hash.digest('hex')}`;
}
