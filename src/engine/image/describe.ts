import { extensionDescriptions } from '../format/extensionRows.ts';
import { featureNames } from '../format/extensions.ts';
import { featureMasks } from '../format/features.ts';
import type { Header } from '../format/header.ts';
import { headerRows } from '../format/headerRows.ts';
import { describeEncryption } from './describeEncryption.ts';
import { describeBitmaps, describeSnapshots } from './describeLists.ts';
import type { GeometryDescription, HeaderDescription, ImageDescription } from './description.ts';
import type { Geometry } from './geometry.ts';
import type { Image } from './image.ts';

/**
 * An opened image as plain data. Reads the start of the snapshot table, and the bitmap directory, again: they are not
 * kept in memory.
 */
export async function describe(image: Image): Promise<ImageDescription> {
  const { file, header, geometry, backing, dataFile, findings } = image;
  const encryption = describeEncryption(image);
  const { qemuRefusal } = await import('../findingTexts.ts');
  const refusal = qemuRefusal(findings);
  return {
    file,
    ...(header ? { header: describeHeader(header, image) } : {}),
    extensions: extensionDescriptions(image.extensions),
    ...(header && geometry ? { geometry: describeGeometry(header, geometry) } : {}),
    ...(backing ? { backing } : {}),
    ...(dataFile ? { dataFile } : {}),
    snapshots: await describeSnapshots(image),
    bitmaps: await describeBitmaps(image),
    ...(encryption ? { encryption } : {}),
    findings,
    ...(image.findingCount > findings.length ? { findingCount: image.findingCount } : {}),
    ...(refusal === undefined ? {} : { qemuRefusal: refusal }),
  };
}

function describeHeader(header: Header, image: Image): HeaderDescription {
  const { unknownFields } = header;
  return {
    version: header.version,
    ...compatOf(header.version),
    length: header.headerLength,
    fields: headerRows(header),
    ...(unknownFields.length > 0 ? { unknownFields: { offset: header.knownLength, bytes: unknownFields } } : {}),
    features: featureMasks(header, featureNames(image.extensions)),
  };
}

/** A version that nobody knows has no name of a compatibility level. */
function compatOf(version: number): { compat?: string } {
  return version === 2 ? { compat: '0.10' } : version === 3 ? { compat: '1.1' } : {};
}

function describeGeometry(header: Header, geometry: Geometry): GeometryDescription {
  return {
    clusterSize: geometry.clusterSize,
    virtualSize: geometry.guestSize,
    extendedL2: geometry.extended,
    subclusterSize: geometry.unitSize,
    l2Entries: geometry.l2Entries,
    refcountBits: 2 ** geometry.refcountOrder,
    compressionType: compressionNames[header.compression_type] ?? `unknown (${header.compression_type})`,
  };
}

const compressionNames = ['zlib', 'zstd'];
