import type { ByteRange } from '../../src/engine/finding.ts';
import { openFile } from '../../src/platform/fileStorage.ts';

/** Bytes compared at once. */
const chunk = 2 ** 20;

/**
 * How two files differ, in words; undefined where they are the same to the byte. Only what is data in one of them is
 * read.
 *
 * @param except - ranges that may differ, host offsets in bytes
 */
export async function difference(
  one: string,
  other: string,
  except: readonly ByteRange[] = [],
): Promise<string | undefined> {
  const [a, b] = await Promise.all([openFile(one), openFile(other)]);
  try {
    if (a.size !== b.size) {
      return `sizes ${a.size} and ${b.size}`;
    }
    for (const file of [a, b]) {
      for (const { offset, length, data } of file.extents?.(0n, file.size) ?? [
        { offset: 0n, length: a.size, data: true },
      ]) {
        const at = data ? await differentByte(a, b, offset, length, except) : undefined;
        if (at !== undefined) {
          return `at offset ${at}`;
        }
      }
    }
    return undefined;
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

async function differentByte(
  a: Awaited<ReturnType<typeof openFile>>,
  b: Awaited<ReturnType<typeof openFile>>,
  offset: bigint,
  length: bigint,
  except: readonly ByteRange[],
): Promise<bigint | undefined> {
  const buffers = [Buffer.alloc(chunk), Buffer.alloc(chunk)] as const;
  for (let done = 0n; done < length; done += BigInt(chunk)) {
    const size = Number(length - done < BigInt(chunk) ? length - done : chunk);
    const parts = [buffers[0].subarray(0, size), buffers[1].subarray(0, size)] as const;
    await Promise.all([a.read(offset + done, parts[0]), b.read(offset + done, parts[1])]);
    for (const range of except) {
      clear(range, offset + done, parts);
    }
    if (!parts[0].equals(parts[1])) {
      return offset + done + BigInt(parts[0].findIndex((byte, index) => byte !== parts[1][index]));
    }
  }
  return undefined;
}

/** Zeros what lies in the range. `at`: host offset of the parts in bytes. */
function clear(range: ByteRange, at: bigint, parts: readonly Buffer[]): void {
  for (const part of parts) {
    const from = range.offset - at;
    const to = from + range.length;
    part.fill(0, within(from, part.length), within(to, part.length));
  }
}

function within(at: bigint, length: number): number {
  return at < 0n ? 0 : at > BigInt(length) ? length : Number(at);
}
