import { systemText } from '../error.ts';
import type { Storage } from '../ports.ts';
import { addRun, addStretch, type ByteRun, type ByteSource, mostStretches, type Stretch } from './byteRuns.ts';
import { readHostBytes } from './hostBytes.ts';

/** The bytes of a file as it is: data, holes, and sectors that can't be read. */
export function fileBytes(storage: Storage): ByteSource {
  return {
    size: storage.size,
    read: (at, into) => readFileBytes(storage, at, into),
    stretches: async (from, to) => fileStretches(storage, from, to),
  };
}

async function readFileBytes(storage: Storage, at: bigint, into: Uint8Array): Promise<ByteRun[]> {
  const bad = await readHostBytes(storage, at, into);
  const runs: ByteRun[] = [];
  let done = 0;
  const dataTo = (to: number): void => addKnown(runs, storage, at, done, to);
  for (const { from, to, system } of bad) {
    dataTo(from);
    const why = `${systemText(system)} at host offset 0x${(at + BigInt(from)).toString(16)}`;
    addRun(runs, { from, to, kind: 'unreadable', why });
    done = to;
  }
  dataTo(into.length);
  return runs;
}

/** Adds the runs of what was read: data, and holes where the system tells of them. */
function addKnown(runs: ByteRun[], storage: Storage, at: bigint, from: number, to: number): void {
  if (from >= to) {
    return;
  }
  let done = from;
  for (const { offset, length, data } of storage.extents?.(at + BigInt(from), at + BigInt(to)) ?? []) {
    const end = Math.min(to, Number(offset + length - at));
    addRun(runs, { from: done, to: end, kind: data ? 'data' : 'hole', host: at + BigInt(done) });
    done = Math.max(done, end);
  }
  addRun(runs, { from: done, to, kind: 'data', host: at + BigInt(done) });
}

function fileStretches(storage: Storage, from: bigint, to: bigint): Stretch[] {
  const list: Stretch[] = [];
  for (const { offset, length, data } of storage.extents?.(from, to) ?? []) {
    const end = offset + length;
    const start = offset > from ? offset : from;
    addStretch(list, { from: start, to: end < to ? end : to, nature: data ? 'stored' : 'zeros' });
    if (list.length >= mostStretches) {
      return list;
    }
  }
  addStretch(list, { from: list.at(-1)?.to ?? from, to, nature: 'stored' });
  return list;
}
