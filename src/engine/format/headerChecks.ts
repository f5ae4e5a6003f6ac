import { type Finding, type FindingCode, finding } from '../finding.ts';
import { limits } from '../limits.ts';
import { type FeatureName, unknownBits, unsupportedFeatures } from './features.ts';
import { type Header, headerFields } from './header.ts';
import { subclustersPerCluster } from './l2.ts';

/** Largest offset that QEMU takes for a table: INT64_MAX. */
const maxOffset = 2n ** 63n - 1n;
/** INT_MAX: the L1 entries that QEMU can count. */
const maxL1Index = 2n ** 31n - 1n;

type FieldName = (typeof headerFields)[number]['name'];
type Values = Finding['values'];

/** Collects findings about header fields. */
class HeaderFindings {
  readonly findings: Finding[] = [];

  add(code: FindingCode, name: FieldName, values: Values = {}, field = fieldPlace(name)): void {
    this.findings.push(finding(code, `header.${name}`, values, { host: field }));
  }
}

function fieldPlace(name: FieldName): { offset: bigint; length: bigint } {
  const field = headerFields.find((one) => one.name === name) ?? headerFields[0];
  return { offset: BigInt(field.offset), length: BigInt(field.width) };
}

/**
 * What is wrong in a header, in the order of QEMU's checks (qcow2_do_open) up to the place of the L1 table. `fileSize`
 * in bytes; `names`: the image's feature name table.
 */
export function checkHeader(header: Header, fileSize: bigint, names: readonly FeatureName[] = []): Finding[] {
  const found = new HeaderFindings();
  if (!clusterSizeKnown(header)) {
    found.add('cluster-size-unsupported', 'cluster_bits', { clusterBits: header.cluster_bits });
    return found.findings;
  }
  checkLength(header, found);
  if (header.version >= 3) {
    checkCompression(header, found);
    checkFeatures(header, names, found);
  }
  checkTables(header, found);
  checkSize(header, found);
  checkPlaces(header, fileSize, found);
  return found.findings;
}

/** Whether the cluster size is one that QEMU supports: no shift by cluster_bits is safe before. */
function clusterSizeKnown({ cluster_bits: bits }: Header): boolean {
  return bits >= limits.minClusterBits && bits <= limits.maxClusterBits;
}

/** What QEMU says of the encryption method, once it has read the L1 table. */
export function checkEncryptionMethod({ crypt_method: method }: Header): Finding[] {
  const found = new HeaderFindings();
  if (method > 2) {
    // QEMU prints it as a signed number.
    found.add('encryption-method-unsupported', 'crypt_method', { method, signed: method | 0 });
  }
  return found.findings;
}

/** What QEMU says of the virtual size, when everything else is open. */
export function checkDiskSize(header: Header): Finding[] {
  const found = new HeaderFindings();
  const { size } = header;
  if (size - (size % 512n) > limits.fileEnd && clusterSizeKnown(header) && neededL1(header) <= maxL1Index) {
    found.add('size-beyond-qemu', 'size', { size });
  }
  return found.findings;
}

function checkLength(header: Header, found: HeaderFindings): void {
  const { header_length: headerLength, backing_file_offset: offset } = header;
  const clusterSize = 2 ** header.cluster_bits;
  if (header.version >= 3) {
    if (headerLength < 104) {
      found.add('header-too-short', 'header_length', { headerLength });
    }
    if (headerLength > clusterSize) {
      found.add('header-exceeds-cluster', 'header_length', { headerLength, clusterSize });
    }
    if (headerLength % 8 !== 0) {
      found.add('header-length-unaligned', 'header_length', { headerLength });
    }
  }
  if (offset > BigInt(clusterSize)) {
    found.add('backing-offset-invalid', 'backing_file_offset', { offset });
  } else if (offset !== 0n && offset < BigInt(header.headerLength)) {
    found.add('backing-name-in-header', 'backing_file_offset', { offset });
  }
}

function checkCompression(header: Header, found: HeaderFindings): void {
  const { compression_type: compressionType } = header;
  const bit = (header.incompatible_features & 8n) !== 0n;
  if (compressionType > 1) {
    found.add('compression-type-unknown', 'compression_type', { compressionType });
  } else if (compressionType === 0 && bit) {
    found.add('compression-bit-without-type', 'compression_type');
  } else if (compressionType !== 0 && !bit) {
    found.add('compression-type-without-bit', 'compression_type', { compressionType });
  }
  if (header.padding.some((byte) => byte !== 0)) {
    const place = { offset: 105n, length: BigInt(header.padding.length) };
    found.add('header-padding-nonzero', 'compression_type', {}, place);
  }
}

