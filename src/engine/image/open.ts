import { systemText } from '../error.ts';
import { type Finding, finding } from '../finding.ts';
import { checkExtensions, checkNames, extensionsForNames, hasBitmaps } from '../format/extensionChecks.ts';
import { unreadableExtension } from '../format/extensionReads.ts';
import { type Extension, featureNames, type ParsedExtensions, parseExtensions } from '../format/extensions.ts';
import { type FeatureName, unknownBits } from '../format/features.ts';
import { decodeHeader, type Header, type ParsedHeader, parseHeader } from '../format/header.ts';
import { checkDiskSize, checkEncryptionMethod, checkHeader } from '../format/headerChecks.ts';
import type { Storage } from '../ports.ts';
import type { FileDescription } from './description.ts';
import { FindingList } from './findingList.ts';
import { type FirstBytes, readFirstBytes, readFirstCluster, readMagicBytes } from './firstCluster.ts';
import { type Geometry, geometryOf } from './geometry.ts';
import type { Image } from './image.ts';
import { emptyL1, type L1Table } from './l1Table.ts';
import { layerOf } from './layer.ts';
import { backingOf, bitmapDirectoryOf, dataFileOf, luksAreaOf } from './named.ts';
import { openLuks } from './openLuks.ts';
import { openBitmaps, openL1, openSnapshots } from './openTables.ts';
import { checkOverlaps } from './placedAreas.ts';

export type { Image } from './image.ts';

/**
 * Opens an image: reads the header with its extensions, the active L1 table, the snapshot table, the bitmap directory
 * and the LUKS header, and nothing else. Takes what can be read: never throws for what is in the file, nor for read
 * errors; `findings` tells about them. The storage stays the caller's.
 */
export async function openImage(storage: Storage): Promise<Image> {
  const { first, parsed } = await readHeader(storage);
  const { header, kind, says } = parsed;
  const findings = new FindingList();
  const file: FileDescription = {
    kind,
    says,
    size: storage.size,
    ...(storage.allocated === undefined ? {} : { allocated: storage.allocated }),
  };
  findings.add(...parsed.findings);
  const content = header ? await openHeader(storage, header, first, findings) : nothing;
  const { unlisted } = findings;
  return {
    storage,
    file,
    ...content,
    findings: findings.findings,
    findingCount: findings.count,
    ...(unlisted.size > 0 ? { unlistedFindings: unlisted } : {}),
  };
}

/** What an image has besides its file and its findings. */
type Content = Omit<Image, 'storage' | 'file' | 'findings' | 'findingCount' | 'unlistedFindings'>;

/** What the header places. */
type Tables = Pick<Content, 'geometry' | 'layer' | 'snapshots' | 'bitmaps' | 'bitmapDirectory'>;

const absent = { state: 'absent', count: 0, end: 0n } as const;
const noTables: Tables = { snapshots: absent, bitmaps: absent };
const nothing: Content = { extensions: [], l1: emptyL1, ...noTables };

/** The header from the first bytes, or what the file is instead. */
async function readHeader(storage: Storage): Promise<{ first: FirstBytes; parsed: ParsedHeader }> {
  const first = await readFirstBytes(storage);
  const [bad] = first.unreadable;
  if (bad?.from === 0) {
    const error = systemText(bad.system);
    const host = { offset: 0n, length: BigInt(bad.to) };
    const findings = [finding('header-unreadable', 'header', { error }, { host })];
    return { first, parsed: { kind: 'unreadable', says: `The start of the file can’t be read: ${error}`, findings } };
  }
  const parsed = parseHeader(first.bytes);
  if (parsed.header || bad || BigInt(first.bytes.length) >= storage.size) {
    return { first, parsed };
  }
  const more = await readMagicBytes(storage);
  return { first: more, parsed: parseHeader(more.bytes) };
}

