import assert from 'node:assert/strict';
import type { Partition } from '../../../src/engine/check/diagnosis.ts';
import { readPartitions } from '../../../src/engine/check/partitions.ts';
import { fileBytes } from '../../../src/engine/image/fileBytes.ts';
import { MemoryStorage } from '../../support/memoryStorage.ts';

const sector = 512;
const mebibyte = 2048;

/** A disk of 1 GiB. */
class Disk {
  readonly #file = new MemoryStorage(2n ** 30n);

  /** Writes a little endian number. */
  number(at: number, value: bigint | number, width: number): this {
    const bytes = Array.from({ length: width }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn));
    return this.bytes(at, bytes);
  }

  bytes(at: number, bytes: readonly number[]): this {
    this.#file.write(BigInt(at), Uint8Array.from(bytes));
    return this;
  }

  /** Writes a boot record with entries at a sector: type, start and sectors each. */
  record(at: number, ...entries: readonly (readonly [type: number, start: number, sectors: number])[]): this {
    for (const [index, [type, start, sectors]] of entries.entries()) {
      const entry = at * sector + 446 + index * 16;
      this.number(entry + 4, type, 1)
        .number(entry + 8, start, 4)
        .number(entry + 12, sectors, 4);
    }
    return this.number(at * sector + 510, 0xaa55, 2);
  }

  /** Writes a GPT header at a byte, and one entry for the sectors from 2048 to 4095 at sector `entries`. */
  gpt(at: number, entries: number, bytes = sector): this {
    this.bytes(at, [...Buffer.from('EFI PART')])
      .number(at + 72, entries, 8)
      .number(at + 80, 128, 4);
    this.number(at + 84, 128, 4);
    const entry = entries * bytes + 3 * 128;
    this.bytes(entry, [...Buffer.from('AF3DC60F838472478E793D69D8477DE4', 'hex')]);
    this.number(entry + 32, 2048, 8)
      .number(entry + 40, 4095, 8)
      .bytes(entry + 56, [...Buffer.from('root', 'utf16le')]);
    return this;
  }

  read(): Promise<readonly Partition[]> {
    return readPartitions(fileBytes(this.#file));
  }

  /** Number, type, and start and length in MiB. */
  async listed(): Promise<readonly (readonly [number, string, number, number])[]> {
    const bytes = sector * mebibyte;
    return (await this.read()).map(({ number, type, guest }) => [
      number,
      type,
      Number(guest.offset) / bytes,
      Number(guest.length) / bytes,
    ]);
  }
}

describe('The partitions of a disk', () => {
  it('are those of its MBR, by where they start', async () => {
    const disk = new Disk().record(
      0,
      [0x83, 300 * mebibyte, 100 * mebibyte],
      [7, mebibyte, 200 * mebibyte],
      [0x99, 500 * mebibyte, mebibyte],
    );
    assert.deepEqual(await disk.listed(), [
      [2, 'NTFS or exFAT', 1, 200],
      [1, 'Linux filesystem', 300, 100],
      [3, '0x99', 500, 1],
    ]);
  });

  it('are the logical ones too, which Linux counts from 5 on', async () => {
    const disk = new Disk();
    disk.record(0, [0x83, mebibyte, mebibyte], [5, 10 * mebibyte, 100 * mebibyte]);
    disk.record(10 * mebibyte, [0x82, mebibyte, 4 * mebibyte], [5, 20 * mebibyte, 30 * mebibyte]);
    disk.record(30 * mebibyte, [0x83, mebibyte, 9 * mebibyte]);
    assert.deepEqual(await disk.listed(), [
      [1, 'Linux filesystem', 1, 1],
      [5, 'Linux swap', 11, 4],
      [6, 'Linux filesystem', 31, 9],
    ]);
  });

  it('end where a chain of logical ones turns back', async () => {
    const disk = new Disk().record(0, [0x0f, 10 * mebibyte, 100 * mebibyte]);
    disk.record(10 * mebibyte, [0x83, mebibyte, mebibyte], [5, 0, mebibyte]);
    assert.deepEqual(await disk.listed(), [[5, 'Linux filesystem', 11, 1]]);
  });

  it('are those of its GPT, with their names', async () => {
    const disk = new Disk().record(0, [0xee, 1, 2 ** 21 - 1]).gpt(sector, 2);
    assert.deepEqual(await disk.read(), [
      {
        scheme: 'GPT',
        number: 4,
        type: 'Linux filesystem',
        name: 'root',
        guest: { offset: 2048n * 512n, length: 2048n * 512n },
      },
    ]);
  });

  it('are those of the second GPT where the first is lost', async () => {
    const disk = new Disk().record(0, [0xee, 1, 2 ** 21 - 1]).gpt(2 ** 30 - sector, 2 ** 21 - 33);
    assert.deepEqual(await disk.listed(), [[4, 'Linux filesystem', 1, 1]]);
  });

  it('of a GPT with sectors of 4096 bytes are counted by those', async () => {
    const disk = new Disk().record(0, [0xee, 1, 2 ** 18 - 1]).gpt(4096, 2, 4096);
    assert.deepEqual(await disk.listed(), [[4, 'Linux filesystem', 8, 8]]);
  });

  it('are none where the first sector is a file system’s, or where entries would take too much', async () => {
    assert.deepEqual(
      await new Disk()
        .number(510, 0xaa55, 2)
        .bytes(446, [...Buffer.from('Non-System disk')])
        .read(),
      [],
    );
    assert.deepEqual(await new Disk().read(), []);
    const huge = new Disk()
      .record(0, [0xee, 1, 9])
      .gpt(sector, 2)
      .number(sector + 80, 0xffffffff, 4);
    assert.deepEqual(await huge.read(), []);
  });
});
