import { noProgress, type Progress } from '../ports.ts';
import { type StatusLayer, StatusRows, statusFlags } from './statusRows.ts';

export { type StatusLayer, statusFlags } from './statusRows.ts';

/**
 * Called for each range of the guest's disk, in order and without a gap; neighbours may be alike. `flags` are
 * `statusFlags`, `depth` is the layer that tells of it, `host` the place in that layer's file where it has one. Offsets
 * and lengths are in bytes. Returning false ends the walk.
 */
export type StatusVisitor = (start: number, length: number, flags: number, depth: number, host: number) => boolean;

/** How a walk goes. */
export interface StatusOptions {
  /** Is asked for each L2 table; what it is told as done and total is in bytes of the guest's disk. */
  readonly progress?: Progress;
  /** Whether what can't be told is visited too, with the flag `failed`, rather than the end of the walk. */
  readonly tolerant?: boolean;
}

/** Where a walk had to stop. */
export interface StatusFailure {
  readonly depth: number;
  /** Guest offset in bytes. */
  readonly at: number;
}

const { present, zero, data, failed } = statusFlags;

/**
 * Walks what each byte of the guest's disk is through a backing chain, as QEMU tells it (qemu-img.c, get_block_status;
 * block/io.c, bdrv_co_block_status). Returns where the chain can't tell, if anywhere: nothing is visited from there on.
 *
 * @param layers - from the image itself down; one that is backed and last has a backing file that is not opened
 * @param from - guest offset in bytes, below 2^53 or a multiple of 512; likewise `to`, at most the size of the disk
 */
export async function walkBlockStatus(
  layers: readonly StatusLayer[],
  from: number,
  to: number,
  visit: StatusVisitor,
  { progress = noProgress, tolerant = false }: StatusOptions = {},
): Promise<StatusFailure | undefined> {
  const rows = layers.map((layer) => new StatusRows(layer));
  for (let start = from; start < to; ) {
    const at = start - from;
    const end = await fillRows(layers, rows, start, to, { step: () => progress.step(at, to - from) });
    const stopped = visitRows(layers, rows, start, end, visit, tolerant);
    if (stopped !== undefined) {
      return stopped === 'unwanted' ? undefined : stopped;
    }
    start = end;
  }
  return undefined;
}

/** Fills the rows of each layer where the one above does not know; returns the guest offset up to which all reach. */
async function fillRows(
  layers: readonly StatusLayer[],
  rows: readonly StatusRows[],
  from: number,
  to: number,
  progress: Progress,
): Promise<number> {
  let wanted: { from: number; to: number } | undefined = { from, to };
  let end = to;
  for (const [depth, layer] of layers.entries()) {
    const part = rows[depth];
    const stop = Math.min(wanted.to, end, layer.size);
    if (!part || wanted.from >= stop) {
      break;
    }
    await part.fill(wanted.from, stop, progress);
    end = part.end < stop ? part.end : end;
    wanted = part.unknown(stop);
    if (!wanted) {
      break;
    }
  }
  return end;
}

function visitRows(
  layers: readonly StatusLayer[],
  rows: readonly StatusRows[],
  from: number,
  to: number,
  visit: StatusVisitor,
  tolerant: boolean,
): StatusFailure | 'unwanted' | undefined {
  for (let at = from; at < to; ) {
    let end = to;
    for (let depth = 0; ; depth++) {
      const part = rows[depth];
      if (!part) {
        return { depth, at };
      }
      const row = part.at(at);
      let flags = part.flagsOf(row);
      end = Math.min(end, part.endOf(row));
      if ((flags & failed) !== 0) {
        if (!tolerant) {
          return { depth, at };
        }
      } else if ((flags & (data | zero)) !== 0) {
        flags |= present;
      } else {
        const below = layers[depth + 1];
        if (below && at < below.size) {
          end = Math.min(end, below.size);
          continue;
        }
        // Without a backing file, or past its end, it reads as zeros; where none is opened, that is not known.
        flags |= below || layers[depth]?.backed !== true ? zero : 0;
      }
      if (!visit(at, end - at, flags, depth, part.hostOf(row, at))) {
        return 'unwanted';
      }
      break;
    }
    at = end;
  }
  return undefined;
}
