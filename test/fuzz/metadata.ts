import type { MemoryStorage } from '../support/memoryStorage.ts';

/** Where a structure of an image is, for mutations that aim. Offsets and lengths are host bytes. */
export interface Place {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** Bytes an entry: mutations replace whole entries. */
  readonly step: number;
}

/** The structures of a valid base image, found without the engine. Tables are cut at `most` bytes. */
export function metadataPlaces(storage: MemoryStorage): Place[] {
  const read64 = (at: number): number => Number(new DataView(copy(storage, at, 8)).getBigUint64(0));
  const read32 = (at: number): number => new DataView(copy(storage, at, 4)).getUint32(0);
  const cluster = 2 ** Math.min(21, read32(20));
  const places: Place[] = [{ name: 'first bytes', offset: 0, length: 1024, step: 4 }];
  const add = (name: string, offset: number, length: number, step = 8): void => {
    if (offset > 0 && length > 0 && BigInt(offset) < storage.size) {
      places.push({ name, offset, length: Math.min(length, most), step });
    }
  };
  const l1 = read64(40);
  const l1Size = Math.min(read32(36), 4096);
  add('L1 table', l1, l1Size * 8);
  for (const target of targets(storage, l1, l1Size)) {
    add('L2 table', target, cluster);
  }
  const refcounts = read64(48);
  add('refcount table', refcounts, read32(56) * cluster);
  for (const target of targets(storage, refcounts, 64)) {
    add('refcount block', target, cluster, 2);
  }
  if (read32(60) > 0) {
    add('snapshot table', read64(64), read32(60) * 120, 4);
    for (const target of targets(storage, read64(64), 1)) {
      add('L1 table of a snapshot', target, l1Size * 8);
    }
  }
  for (let at = 104; at < 1024; at += 8) {
    if (read32(at) === 0x23852875) {
      add('bitmap directory', read64(at + 24), read64(at + 16), 4);
      for (const target of targets(storage, read64(at + 24), 1)) {
        add('bitmap table', target, 512);
      }
    }
    if (read32(at) === 0x0537be77) {
      add('LUKS header', read64(at + 8), 592, 4);
    }
  }
  return places;
}

const most = 65536;

/** The host offsets in a table: bits 9 to 55 of the entries that are not 0, at most 32 of them. */
function targets(storage: MemoryStorage, table: number, entries: number): number[] {
  const view = new DataView(copy(storage, table, entries * 8));
  const found: number[] = [];
  for (let index = 0; index < entries && found.length < 32; index += 1) {
    const target = Number(view.getBigUint64(index * 8) & 0x00fffffffffffe00n);
    if (target !== 0) {
      found.push(target);
    }
  }
  return found;
}

function copy(storage: MemoryStorage, at: number, length: number): ArrayBuffer {
  const buffer = new ArrayBuffer(length);
  new Uint8Array(buffer).set(storage.slice(BigInt(at), length));
  return buffer;
}
