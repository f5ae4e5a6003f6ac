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

/** Protocols of QEMU, which stand before a colon; most are drivers too. */
const protocols = words(
  'blkdebug blkverify fat file ftp ftps gluster gluster+rdma gluster+tcp gluster+unix host_cdrom host_device http',
  'https iscsi iser json nbd nbd+tcp nbd+unix nfs null-aio null-co nvme rbd ssh',
);

/** Those that are no drivers: other spellings, and what stands for a driver's options. */
const onlyProtocols = /^(fat|iser|json)$|\+/;

/** Drivers that are given by name only. */
const otherDrivers = words(
  'blklogwrites blkreplay compress copy-before-write copy-on-read preallocate quorum replication snapshot-access throttle vvfat',
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
  return isDriver(format) ? `format '${format}' is not supported yet` : `Unknown driver '${format}'`;
}

/** Whether QEMU has a driver of this name, which an image may name for its backing file. */
export function isDriver(format: string): boolean {
  const drivers = [...protocols.filter((name) => !onlyProtocols.test(name)), ...otherDrivers, 'qcow2', 'raw'];
  return otherFormats.some(([name]) => name === format) || drivers.includes(format);
}

/** A path, or why a file name stands for none. */
export type Place = { readonly path: string } | { readonly refusal: string };

/**
 * The path that a file name of the command line stands for, or why it is none: `file:` may precede it, no other
 * protocol. As QEMU, which shows the path too, it puts `./` before what would look like a protocol without `file:`
 * (bdrv_parse_filename_strip_prefix).
 */
export function pathOf(name: string): Place {
  const refusal = protocolRefusal(name);
  if (refusal !== undefined) {
    return { refusal };
  }
  const path = withoutPrefix(name);
  if (path === '') {
    return { refusal: "The 'file' block driver requires a file name" };
  }
  return { path: path !== name && protocolOf(path) !== undefined ? `./${path}` : path };
}

/** As `pathOf`, for a file that is to be made: QEMU takes `file:` off, and nothing more (raw_co_create_opts). */
export function placeOfNew(name: string): Place {
  const refusal = protocolRefusal(name);
  return refusal === undefined ? { path: withoutPrefix(name) } : { refusal };
}

function withoutPrefix(name: string): string {
  return name.startsWith('file:') ? name.slice('file:'.length) : name;
}

/** Why a name is not followed; undefined for plain paths and for `file:` (QEMU: bdrv_find_protocol). */
function protocolRefusal(name: string): string | undefined {
  const protocol = protocolOf(name);
  if (protocol === undefined || protocol === 'file') {
    return undefined;
  }
  return protocols.includes(protocol)
    ? `'${protocol}:' is not supported: only files and block devices by their path`
    : `Unknown protocol '${protocol}'`;
}

/** What stands before a colon that no slash precedes (QEMU: path_has_protocol). */
function protocolOf(name: string): string | undefined {
  return /^([^/:]*):/.exec(name)?.[1];
}

function words(...lines: readonly string[]): string[] {
  return lines.join(' ').split(' ');
}
