import { type ByteSource, natureOf } from '../image/byteRuns.ts';
import type { Partition } from './diagnosis.ts';
import { gptType, mbrType } from './partitionTypes.ts';

/** Logical partitions that are followed at most: Linux counts so many of any table. */
const mostLogical = 256;
/** Bytes of the entries of a GPT that are read at most. */
const mostEntryBytes = 2 ** 20;

const extendedTypes: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
const protectiveType = 0xee;

/**
 * The partitions of a disk, by where they start: of a GPT (its second one where the first can't be read), or of an MBR
 * with its logical ones. None where neither is there or can be read.
 */
export async function readPartitions(disk: ByteSource): Promise<readonly Partition[]> {
  const boot = await readMbr(disk, 0n);
  if (!boot) {
    return [];
  }
  const found = boot.some(({ type }) => type === protectiveType) ? await readGpt(disk) : await withLogical(disk, boot);
  return found.sort((a, b) => (a.guest.offset < b.guest.offset ? -1 : 1));
}

/** Bytes of the disk; undefined where some are not known. */
async function read(disk: ByteSource, at: bigint, length: number): Promise<DataView | undefined> {
  if (at < 0n || at + BigInt(length) > disk.size) {
    return undefined;
  }
  const bytes = new Uint8Array(length);
  const runs = await disk.read(at, bytes);
  const isKnown = runs.every(({ kind }) => natureOf(kind) !== 'unknown' && kind !== 'encrypted');
  return isKnown ? new DataView(bytes.buffer) : undefined;
}

/** An entry of a boot record, of which places count in sectors. */
interface BootEntry {
  readonly index: number;
  readonly type: number;
  readonly start: bigint;
  readonly sectors: bigint;
}

const sectorBytes = 512n;
const bootEntries = 446;
const bootEntryBytes = 16;
const signature = 0xaa55;

/** The entries of a boot record that are used; undefined where there is none. A file system's boot sector is none. */
async function readMbr(disk: ByteSource, at: bigint): Promise<BootEntry[] | undefined> {
  const view = await read(disk, at, Number(sectorBytes));
  if (view?.getUint16(510, true) !== signature) {
    return undefined;
  }
  const entries: BootEntry[] = [];
  for (let index = 0; index < 4; index++) {
    const entry = bootEntries + index * bootEntryBytes;
    if ((view.getUint8(entry) & 0x7f) !== 0) {
      return undefined;
    }
    const type = view.getUint8(entry + 4);
    const start = BigInt(view.getUint32(entry + 8, true));
    const sectors = BigInt(view.getUint32(entry + 12, true));
    if (type !== 0 && sectors > 0n) {
      entries.push({ index, type, start, sectors });
    }
  }
  return entries;
}

async function withLogical(disk: ByteSource, boot: readonly BootEntry[]): Promise<Partition[]> {
  const found: Partition[] = [];
  for (const { index, type, start, sectors } of boot) {
    if (extendedTypes.has(type)) {
      found.push(...(await readLogical(disk, start, 5 + found.filter(({ number }) => number >= 5).length)));
    } else {
      found.push(mbrPartition(index + 1, type, start, sectors));
    }
  }
  return found;
}

/** The logical partitions of an extended one that starts at a sector: each has a boot record that leads to the next. */
async function readLogical(disk: ByteSource, container: bigint, firstNumber: number): Promise<Partition[]> {
  const found: Partition[] = [];
  let at = container;
  while (found.length < mostLogical) {
    const entries = (await readMbr(disk, at * sectorBytes)) ?? [];
    const next = entries.find(({ type }) => extendedTypes.has(type));
    for (const { type, start, sectors } of entries.filter((entry) => entry !== next)) {
      found.push(mbrPartition(firstNumber + found.length, type, at + start, sectors));
    }
    // Its place is relative to the first record; one that does not go on is a loop.
    if (!next || container + next.start <= at) {
      break;
    }
    at = container + next.start;
  }
  return found;
}

function mbrPartition(number: number, type: number, start: bigint, sectors: bigint): Partition {
  const guest = { offset: start * sectorBytes, length: sectors * sectorBytes };
  return { scheme: 'MBR', number, type: mbrType(type), guest };
}

/** Sectors of 512 and of 4096 bytes; the first and the last one of the disk. */
async function readGpt(disk: ByteSource): Promise<Partition[]> {
  for (const sector of [512n, 4096n]) {
    for (const at of [sector, (disk.size / sector - 1n) * sector]) {
      const found = await readGptAt(disk, at, sector);
      if (found) {
        return found;
      }
    }
  }
  return [];
}

async function readGptAt(disk: ByteSource, at: bigint, sector: bigint): Promise<Partition[] | undefined> {
  const header = await read(disk, at, 92);
  // "EFI PART"
  if (header?.getUint32(0) !== 0x45464920 || header.getUint32(4) !== 0x50415254) {
    return undefined;
  }
  const count = header.getUint32(80, true);
  const size = header.getUint32(84, true);
  if (size < 128 || count * size > mostEntryBytes) {
    return undefined;
  }
  const entries = await read(disk, header.getBigUint64(72, true) * sector, count * size);
  if (!entries) {
    return undefined;
  }
  const found: Partition[] = [];
  for (let index = 0; index < count; index++) {
    const entry = new DataView(entries.buffer, index * size, size);
    const first = entry.getBigUint64(32, true);
    const last = entry.getBigUint64(40, true);
    const type = new Uint8Array(entries.buffer, index * size, 16);
    if (type.some((byte) => byte !== 0) && first <= last) {
      const guest = { offset: first * sector, length: (last - first + 1n) * sector };
      const name = nameOf(entry);
      found.push({ scheme: 'GPT', number: index + 1, type: gptType(type), ...(name === '' ? {} : { name }), guest });
    }
  }
  return found;
}

/** 36 UTF-16 units, up to the first NUL. */
function nameOf(entry: DataView): string {
  let name = '';
  for (let at = 56; at < 128; at += 2) {
    const unit = entry.getUint16(at, true);
    if (unit === 0) {
      break;
    }
    name += String.fromCharCode(unit);
  }
  return name;
}