/** Follows the header, with findings in the order in which QEMU would meet them. */
async function openHeader(storage: Storage, start: Header, first: FirstBytes, findings: FindingList): Promise<Content> {
  const cluster = await readFirstCluster(storage, first, start);
  const header = decodeHeader(cluster.bytes);
  const parsed = parseExtensions(cluster.bytes, header);
  const { extensions } = parsed;
  const geometry = geometryOf(header, storage.size);
  const names = await namesOfUnknown(header, parsed);
  findings.add(...unreadableHeader(header, cluster), ...checkHeader(header, storage.size, names));
  const l1 = geometry ? await openL1(storage, geometry, header, findings) : emptyL1;
  findings.add(...checkEncryptionMethod(header), ...unreadableExtensions(header, parsed, cluster));
  findings.add(...checkExtensions(header, parsed));
  const luksArea = luksAreaOf(extensions);
  const luks = luksArea && (await openLuks(storage, luksArea, findings));
  const backing = backingOf(header, extensions, cluster.bytes);
  const dataFile = dataFileOf(header, extensions);
  findings.add(
    ...unreadableName(header, cluster),
    ...checkNames(header, parsed, backing?.nameBytes ?? new Uint8Array(0)),
  );
  const tables = geometry ? await openTables(storage, geometry, header, extensions, l1, findings) : noTables;
  if (geometry) {
    const places = { l1, snapshotsEnd: tables.snapshots.end, bitmaps: tables.bitmapDirectory, luks: luksArea };
    findings.add(...checkOverlaps(geometry, header, places));
  }
  findings.add(...checkDiskSize(header));
  return {
    header,
    extensions,
    l1,
    ...(luksArea ? { luksArea } : {}),
    ...(luks ? { luks } : {}),
    ...(backing ? { backing } : {}),
    ...(dataFile ? { dataFile } : {}),
    ...tables,
  };
}

/** The names by which QEMU tells of the incompatible features that it does not know. */
async function namesOfUnknown(header: Header, parsed: ParsedExtensions): Promise<readonly FeatureName[]> {
  if (unknownBits('incompatible', header.incompatible_features).length === 0) {
    return [];
  }
  const { isRefused } = await import('../findingTexts.ts');
  return featureNames(extensionsForNames(header, parsed, isRefused));
}

async function openTables(
  storage: Storage,
  geometry: Geometry,
  header: Header,
  extensions: readonly Extension[],
  l1: L1Table,
  findings: FindingList,
): Promise<Tables> {
  const layer = layerOf(geometry, l1, header.size);
  const snapshots = await openSnapshots(storage, geometry, header, findings);
  const bitmapDirectory = bitmapDirectoryOf(geometry, extensions);
  const bitmaps = await openBitmaps(storage, bitmapDirectory, hasBitmaps(header), findings);
  return { geometry, layer, snapshots, bitmaps, ...(bitmapDirectory ? { bitmapDirectory } : {}) };
}

/** Bad sectors in the header past its first 512 bytes: in fields that we don't know. */
function unreadableHeader(header: Header, { unreadable }: FirstBytes): Finding[] {
  return unreadable
    .filter(({ from }) => from < header.headerLength)
    .map(({ from, to, system }) => {
      const host = { offset: BigInt(from), length: BigInt(to - from) };
      return finding('unknown-fields-unreadable', 'header', { error: systemText(system) }, { host });
    });
}

/** Bad sectors in the extensions. */
function unreadableExtensions(header: Header, parsed: ParsedExtensions, { unreadable }: FirstBytes): Finding[] {
  return unreadable.flatMap((bad) => unreadableExtension(header, parsed, bad, systemText(bad.system)) ?? []);
}

/** Bad sectors in the backing file's name. */
function unreadableName(header: Header, { unreadable }: FirstBytes): Finding[] {
  const { backing_file_offset: start, backing_file_size: length } = header;
  const hit = unreadable.filter(({ from, to }) => BigInt(to) > start && BigInt(from) < start + BigInt(length));
  return (start === 0n ? [] : hit).map(({ from, to, system }) => {
    const host = { offset: BigInt(from), length: BigInt(to - from) };
    return finding('backing-name-unreadable', 'header.backing_file_offset', { error: systemText(system) }, { host });
  });
}
