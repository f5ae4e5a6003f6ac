import { headerLayout } from '../support/builder.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import type { Random } from '../support/random.ts';
import type { Place } from './metadata.ts';

/** Changes `storage` in one to four ways, and returns what was done, in words. */
export function mutate(storage: MemoryStorage, places: readonly Place[], random: Random): string[] {
  const count = random.pick([1, 1, 1, 2, 3, 4]);
  return Array.from({ length: count }, () =>
    random.pick([headerField, headerField, tableEntry, tableEntry, tableEntry, bits, block, length])(
      storage,
      places,
      random,
    ),
  );
}

/** Bytes of a version 3 header: extensions and names follow. */
const headerBytes = 104;

/**
 * Changes a fifth to a half of the entries of one structure, each kind of structure as often as every other; or, of the
 * header, one field, without which no table would be looked at. Returns what was done, in words.
 */
export function mutateStructure(storage: MemoryStorage, places: readonly Place[], random: Random): string[] {
  const names = ['header', ...new Set(places.map(({ name }) => name))];
  const name = names[random.below(names.length)];
  const alike = places.filter((place) => place.name === name);
  const place = alike[random.below(alike.length)];
  if (place === undefined) {
    return [headerField(storage, places, random)];
  }
  const { offset, length, step } = place;
  const from = offset === 0 ? headerBytes : 0;
  const percent = 20 + random.below(31);
  for (let at = from; at + step <= length; at += step) {
    if (random.below(100) < percent) {
      const value = step === 8 ? entry(storage, random) : interesting(storage, random, step);
      storage.write(BigInt(offset + at), value);
    }
  }
  return [`${percent} % of ${name} at ${offset}`];
}

type Mutation = (storage: MemoryStorage, places: readonly Place[], random: Random) => string;

const headerField: Mutation = (storage, _places, random) => {
  const names = Object.keys(headerLayout) as (keyof typeof headerLayout)[];
  // The magic is left alone: without it there is nothing to read.
  const name = names[1 + random.below(names.length - 1)] ?? 'version';
  const [offset, width] = headerLayout[name];
  return write(storage, offset, interesting(storage, random, width), `header.${name}`);
};

const tableEntry: Mutation = (storage, places, random) => {
  const place = places[random.below(places.length)];
  if (!place) {
    return 'nothing';
  }
  const index = random.below(Math.max(1, Math.floor(place.length / place.step)));
  const value = place.step === 8 ? entry(storage, random) : interesting(storage, random, place.step);
  return write(storage, place.offset + index * place.step, value, `${place.name}[${index}]`);
};

const bits: Mutation = (storage, places, random) => {
  const at = position(storage, places, random);
  const byte = storage.slice(BigInt(at), 1)[0] ?? 0;
  return write(storage, at, Uint8Array.of(byte ^ (1 << random.below(8))), 'bit');
};

const block: Mutation = (storage, places, random) => {
  const at = position(storage, places, random);
  const size = random.pick([8, 64, 512, 4096]);
  const what = random.pick(['zeros', 'ones', 'random', 'copy']);
  const bytes =
    what === 'copy'
      ? storage.slice(BigInt(position(storage, places, random)), size)
      : Uint8Array.from({ length: size }, () => (what === 'zeros' ? 0 : what === 'ones' ? 255 : random.below(256)));
  return write(storage, at, bytes, `${what}, ${size} bytes`);
};

const length: Mutation = (storage, _places, random) => {
  const size = Number(storage.size);
  const to = random.pick([random.below(size + 1), size & ~511, size + 512, random.below(1024), size * 1024, 2 ** 50]);
  storage.truncate(BigInt(to));
  return `file of ${to} bytes`;
};

/** A byte of a structure, or any byte of the file. */
function position(storage: MemoryStorage, places: readonly Place[], random: Random): number {
  const place = places[random.below(places.length + 1)];
  return place ? place.offset + random.below(place.length) : random.below(Math.min(Number(storage.size) + 1, 2 ** 32));
}

/** A number as a field may wrongly have it, big endian in `width` bytes. */
function interesting(storage: MemoryStorage, random: Random, width: number): Uint8Array {
  const top = 1n << BigInt(width * 8);
  const anyBit = 1n << BigInt(random.below(width * 8));
  const anyNumber = BigInt(random.below(2 ** 32)) * BigInt(random.below(2 ** 32));
  const cluster = BigInt(random.pick([512, 4096, 65536]));
  const value = random.pick([
    ...([0n, 1n, 2n, 3n, 8n, 9n, 16n, 21n, 64n, 104n, 112n, 512n] as const),
    ...([cluster, cluster + 1n, cluster * 3n, cluster * BigInt(random.below(64))] as const),
    ...([storage.size, storage.size - 512n, storage.size & ~65535n, storage.size + 65536n] as const),
    ...([top - 1n, top / 2n, top / 2n - 1n, anyBit, anyNumber, BigInt(random.below(256))] as const),
    ...([4194304n, 4194305n, 65536n, 65537n, 1n << 56n, (1n << 62n) - 1n] as const),
  ]);
  return bigEndian(value, width);
}

/** A table entry: a place that is right, or slightly or wholly wrong, with any flags. */
function entry(storage: MemoryStorage, random: Random): Uint8Array {
  const cluster = BigInt(random.pick([512, 4096, 16384, 65536, 2097152]));
  const inFile = BigInt(random.below(Number(storage.size / cluster > 4096n ? 4096n : storage.size / cluster) + 2));
  const place = random.pick([0n, cluster * inFile, cluster * inFile, cluster * inFile + 512n, storage.size, 1n << 55n]);
  const flags = random.pick([0n, 0n, 1n, 1n << 63n, 1n << 63n, 1n << 62n, 3n << 62n, 0x1fen, 0x7fn << 56n]);
  return bigEndian(random.pick([place | flags, place | flags, (1n << 64n) - 1n, flags]), 8);
}

function bigEndian(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value & 0xffff_ffff_ffff_ffffn);
  return bytes.subarray(8 - width);
}

function write(storage: MemoryStorage, at: number, bytes: Uint8Array, what: string): string {
  storage.write(BigInt(at), bytes);
  const shown = Buffer.from(bytes.subarray(0, 16)).toString('hex');
  return `${what} at ${at}: ${shown}${bytes.length > 16 ? '…' : ''}`;
}
