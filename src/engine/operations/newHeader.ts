import { Qcow2Error } from '../error.ts';
import {
  cryptoFields,
  type Extension,
  encodeExtensions,
  extensionTypes,
  featureMaskNames,
  featureNameBytes,
  newExtension,
} from '../format/extensions.ts';
import { knownFeatures } from '../format/features.ts';
import { encodeFields, sizeOf } from '../format/field.ts';
import { encodeHeader, headerMagic } from '../format/header.ts';
import { luksAreaBytes } from './luksSettings.ts';
import type { NewImage } from './newImage.ts';
import type { NewLayout } from './newLayout.ts';

/** The header's numbers for the encryptions (spec: "crypt_method"). */
const cryptMethods = { aes: 1, luks: 2 } as const;

/** Bytes of a cluster up to which QEMU leaves out the feature name table. */
export const smallCluster = 4096;

/**
 * The first cluster of a new image: header, extensions, backing file name (qcow2_update_header). Throws `too-large` when
 * they don't fit.
 */
export function newHeaderCluster(image: NewImage, layout: NewLayout): Uint8Array {
  const clusterSize = 2 ** image.clusterBits;
  const headerLength = image.version === 2 ? 72 : 112;
  const extensions = encodeExtensions({
    extensions: newExtensions(image, layout),
    endMark: newExtension(extensionTypes.end),
  });
  const name = image.backing?.name ?? new Uint8Array();
  const nameAt = headerLength + extensions.length;
  if (nameAt + name.length > clusterSize) {
    throw new Qcow2Error('too-large', 'No space left on device', { system: 'ENOSPC' });
  }
  const { clusters } = layout;
  const header = encodeHeader({
    magic: headerMagic,
    version: image.version,
    backing_file_offset: image.backing ? BigInt(nameAt) : 0n,
    backing_file_size: name.length,
    cluster_bits: image.clusterBits,
    size: image.size,
    crypt_method: image.encryption ? cryptMethods[image.encryption.format] : 0,
    l1_size: layout.l1Entries,
    l1_table_offset: BigInt(layout.l1Start) * BigInt(clusterSize),
    refcount_table_offset: BigInt(clusters.tableStart) * BigInt(clusterSize),
    refcount_table_clusters: clusters.tableClusters,
    nb_snapshots: 0,
    snapshots_offset: 0n,
    incompatible_features: incompatibleFeatures(image),
    compatible_features: image.lazyRefcounts ? 1n : 0n,
    autoclear_features: image.dataFile?.raw ? 2n : 0n,
    refcount_order: image.refcountOrder,
    header_length: headerLength,
    compression_type: image.compressionType === 'zstd' ? 1 : 0,
    headerLength,
    knownLength: headerLength,
    unknownFields: new Uint8Array(),
    padding: new Uint8Array(headerLength < 112 ? 0 : 7),
    bytes: new Uint8Array(),
  });
  const cluster = new Uint8Array(clusterSize);
  cluster.set(header);
  cluster.set(extensions, headerLength);
  cluster.set(name, nameAt);
  return cluster;
}

function incompatibleFeatures(image: NewImage): bigint {
  return (image.dataFile ? 4n : 0n) | (image.compressionType === 'zstd' ? 8n : 0n) | (image.extendedL2 ? 16n : 0n);
}

/** In QEMU's order. */
function newExtensions(image: NewImage, { luksStart }: NewLayout): Extension[] {
  const { backing, dataFile, encryption } = image;
  const extensions: Extension[] = [];
  if (backing?.format !== undefined) {
    extensions.push(newExtension(extensionTypes.backingFormat, ascii(backing.format)));
  }
  if (dataFile) {
    extensions.push(newExtension(extensionTypes.dataFile, dataFile.name));
  }
  if (encryption?.format === 'luks') {
    const pointer = new Uint8Array(sizeOf(cryptoFields));
    const offset = BigInt(luksStart) << BigInt(image.clusterBits);
    encodeFields(cryptoFields, { offset, length: BigInt(luksAreaBytes(encryption)) }, pointer);
    extensions.push(newExtension(extensionTypes.crypto, pointer));
  }
  if (image.version >= 3 && 2 ** image.clusterBits > smallCluster) {
    extensions.push(newExtension(extensionTypes.featureNames, featureNameTable()));
  }
  return extensions;
}

/** The feature name table as QEMU 7.2 writes it. */
export function featureNameTable(): Uint8Array {
  const rows = featureMaskNames.flatMap((mask, type) =>
    knownFeatures[mask].map(({ bit, name }) => ({ type, bit, name })),
  );
  const table = new Uint8Array(rows.length * featureNameBytes);
  for (const [index, { type, bit, name }] of rows.entries()) {
    table.set([type, bit], index * featureNameBytes);
    table.set(ascii(name), index * featureNameBytes + 2);
  }
  return table;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