function checkFeatures(header: Header, names: readonly FeatureName[], found: HeaderFindings): void {
  const { incompatible_features: incompatible } = header;
  if (unknownBits('incompatible', incompatible).length > 0) {
    const features = unsupportedFeatures(incompatible, names);
    found.add('incompatible-feature-unknown', 'incompatible_features', { features });
  }
  const compatible = unknownBits('compatible', header.compatible_features);
  if (compatible.length > 0) {
    found.add('compatible-feature-unknown', 'compatible_features', { bits: compatible.join(', ') });
  }
  const autoclear = unknownBits('autoclear', header.autoclear_features);
  if (autoclear.length > 0) {
    found.add('autoclear-feature-unknown', 'autoclear_features', { bits: autoclear.join(', ') });
  }
  if ((incompatible & 1n) !== 0n) {
    found.add('image-dirty', 'incompatible_features');
  }
  if ((incompatible & 2n) !== 0n) {
    found.add('image-corrupt', 'incompatible_features');
  }
  const subclusterSize = 2 ** header.cluster_bits / subclustersPerCluster;
  if ((incompatible & 16n) !== 0n && subclusterSize < 512) {
    found.add('subcluster-too-small', 'cluster_bits', { subclusterSize });
  }
  if (header.refcount_order > 6) {
    found.add('refcount-order-too-large', 'refcount_order', { refcountOrder: header.refcount_order });
  }
}

/** The places of the tables, as qcow2_validate_table judges them. */
function checkTables(header: Header, found: HeaderFindings): void {
  const clusterSize = 2 ** header.cluster_bits;
  const misplaced = (offset: bigint, length: number): boolean =>
    offset % BigInt(clusterSize) !== 0n || offset > maxOffset - BigInt(length);
  if (header.crypt_method === 1) {
    found.add('encryption-aes', 'crypt_method');
  }
  const { refcount_table_clusters: clusters, refcount_table_offset: refcountTable } = header;
  if (clusters === 0) {
    found.add('refcount-table-missing', 'refcount_table_clusters');
  }
  if (clusters * clusterSize > limits.refcountTableBytes) {
    found.add('refcount-table-too-large', 'refcount_table_clusters', { clusters });
  } else if (misplaced(refcountTable, clusters * clusterSize)) {
    found.add('refcount-table-offset-invalid', 'refcount_table_offset', { offset: refcountTable });
  }
  const { nb_snapshots: count, snapshots_offset: snapshots } = header;
  if (count > limits.snapshots) {
    found.add('snapshot-table-too-large', 'nb_snapshots', { count });
  } else if (misplaced(snapshots, count * 40)) {
    found.add('snapshot-table-offset-invalid', 'snapshots_offset', { offset: snapshots });
  }
  const { l1_size: entries, l1_table_offset: l1 } = header;
  if (entries * 8 > limits.l1TableBytes) {
    found.add('l1-table-too-large', 'l1_size', { entries });
  } else if (misplaced(l1, entries * 8)) {
    found.add('l1-table-offset-invalid', 'l1_table_offset', { offset: l1 });
  }
}

function checkSize(header: Header, found: HeaderFindings): void {
  const { size, l1_size: entries } = header;
  const needed = neededL1(header);
  if (needed > maxL1Index) {
    found.add('image-too-big', 'size', { size });
  } else if (BigInt(entries) < needed) {
    found.add('l1-table-too-small', 'l1_size', { entries, size, needed });
  }
  if (size % 512n !== 0n) {
    found.add('size-unaligned', 'size', { size, rounded: size - (size % 512n) });
  }
}

/** L1 entries that the disk needs, as size_to_l1 counts them: it adds in 64 bits, so that the largest sizes need none. */
function neededL1({ version, size, cluster_bits: bits, incompatible_features: incompatible }: Header): bigint {
  const extended = version >= 3 && (incompatible & 16n) !== 0n;
  const shift = BigInt(2 * bits - (extended ? 4 : 3));
  return BigInt.asUintN(64, size + (1n << shift) - 1n) >> shift;
}

/** Tables past the end of the file; QEMU says nothing, unless no file reaches that far. */
function checkPlaces(header: Header, fileSize: bigint, found: HeaderFindings): void {
  const check = (code: FindingCode, name: FieldName, start: bigint, length: number): void => {
    const end = start + BigInt(length);
    if (length > 0 && end > fileSize) {
      found.add(code, name, { start, end, size: fileSize });
    }
  };
  const refcountBytes = header.refcount_table_clusters * 2 ** header.cluster_bits;
  check('l1-table-past-end', 'l1_table_offset', header.l1_table_offset, header.l1_size * 8);
  check('refcount-table-past-end', 'refcount_table_offset', header.refcount_table_offset, refcountBytes);
  const refcountEnd = header.refcount_table_offset + BigInt(refcountBytes);
  if (refcountEnd > limits.fileEnd && refcountEnd <= maxOffset) {
    found.add('refcount-table-unreadable', 'refcount_table_offset', { error: 'Input/output error' });
  }
}
