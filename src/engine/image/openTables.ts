import { systemText } from '../error.ts';
import { type Finding, finding } from '../finding.ts';
import { type BitmapDirectoryFormat, bitmapFixedBytes } from '../format/bitmaps.ts';
import type { Header } from '../format/header.ts';
import { l1EntryBytes } from '../format/l1.ts';
import {
  incompleteSnapshots,
  type Snapshot,
  snapshotFixedBytes,
  snapshotId,
  snapshotName,
} from '../format/snapshots.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import { BitmapLoading } from './bitmapLoading.ts';
import type { TableEnd } from './entryTable.ts';
import type { FindingList } from './findingList.ts';
import { clustersOf, type Geometry, guestOffset } from './geometry.ts';
import type { Unreadable } from './hostBytes.ts';
import type { Image, SectionState } from './image.ts';
import { type L1Table, readL1 } from './l1Table.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/** Reads the active L1 table. One beyond the limit is read as far as the disk's size needs. */
export async function openL1(
  storage: Storage,
  geometry: Geometry,
  header: Header,
  findings: FindingList,
): Promise<L1Table> {
  const most = limits.l1TableBytes / l1EntryBytes;
  const needed = clustersOf(header.size, geometry.clusterBits) / BigInt(geometry.l2Entries) + 1n;
  const usable = needed < BigInt(most) ? Number(needed) : most;
  const l1 = await readL1(storage, header.l1_table_offset, header.l1_size > most ? usable : header.l1_size);
  for (const { from, to, system } of [...l1.unreadable, ...beyondQemu(l1)]) {
    const first = Math.floor(from / l1EntryBytes);
    const end = Math.ceil(to / l1EntryBytes);
    const start = guestOffset(geometry, first * geometry.l2Entries);
    const length = guestOffset(geometry, (end - first) * geometry.l2Entries);
    const values = { error: systemText(system), guestStart: start, guestEnd: start + length };
    findings.add(
      finding('l1-table-unreadable', `L1[${first}…${end - 1}]`, values, {
        host: { offset: l1.offset + BigInt(from), length: BigInt(to - from) },
        guest: { offset: start, length },
      }),
    );
  }
  return l1;
}

/** The whole table as unreadable, where QEMU can't read it since no file reaches that far. */
function beyondQemu({ offset, entries }: L1Table): readonly Unreadable[] {
  const to = entries * l1EntryBytes;
  const end = offset + BigInt(to);
  return to > 0 && end > limits.fileEnd && end < 2n ** 63n ? [{ from: 0, to, system: 'EIO' }] : [];
}

/** Walks the snapshot table for its findings. */
export async function openSnapshots(
  storage: Storage,
  geometry: Geometry,
  header: Header,
  findings: FindingList,
): Promise<Image['snapshots']> {
  const offset = header.snapshots_offset;
  if (header.nb_snapshots === 0) {
    return { state: 'absent', count: 0, end: offset };
  }
  const end = await walkSnapshotTable(storage, header, (chunk) => {
    findings.add(...chunk.findings, ...incompleteSnapshots(chunk.entries, header.version));
    for (const snapshot of chunk.entries) {
      checkSnapshotL1(storage, geometry, snapshot, findings);
    }
  });
  if (end?.unreadable) {
    const values = { index: end.count, error: systemText(end.unreadable.system) };
    const host = { offset: end.unreadable.offset, length: 512n };
    findings.add(finding('snapshot-table-unreadable', `snapshot[${end.count}]`, values, { host }));
  }
  if (end && (end.pastEnd || end.offset > storage.size)) {
    const tableEnd = offset + BigInt(header.nb_snapshots * snapshotFixedBytes);
    if (tableEnd > limits.fileEnd) {
      const values = { index: end.count, error: systemText('EIO') };
      findings.add(finding('snapshot-table-unreadable', 'header.snapshots_offset', values));
    }
    const values = { start: offset, end: tableEnd, size: storage.size };
    findings.add(finding('snapshot-table-past-end', 'header.snapshots_offset', values));
  }
  return { state: stateOf(end), count: end?.count ?? 0, end: end?.offset ?? offset };
}

