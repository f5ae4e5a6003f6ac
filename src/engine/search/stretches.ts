import type { ByteRange } from '../finding.ts';
import type { ByteSource, Stretch } from '../image/byteRuns.ts';
import type { Progress } from '../ports.ts';

/** Bytes of the first piece that is gone through backwards. */
const firstPiece = 2n ** 26n;

/** The stretches of a range in order; neighbours may be alike. */
export async function* stretchesUp(
  source: ByteSource,
  from: bigint,
  to: bigint,
  progress: Progress,
): AsyncGenerator<Stretch> {
  for (let at = from; at < to; ) {
    for (const stretch of await source.stretches(at, to, progress)) {
      yield stretch;
      at = stretch.to;
    }
  }
}

/**
 * The stretches of a range from its end to its start; neighbours may be alike. Goes piece by piece, and the pieces grow
 * while nothing in them is stored.
 */
export async function* stretchesDown(
  source: ByteSource,
  from: bigint,
  to: bigint,
  progress: Progress,
): AsyncGenerator<Stretch> {
  let length = firstPiece;
  for (let end = to; end > from; ) {
    const start = end - length > from ? end - length : from;
    const stretches = await lastStretches(source, start, end, progress);
    for (const stretch of stretches.reverse()) {
      yield stretch;
      end = stretch.from;
    }
    length = stretches.some(({ nature }) => nature === 'stored') ? firstPiece : length * 2n;
  }
}

/** The last stretches of a range, up to its end: as many as come in one go, at least. */
async function lastStretches(source: ByteSource, from: bigint, to: bigint, progress: Progress): Promise<Stretch[]> {
  let last: Stretch[] = [];
  for (let at = from; at < to; ) {
    const more = await source.stretches(at, to, progress);
    at = more.at(-1)?.to ?? to;
    last = [...last.slice(-more.length), ...more];
    await progress.step(0, 0);
  }
  return last;
}

/**
 * The next run of stored bytes that starts after a place, or the last one that starts before it; undefined where there
 * is none up to the end.
 */
export async function storedRun(
  source: ByteSource,
  from: bigint,
  direction: 'next' | 'previous',
  progress: Progress,
): Promise<ByteRange | undefined> {
  const { size } = source;
  const place = from < size ? from : size;
  const total = direction === 'next' ? size - place : place;
  let passed = 0n;
  const walking: Progress = {
    step: () => progress.step(total === 0n ? 1 : Number((passed * 1000n) / total), total === 0n ? 1 : 1000),
  };
  const walk =
    direction === 'next' ? stretchesUp(source, place, size, walking) : stretchesDown(source, 0n, place, walking);
  let run: ByteRange | undefined;
  let before = direction === 'next' && place > 0n && (await isStored(source, place - 1n, walking));
  for await (const { from: start, to, nature } of walk) {
    const stored = nature === 'stored';
    if (direction === 'previous') {
      if (!stored && run) {
        return run;
      }
      run = stored ? { offset: start, length: run ? run.offset + run.length - start : to - start } : undefined;
    } else if (run) {
      if (!stored) {
        return run;
      }
      run = { offset: run.offset, length: to - run.offset };
    } else if (stored && !before && start > from) {
      run = { offset: start, length: to - start };
    } else {
      before = stored;
    }
    passed += to - start;
    await walking.step(0, 0);
  }
  return run;
}

async function isStored(source: ByteSource, at: bigint, progress: Progress): Promise<boolean> {
  const [stretch] = await source.stretches(at, at + 1n, progress);
  return stretch?.nature === 'stored';
}
