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
  /** The first ones, if they are very many. */
  readonly items: readonly T[];
  /** How many there are, where `items` does not have all. */
  readonly count?: number;
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
  readonly compat?: string;
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

/** One entry of the snapshot table, as a row of the list. */
export interface SnapshotDescription {
  readonly id: string;
  readonly name: string;
  readonly offset: bigint;
  readonly l1Offset: bigint;
  readonly l1Entries: number;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  readonly vmClockNanoseconds: bigint;
  readonly vmStateSize: bigint;
  /** Absent in entries with less than 16 bytes of extra data. */
  readonly diskSize?: bigint;
  readonly icount?: bigint;
  /** Bytes of the extra data, known and unknown. */
  readonly extraBytes: number;
  /** Extra data past what we know. */
  readonly unknownExtra: Uint8Array;
}

/** All of an entry of the snapshot table. */
export interface SnapshotDetails extends SnapshotDescription {
  /** Bytes of the entry, without padding. */
  readonly length: number;
  readonly fields: readonly FieldRow[];
  /** The known extra data that is there; offsets are from its start. */
  readonly extraFields: readonly FieldRow[];
}

/** One entry of the bitmap directory, as a row of the list. */
export interface BitmapDescription {
  readonly name: string;
  readonly offset: bigint;
  readonly granularity: bigint;
  /** 1: dirty tracking. */
  readonly type: number;
  readonly flags: readonly string[];
  readonly tableOffset: bigint;
  readonly tableEntries: number;
  readonly extra: Uint8Array;
}

/** All of an entry of the bitmap directory. */
export interface BitmapDetails extends BitmapDescription {
  /** Bytes of the entry, with padding. */
  readonly length: number;
  readonly fields: readonly FieldRow[];
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
  /** The LUKS header in full, where it could be read. */
  readonly luks?: LuksDescription;
}

/** A LUKS header. */
export interface LuksDescription {
  /** Its fields and texts but for the key slots, in their order. */
  readonly rows: readonly LuksRow[];
  /** The cipher in words. */
  readonly cipherWords: string;
  /** Bytes of the master key. */
  readonly keyBytes: number;
  /** Where the encrypted data would start, in bytes from the LUKS header; not used in qcow2. */
  readonly payloadOffset: bigint;
  readonly slots: readonly KeySlotDescription[];
}

/** A number or text of the LUKS header. */
export interface LuksRow {
  readonly name: string;
  /** Bytes from the start of the LUKS header. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The number or text; empty for bytes that are neither. */
  readonly shown: string;
  /** What this value means; may be empty. */
  readonly meaning: string;
  readonly about: string;
}

/** A key slot of the LUKS header. */
export interface KeySlotDescription {
  readonly index: number;
  /** Bytes from the start of the LUKS header. */
  readonly offset: number;
  readonly state: 'active' | 'disabled' | 'unknown';
  readonly iterations: number;
  readonly stripes: number;
  readonly salt: Uint8Array;
  /** Where its key material lies: bytes from the start of the LUKS header, and length in bytes. */
  readonly material: { readonly offset: bigint; readonly length: bigint };
  readonly fields: readonly FieldRow[];
}
