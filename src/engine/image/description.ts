import type { Finding } from '../finding.ts';
import type { ExtensionDescription } from '../format/extensionRows.ts';
import type { FeatureMask } from '../format/features.ts';
import type { FileKind } from '../format/fileKind.ts';
import type { FieldRow } from '../format/rows.ts';

export type { ExtensionDescription } from '../format/extensionRows.ts';
export type { FeatureBit, FeatureMask } from '../format/features.ts';
export type { FileKind } from '../format/fileKind.ts';
export type { FieldRow } from '../format/rows.ts';

/**
 * An opened image as plain data: what `qcow2 dump --output=json` prints and the editor's panes show. No table entries:
 * those are pages of their own.
 */
export interface ImageDescription {
  readonly file: FileDescription;
  /** Absent where the file has no header that can be read. */
  readonly header?: HeaderDescription;
  readonly extensions: readonly ExtensionDescription[];
  readonly geometry?: GeometryDescription;
  readonly backing?: BackingDescription;
  readonly dataFile?: { readonly name: string | undefined; readonly raw: boolean };
  readonly snapshots: Section<SnapshotDescription>;
  readonly bitmaps: Section<BitmapDescription>;
  readonly encryption?: EncryptionDescription;
  /** Those of opening; the ones that need every table entry come from the scan. */
  readonly findings: readonly Finding[];
  /** How many findings of opening there are, where they are too many to be listed all. */
  readonly findingCount?: number;
  /** QEMU's message where it refuses to open the image. */
  readonly qemuRefusal?: string;
}

/** A list that was read whole, in part, or not at all; the findings say why. */
export interface Section<T> {
  readonly state: 'whole' | 'partial' | 'unreadable' | 'absent';
  readonly items: readonly T[];
}

/** What the file is, as far as it can be told. */
export interface FileDescription {
  readonly kind: FileKind;
  /** One sentence for a person: `qcow2, version 3`, `This is a VMDK image, not qcow2`, `The file is empty`. */
  readonly says: string;
  /** Bytes. */
  readonly size: bigint;
  /** Bytes on disk, where the system tells. */
  readonly allocated?: bigint;
}

/** The header as rows of its field table. */
export interface HeaderDescription {
  readonly version: number;
  /** `0.10` or `1.1`. */
  readonly compat: string;
  /** Bytes that the header takes (72 in version 2). */
  readonly length: number;
  readonly fields: readonly FieldRow[];
  /** Bytes past the fields we know, up to `header_length`: kept verbatim by every header update. */
  readonly unknownFields?: { readonly offset: number; readonly bytes: Uint8Array };
  readonly features: readonly FeatureMask[];
}

/** Sizes and places that follow from the header. */
export interface GeometryDescription {
  readonly clusterSize: number;
  readonly virtualSize: bigint;
  readonly extendedL2: boolean;
  readonly subclusterSize: number;
  readonly l2Entries: number;
  readonly refcountBits: number;
  readonly compressionType: string;
}

/** The backing file as named; it is not opened. */
export interface BackingDescription {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly offset: bigint;
  readonly format?: string;
}

/** One entry of the snapshot table. */
export interface SnapshotDescription {
  readonly id: string;
  readonly name: string;
  readonly offset: bigint;
  readonly fields: readonly FieldRow[];
  readonly l1Offset: bigint;
  readonly l1Entries: number;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  readonly vmClockNanoseconds: bigint;
  readonly vmStateSize: bigint;
  /** Absent in entries with less than 16 bytes of extra data. */
  readonly diskSize?: bigint;
  readonly icount?: bigint;
  /** Extra data past what we know. */
  readonly unknownExtra: Uint8Array;
}

/** One entry of the bitmap directory. */
export interface BitmapDescription {
  readonly name: string;
  readonly offset: bigint;
  readonly fields: readonly FieldRow[];
  readonly granularity: bigint;
  readonly flags: readonly string[];
  readonly tableOffset: bigint;
  readonly tableEntries: number;
  readonly extra: Uint8Array;
}

/** Encryption, from the header and the LUKS header; no password needed. */
export interface EncryptionDescription {
  readonly method: 'AES' | 'LUKS' | 'unknown';
  readonly offset?: bigint;
  readonly length?: bigint;
  readonly cipher?: string;
  readonly hash?: string;
  readonly uuid?: string;
  readonly fields: readonly FieldRow[];
  readonly slots: readonly {
    readonly index: number;
    readonly active: boolean;
    readonly iterations: number;
    readonly keyOffset: bigint;
    readonly stripes: number;
  }[];
}
