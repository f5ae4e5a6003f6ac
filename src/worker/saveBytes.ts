import { Qcow2Error } from '../engine/error.ts';
import { type ByteSource, natureOf } from '../engine/image/byteRuns.ts';
import type { Progress, Storage } from '../engine/ports.ts';
import { saveFile } from '../platform/savedFile.ts';
import type { SaveRequest, SaveResult } from '../protocol/hexApi.ts';

/** Bytes that are read at once. */
const chunkBytes = 2n ** 20n;

/**
 * Writes the bytes of a range into a new file; zeros that are stored nowhere become holes, bytes that are not known
 * zeros, which are counted.
 *
 * @param kept - files that must not be replaced: the image, and what it is based on
 */
export async function saveBytes(
  source: ByteSource,
  { range, path }: SaveRequest,
  kept: readonly Storage[],
  progress: Progress,
): Promise<SaveResult> {
  const { start } = range;
  const end = start + range.length < source.size ? start + range.length : source.size;
  if (start < 0n || start > end) {
    throw new Qcow2Error('bad-argument', `There is no byte 0x${start.toString(16)}.`);
  }
  let unknown = 0n;
  let done = 0n;
  const walking: Progress = {
    step: () => progress.step(Number(done / 512n), Number((end - start) / 512n) + 1),
  };
  await saveFile(path, end - start, new Set(kept.flatMap(identityOf)), async (file) => {
    for (let next = start; next < end; ) {
      for (const { from, to, nature } of await source.stretches(next, end, walking)) {
        next = to;
        unknown += nature === 'unknown' ? to - from : 0n;
        for (let at = from; nature === 'stored' && at < to; at += chunkBytes) {
          const bytes = new Uint8Array(Number(to - at < chunkBytes ? to - at : chunkBytes));
          for (const run of await source.read(at, bytes)) {
            unknown += natureOf(run.kind) === 'unknown' ? BigInt(run.to - run.from) : 0n;
          }
          file.write(at - start, bytes);
          done = at - start;
          await walking.step(0, 0);
        }
        done = to - start;
        await walking.step(0, 0);
      }
    }
  });
  return { bytes: end - start, unknown };
}

/** Device and inode, where the storage is a file of the system. */
function identityOf(storage: Storage): string[] {
  return 'identity' in storage && typeof storage.identity === 'string' ? [storage.identity] : [];
}
