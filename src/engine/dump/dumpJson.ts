import type { Finding } from '../finding.ts';
import { explain } from '../findingTexts.ts';
import { eachBitmap, eachSnapshot } from '../image/describeLists.ts';
import type {
  BitmapDetails,
  EncryptionDescription,
  ExtensionDescription,
  FeatureMask,
  FieldRow,
  HeaderDescription,
  ImageDescription,
  SnapshotDetails,
} from '../image/description.ts';
import type { SectionState } from '../image/image.ts';
import type { Scan } from '../image/scan.ts';
import type { Dump } from './dump.ts';
import { JsonStream, type Members, type TextSink, type Value } from './jsonStream.ts';

/**
 * Writes a dump as JSON; the comment of the command `dump` says what is in it. `writeTables`: writes the members of
 * `tables` where the dump has a scan.
 */
export async function writeDump(
  { path, image, description, scan }: Dump,
  to: TextSink,
  writeTables: (json: JsonStream) => Promise<void>,
): Promise<void> {
  const json = new JsonStream(to);
  const { file, header, backing, dataFile, encryption } = description;
  json.begin('{');
  json.member('dump-version', 1);
  json.member('file', { path, kind: file.kind, says: file.says, size: file.size, allocated: file.allocated });
  json.member('qemu-refuses', description.qemuRefusal);
  json.member('header', header && headerValue(header));
  json.member('features', header?.features.map(featureValue));
  json.member('extensions', header && description.extensions.map(extensionValue));
  json.member('geometry', geometryValue(description));
  json.member('backing', backing && { ...backing, nameBytes: undefined, 'name-bytes': backing.nameBytes });
  json.member('data-file', dataFile && { name: dataFile.name, raw: dataFile.raw });
  await writeSection(json, 'snapshots', description.snapshots.state, (write) =>
    eachSnapshot(image, (snapshot) => write(snapshotValue(snapshot))),
  );
  await writeSection(json, 'bitmaps', description.bitmaps.state, (write) =>
    eachBitmap(image, (bitmap) => write(bitmapValue(bitmap))),
  );
  json.member('encryption', encryption && encryptionValue(encryption));
  if (scan && image.geometry) {
    json.begin('{', 'tables');
    await writeTables(json);
    json.end('}');
    json.member('space', { guest: scan.guest, file: { ...scan.host } });
  }
  writeFindings(json, description, scan);
  json.end('}');
  to.write('\n');
}

function headerValue({ version, compat, length, fields, unknownFields }: HeaderDescription): Value {
  return { version, compat, length, fields: fields.map(fieldValue), 'unknown-fields': unknownFields };
}

function fieldValue({ name, offset, size, present, bytes, value, meaning, about, rules }: FieldRow): Value {
  const broken = rules.filter(({ kept }) => !kept).map(({ text }) => text);
  return {
    name,
    offset,
    size,
    present,
    bytes,
    value,
    meaning: meaning === '' ? undefined : meaning,
    'broken-rules': broken.length > 0 ? broken : undefined,
    about,
  };
}

function featureValue({ name, value, bits }: FeatureMask): Value {
  return {
    mask: name,
    value,
    bits: bits.map(({ bit, set, known, name: bitName, imageName, meaning }) => ({
      bit,
      set,
      known,
      name: bitName,
      'image-name': imageName,
      meaning,
    })),
  };
}

function extensionValue(extension: ExtensionDescription): Value {
  const { offset, type, name, known, length, data, content, fields } = extension;
  return {
    offset,
    type,
    name,
    known,
    length,
    data,
    content: content === '' ? undefined : content,
    fields: fields.length > 0 ? fields.map(fieldValue) : undefined,
  };
}

function geometryValue({ geometry }: ImageDescription): Value | undefined {
  return (
    geometry && {
      'virtual-size': geometry.virtualSize,
      'cluster-size': geometry.clusterSize,
      'extended-l2': geometry.extendedL2,
      'subcluster-size': geometry.extendedL2 ? geometry.subclusterSize : undefined,
      'l2-entries': geometry.l2Entries,
      'refcount-bits': geometry.refcountBits,
      'compression-type': geometry.compressionType,
    }
  );
}

function snapshotValue(snapshot: SnapshotDetails): Value {
  return {
    offset: snapshot.offset,
    id: snapshot.id,
    name: snapshot.name,
    fields: snapshot.fields.map(fieldValue),
    'vm-state-size': snapshot.vmStateSize,
    'disk-size': snapshot.diskSize,
    icount: snapshot.icount,
    'unknown-extra': snapshot.unknownExtra.length > 0 ? snapshot.unknownExtra : undefined,
  };
}

function bitmapValue(bitmap: BitmapDetails): Value {
  return {
    offset: bitmap.offset,
    name: bitmap.name,
    granularity: bitmap.granularity,
    flags: bitmap.flags,
    fields: bitmap.fields.map(fieldValue),
    'extra-data': bitmap.extra.length > 0 ? bitmap.extra : undefined,
  };
}

function encryptionValue(encryption: EncryptionDescription): Value {
  const { method, offset, length, cipher, hash, uuid, fields, slots } = encryption;
  return {
    method,
    offset,
    length,
    cipher,
    hash,
    uuid,
    fields: fields.map(fieldValue),
    slots: slots.map(({ keyOffset, ...slot }) => ({ ...slot, 'key-offset': keyOffset })),
  };
}

/** A list with its state; its items are read as they are written. */
async function writeSection(
  json: JsonStream,
  name: string,
  state: SectionState,
  each: (write: (item: Value) => void) => Promise<void>,
): Promise<void> {
  json.begin('{', name);
  json.member('state', state);
  json.begin('[', 'items');
  await each((item) => json.item(item));
  json.end(']');
  json.end('}');
}

function writeFindings(json: JsonStream, { findings, findingCount }: ImageDescription, scan: Scan | undefined): void {
  json.begin('[', 'findings');
  for (const list of [findings, scan?.findings ?? []]) {
    for (const found of list) {
      json.item(findingValue(found));
    }
  }
  json.end(']');
  json.member('finding-count', (findingCount ?? findings.length) + (scan?.findingCount ?? 0));
}

function findingValue(found: Finding): Members {
  const { severity, verdict, title, qemu, meaning, advice } = explain(found);
  return {
    code: found.code,
    severity,
    'qemu-verdict': verdict,
    where: found.chain,
    host: found.host && { ...found.host },
    guest: found.guest && { ...found.guest },
    title,
    'qemu-message': qemu,
    meaning,
    advice,
  };
}
