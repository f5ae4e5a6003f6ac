/** What a file turned out to be. */
export type FileKind =
  | 'qcow2'
  | 'qcow2-other-version'
  | 'empty'
  | 'truncated'
  | 'other-format'
  | 'unknown'
  | 'unreadable';

/** What a file is that has not got the magic of qcow2. */
export interface OtherFormat {
  readonly kind: FileKind;
  /** One sentence for a person. */
  readonly says: string;
  /** QEMU's driver for it: where nobody tells the format, QEMU takes the file for this, not for raw. */
  readonly driver?: string;
}

const unpack = 'unpack it first';

/** Formats by their magic: byte offset, bytes (as text where they are text), name, what to do about it, QEMU's driver. */
const magics: readonly (readonly [number, string | readonly number[], string, (string | undefined)?, string?])[] = [
  [0, 'KDMV', 'a VMDK image', undefined, 'vmdk'],
  [0, 'COWD', 'a VMDK image (ESX)', undefined, 'vmdk'],
  [0, '# Disk DescriptorFile', 'the descriptor of a VMDK image', undefined, 'vmdk'],
  [64, [0x7f, 0x10, 0xda, 0xbe], 'a VDI image (VirtualBox)', undefined, 'vdi'],
  [0, 'conectix', 'a VHD image (Virtual PC)', undefined, 'vpc'],
  [0, 'vhdxfile', 'a VHDX image (Hyper-V)', undefined, 'vhdx'],
  [0, 'QED\0', 'a QED image', undefined, 'qed'],
  [0, 'WithoutFreeSpace', 'a Parallels image', undefined, 'parallels'],
  [0, 'WithouFreSpacExt', 'a Parallels image', undefined, 'parallels'],
  [0, 'Bochs Virtual HD Image', 'a Bochs image', undefined, 'bochs'],
  [0, 'LUKS\xba\xbe', 'a LUKS volume', undefined, 'luks'],
  [0, [0x1f, 0x8b], 'compressed with gzip', unpack],
  [0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'compressed with xz', unpack],
  [0, [0x28, 0xb5, 0x2f, 0xfd], 'compressed with zstd', unpack],
  [0, 'BZh', 'compressed with bzip2', unpack],
  [0, 'PK\x03\x04', 'a ZIP archive', unpack],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7-Zip archive', unpack],
  [0, '\x7fELF', 'a program (ELF)'],
  [0, 'version https://git-lfs', 'a Git LFS pointer', 'the image itself was not downloaded'],
  [0, '<!DOCTYPE', 'a web page', 'the download went wrong'],
  [0, '<html', 'a web page', 'the download went wrong'],
  [257, 'ustar', 'a tar archive', 'an OVA has its disk images inside'],
  [32769, 'CD001', 'an ISO 9660 image (CD or DVD)'],
  [512, 'EFI PART', 'a raw disk with a GUID partition table'],
  [1080, [0x53, 0xef], 'a raw ext2, ext3 or ext4 file system'],
  [0, 'XFSB', 'a raw XFS file system'],
  [65600, '_BHRfS_M', 'a raw Btrfs file system'],
  [3, 'NTFS    ', 'a raw NTFS file system'],
  [510, [0x55, 0xaa], 'a raw disk with a boot sector'],
];

/** Bytes of a file that are enough to tell all formats. */
export const magicBytes = 65608;

/** What the file is, by its first bytes. */
export function otherFormat(bytes: Uint8Array): OtherFormat {
  const found = magics.find(([offset, magic]) => hasMagic(bytes, offset, magic));
  if (found) {
    const [, , name, advice, driver] = found;
    const says = `The file is ${name}, not qcow2${advice === undefined ? '' : `: ${advice}`}`;
    return { kind: 'other-format', says, ...(driver === undefined ? {} : { driver }) };
  }
  if (bytes.length < 4) {
    return { kind: 'truncated', says: `The file has ${bytes.length} bytes only: too few to tell what it is` };
  }
  if (bytes.every((byte) => byte === 0)) {
    return { kind: 'unknown', says: 'The file starts with zeros: an empty raw disk, or an image whose start is lost' };
  }
  return { kind: 'unknown', says: 'The file is not qcow2; its format is not known' };
}

function hasMagic(bytes: Uint8Array, offset: number, magic: string | readonly number[]): boolean {
  const wanted = typeof magic === 'string' ? Array.from(magic, (letter) => letter.charCodeAt(0)) : magic;
  return wanted.every((byte, index) => bytes[offset + index] === byte);
}
