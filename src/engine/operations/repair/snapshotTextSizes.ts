import { Draft } from '../../change/draft.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';

/** Where the lengths of the ID and of the name are in an entry of the snapshot table: two bytes each. */
const textSizesAt = 12n;
const textSizesBits = 32;

/** Findings of a table that reaches too far by such a length. */
const codes = ['snapshot-table-past-end', 'clusters-overlap'] as const;

/**
 * Puts the length of an ID or a name right of which one bit is wrong: the only one with which that entry of the snapshot
 * table and all others make sense. Returns by code how many.
 */
export async function mendSnapshotTextSizes(
  draft: Draft,
  { header, findings }: Image,
  geometry: Geometry,
  wanted: Wanted,
): Promise<ReadonlyMap<RepairCode, number>> {
  const mended = new Map<RepairCode, number>();
  const snapshots = header ? await readSnapshots(draft, header) : [];
  const broken = snapshots.find((one) => !isPlausible(one, geometry));
  const isPastEnd = findings.some(({ code }) => code === 'snapshot-table-past-end');
  if (!header || !broken || !codes.some((code) => wanted(code, header.snapshots_offset))) {
    return mended;
  }
  const place = broken.offset + textSizesAt;
  const makesSense = async (bytes: Uint8Array): Promise<boolean> => {
    const trial = new Draft(draft);
    await trial.write('snapshot', place, bytes);
    const read = await readSnapshots(trial, header);
    return read.length === header.nb_snapshots && read.every((one) => isPlausible(one, geometry));
  };
  const fits: Uint8Array[] = [];
  for (let bit = 0; bit < textSizesBits; bit++) {
    const bytes = new Uint8Array(4);
    const { id_str_size: id, name_size: name } = broken.fields;
    new DataView(bytes.buffer).setUint32(0, ((id * 2 ** 16 + name) ^ (1 << bit)) >>> 0);
    if (await makesSense(bytes)) {
      fits.push(bytes);
    }
  }
  const [only] = fits;
  if (only && fits.length === 1) {
    await draft.write(`snapshot[${broken.index}]`, place, only);
    await draft.endStep('Put the lengths of an ID and a name in the snapshot table right');
    mended.set(isPastEnd ? codes[0] : codes[1], 1);
  }
  return mended;
}
