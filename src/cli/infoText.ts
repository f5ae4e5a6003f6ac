import type { ImageInfo, SnapshotInfo } from './imageInfo.ts';
import { isList, type JsonObject, type JsonValue } from './json.ts';
import { qdictEntries } from './qdict.ts';
import { showSize } from './size.ts';

/** The human text of `info`, as QEMU's bdrv_image_info_dump writes it. A byte string. */
export function infoText(info: ImageInfo): string {
  const { backing, snapshots, specific } = info;
  const lines = [
    `image: ${info.filename}`,
    `file format: ${info.format}`,
    `virtual size: ${showSize(info.virtualSize)} (${info.virtualSize} bytes)`,
    `disk size: ${info.actualSize === undefined ? 'unavailable' : showSize(info.actualSize)}`,
  ];
  if (info.encrypted) {
    lines.push('encrypted: yes');
  }
  if (info.clusterSize !== undefined) {
    lines.push(`cluster_size: ${info.clusterSize}`);
  }
  if (info.dirty) {
    lines.push('cleanly shut down: no');
  }
  if (backing) {
    const place = backing.fullName === backing.name ? '' : ` (actual path: ${backing.fullName})`;
    lines.push(`backing file: ${backing.name}${place}`);
    if (backing.format !== undefined) {
      lines.push(`backing file format: ${backing.format}`);
    }
  }
  lines.push(...snapshotLines(snapshots));
  if (specific) {
    lines.push('Format specific information:', ...objectLines(specific, 1));
  }
  return `${lines.join('\n')}\n`;
}

/** The table of the snapshots with its heading; nothing where there are none. */
export function snapshotLines(snapshots: readonly SnapshotInfo[]): string[] {
  return snapshots.length === 0
    ? []
    : [
        'Snapshot list:',
        row('ID        ', 'TAG              ', 'VM SIZE', 'DATE', 'VM CLOCK', 'ICOUNT'),
        ...snapshots.map(snapshotLine),
      ];
}

/** QEMU's bdrv_snapshot_dump; the first two cells come padded. */
function row(id: string, name: string, size: string, date: string, clock: string, icount: string): string {
  return id + name + size.padStart(8) + date.padStart(20) + clock.padStart(13) + icount.padStart(11);
}

function snapshotLine(snapshot: SnapshotInfo): string {
  // QEMU puts the clock's whole seconds and the rest together again.
  const clock = BigInt.asUintN(64, snapshot.vmClockNanoseconds);
  const seconds = clock / 1_000_000_000n;
  const two = (value: bigint): string => String(BigInt.asIntN(32, value)).padStart(2, '0');
  const milliseconds = String((clock / 1_000_000n) % 1000n).padStart(3, '0');
  const time = `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}.${milliseconds}`;
  return row(
    `${snapshot.id.padEnd(9)} `,
    `${snapshot.name.padEnd(16)} `,
    showSize(BigInt.asUintN(64, snapshot.vmStateSize)),
    localDate(snapshot.dateSeconds),
    time,
    snapshot.icount === undefined ? '' : String(snapshot.icount),
  );
}

/** `2026-11-23 09:00:00` in the local time zone. */
function localDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** QEMU's dump_qdict: a dash in a key becomes a space. */
function objectLines(object: JsonObject, depth: number): string[] {
  return qdictEntries(object).flatMap(([key, value]) => memberLines(key.replaceAll('-', ' '), value, depth));
}

function memberLines(key: string, value: JsonValue, depth: number): string[] {
  const indent = ' '.repeat(4 * depth);
  if (typeof value !== 'object') {
    return [`${indent}${key}: ${String(value)}`];
  }
  const inner = isList(value)
    ? value.flatMap((item, index) => memberLines(`[${index}]`, item, depth + 1))
    : objectLines(value, depth + 1);
  return [`${indent}${key}:`, ...inner];
}