/** The place of a snapshot's L1 table, as QEMU's check judges it (validate_table_offset). */
function checkSnapshotL1(storage: Storage, geometry: Geometry, snapshot: Snapshot, findings: FindingList): void {
  const { l1_table_offset: offset, l1_size: entries } = snapshot.fields;
  const length = BigInt(entries) * BigInt(l1EntryBytes);
  const report = (code: 'snapshot-l1-offset-invalid' | 'snapshot-l1-too-large' | 'snapshot-l1-past-end'): void => {
    const values = {
      index: snapshot.index,
      id: snapshotId(snapshot),
      name: snapshotName(snapshot),
      offset,
      hexOffset: `0x${offset.toString(16)}`,
      entries,
      hexSize: `0x${entries.toString(16)}`,
      start: offset,
      end: offset + length,
      size: storage.size,
    };
    findings.add(finding(code, `snapshot[${snapshot.index}].l1_table_offset`, values, { host: { offset, length } }));
  };
  if (offset % BigInt(geometry.clusterSize) !== 0n) {
    report('snapshot-l1-offset-invalid');
  } else if (length > limits.l1TableBytes) {
    report('snapshot-l1-too-large');
  } else if (offset + length > storage.size) {
    report('snapshot-l1-past-end');
  }
}

/**
 * Walks the bitmap directory for its findings. `valid`: whether the image says that its bitmaps are up to date; else
 * QEMU does not look at them, so that what is wrong with them does not keep it from opening the image.
 */
export async function openBitmaps(
  storage: Storage,
  directory: BitmapDirectoryFormat | undefined,
  valid: boolean,
  findings: FindingList,
): Promise<Image['bitmaps']> {
  if (!directory) {
    return { state: 'absent', count: 0 };
  }
  if (directory.directorySize === 0n && valid) {
    findings.add(finding('bitmap-directory-empty', 'bitmaps', { count: directory.count }));
  }
  const isIgnored = valid ? () => false : (await import('../findingTexts.ts')).isRefused;
  const add = (found: readonly Finding[]): void => {
    findings.add(...found.filter(({ code }) => !isIgnored(code)));
  };
  const loading = new BitmapLoading(directory);
  const unloadable: Finding[] = [];
  const end = await walkBitmapDirectory(storage, directory, (chunk) => {
    add(chunk.findings);
    unloadable.push(...chunk.entries.flatMap((bitmap) => loading.add(bitmap) ?? []));
  });
  const place = { offset: directory.directoryOffset, length: directory.directorySize };
  if (end?.unreadable) {
    const values = { error: systemText(end.unreadable.system) };
    add([finding('bitmap-directory-unreadable', `bitmap[${end.count}]`, values, { host: place })]);
  }
  if (place.offset + place.length > limits.fileEnd) {
    add([finding('bitmap-directory-unreadable', 'bitmaps', { error: systemText('EIO') }, { host: place })]);
  }
  add(end?.pastEnd ? [zeroEntry(directory, end)] : unloadable);
  if (place.offset + place.length > storage.size) {
    const values = { start: place.offset, end: place.offset + place.length, size: storage.size };
    findings.add(finding('bitmap-directory-past-end', 'bitmaps', values, { host: place }));
  }
  return { state: stateOf(end), count: end?.count ?? 0 };
}

/** What QEMU says of the first entry past the end of the file: it reads zeros there. */
function zeroEntry(directory: BitmapDirectoryFormat, { count: index, offset }: TableEnd): Finding {
  const length = directory.directoryOffset + directory.directorySize - offset;
  const broken = length < BigInt(bitmapFixedBytes);
  const code = broken
    ? 'bitmap-directory-broken'
    : index < directory.count
      ? 'bitmap-constraints'
      : 'bitmap-directory-more';
  const values = { index, count: directory.count, name: '', rule: 'it is past the end of the file' };
  return finding(code, `bitmap[${index}]`, values, { host: { offset, length } });
}

function stateOf(end: TableEnd | undefined): SectionState {
  if (!end || (end.count === 0 && !end.whole)) {
    return 'unreadable';
  }
  return end.whole ? 'whole' : 'partial';
}
