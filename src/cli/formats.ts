/**
 * The format drivers of QEMU that we have not got, with what they know their images by: byte offset, bytes. A file that
 * one of them would take must not be shown as raw.
 */
const otherFormats: readonly (readonly [string, ...(readonly [number, string])[]])[] = [
  ['bochs', [0, 'Bochs Virtual HD Image']],
  ['cloop', [0, '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n']],
  ['dmg'],
  ['luks', [0, 'LUKS\xba\xbe\x00\x01']],
  ['parallels', [0, 'WithoutFreeSpace\x02\x00\x00\x00'], [0, 'WithouFreSpacExt\x02\x00\x00\x00']],
  ['qcow', [0, 'QFI\xfb\x00\x00\x00\x01']],
  ['qed', [0, 'QED\0']],
  ['vdi', [64, '\x7f\x10\xda\xbe']],
  ['vhdx', [0, 'vhdxfile']],
  ['vmdk', [0, 'KDMV'], [0, 'COWD'], [0, '# Disk DescriptorFile']],
  ['vpc', [0, 'conectix']],
];

/** Protocols of QEMU, which stand before a colon. */
const protocols = words(
  'blkdebug blkverify fat file ftp ftps gluster gluster+rdma gluster+tcp gluster+unix host_cdrom host_device http',
  'https iscsi iser json nbd nbd+tcp nbd+unix nfs null-aio null-co nvme rbd ssh',
);

/** Drivers that are given by name only. */
const otherDrivers = words(
  'blklogwrites compress copy-before-write copy-on-read preallocate quorum replication snapshot-access throttle vvfat',
);

/** Bytes of a file that are enough for `probe`. */
export const probeBytes = 512;

/**
 * The driver that QEMU would take for a file whose format nobody tells, by its first bytes and its name
 * (bdrv_probe_all).
 */
export function probe(bytes: Uint8Array, path: string): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // Versions that nobody knows are taken for qcow2, and refused there.
  if (start.length >= 8 && start.toString('latin1', 0, 4) === 'QFI\xfb' && start.readUInt32BE(4) >= 2) {
    return 'qcow2';
  }
  const text = start.toString('latin1');
  const other = otherFormats.find(([, ...marks]) => marks.some(([at, mark]) => text.startsWith(mark, at)));
  return other?.[0] ?? (path.endsWith('.dmg') ? 'dmg' : 'raw');
}

/** Why a format can't be read; undefined for `qcow2`, `raw` and one that is not given. */
export function formatRefusal(format: string | undefined): string | undefined {
  if (format === undefined || format === 'qcow2' || format === 'raw') {
    return undefined;
  }
  const known = otherFormats.some(([name]) => name === format) || [...protocols, ...otherDrivers].includes(format);
  return known ? `format '${format}' is not supported yet` : `Unknown driver '${format}'`;
}

/**
 * The path that a file name of the command line stands for, or why it is none: `file:` may precede it, no other
 * protocol (QEMU: path_has_protocol, bdrv_find_protocol).
 */
export function pathOf(name: string): { readonly path: string } | { readonly refusal: string } {
  const protocol = /^([^/:]*):/.exec(name)?.[1];
  if (protocol !== undefined && protocol !== 'file') {
    const known = protocols.includes(protocol);
    const refusal = `'${protocol}:' is not supported: only files and block devices by their path`;
    return { refusal: known ? refusal : `Unknown protocol '${protocol}'` };
  }
  const path = protocol === undefined ? name : name.slice('file:'.length);
  return path === '' ? { refusal: "The 'file' block driver requires a file name" } : { path };
}

function words(...lines: readonly string[]): string[] {
  return lines.join(' ').split(' ');
}
