import assert from 'node:assert/strict';
import type { Chain, ChainLayer } from '../../src/engine/image/chain.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress, type Progress, type Storage } from '../../src/engine/ports.ts';
import type { MissingRange } from '../../src/engine/salvage/missing.ts';
import { type Region, RescueMap } from '../../src/engine/salvage/rescueMap.ts';
import { type SalvageOutput, type SalvageSummary, salvage } from '../../src/engine/salvage/salvage.ts';
import { type Closed, type SalvageChoice, salvageSource } from '../../src/engine/salvage/source.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { MemoryStorage } from './memoryStorage.ts';

/** What a disk was saved to, in memory. */
export class SavedDisk implements SalvageOutput {
  readonly disk: MemoryStorage;
  readonly ranges: MissingRange[] = [];
  /** As recorded last. */
  map = new RescueMap();
  ended = false;
  records = 0;

  constructor(size: number) {
    this.disk = new MemoryStorage(BigInt(size));
    this.map.add(size, '?');
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    assert(at + bytes.length <= Number(this.disk.size), `bytes past the end of the disk, at ${at}`);
    this.disk.write(BigInt(at), bytes);
  }

  async missing(range: MissingRange): Promise<void> {
    this.ranges.push(range);
  }

  due(): boolean {
    return true;
  }

  async record(regions: Iterable<Region>, at: number | undefined): Promise<void> {
    this.records++;
    this.ended = at === undefined;
    const map = new RescueMap();
    for (const { to, status } of regions) {
      map.add(to, status);
    }
    this.map = map;
  }
}

/** How an image is saved in a test. */
export interface SalvageTry {
  readonly choice?: SalvageChoice;
  /** Below the image: a raw file. */
  readonly base?: Storage;
  readonly dataFile?: Storage | Closed;
  readonly progress?: Progress;
  /** Goes on from this. */
  readonly into?: SavedDisk;
}

/** Opens an image and saves its disk. */
export async function saveFrom(
  storage: Storage,
  { choice = { from: 'active' }, base, dataFile, progress = noProgress, into }: SalvageTry = {},
): Promise<{ saved: SavedDisk; summary: SalvageSummary }> {
  const image = await openImage(storage);
  const top: ChainLayer = { depth: 0, path: 'disk.qcow2', format: 'qcow2', formatSource: 'given', storage, image };
  const below: ChainLayer[] = base
    ? [{ depth: 1, path: 'base.raw', format: 'raw', formatSource: 'named', storage: base }]
    : [];
  const chain: Chain = { layers: [top, ...below], stops: [] };
  const layer = await salvageSource({ choice, codecs, chain, dataFileOf: () => dataFile ?? { closed: 'no' } });
  const saved = into ?? new SavedDisk(layer.size);
  const summary = await salvage(layer, saved.map, saved, progress);
  assert.equal(summary.earlier + summary.data + summary.zeros + summary.missing, layer.size);
  assert.equal(summary.missingRanges, saved.ranges.length);
  assert.equal(
    saved.ranges.reduce((bytes, { from, to }) => bytes + to - from, 0),
    summary.missing,
  );
  return { saved, summary };
}

/** What is missing, a line a range. */
export function missingLines({ ranges }: SavedDisk): string[] {
  return ranges.map(({ from, to, reason, place }) => `${hex(from)}-${hex(to)} ${reason} ${place}`.trimEnd());
}

/** The regions of a map, a line each. */
export function mapText(map: RescueMap): string[] {
  return [...map.regions()].map(({ from, to, status }) => `${hex(from)}-${hex(to)} ${status}`);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
