import { lstatSync, statSync } from 'node:fs';
import { limits } from '../engine/limits.ts';
import { namedPath } from '../platform/gate.ts';
import { bytesOfText, textOfBytes } from './bytes.ts';
import { couldNotOpen, openImageByOptions, openImageFile } from './imageFile.ts';
import { type ImageInfo, imageInfo, type SnapshotInfo } from './imageInfo.ts';
import { infoText } from './infoText.ts';
import { type JsonObject, prettyJson } from './json.ts';
import { type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { inQdictOrder } from './qdict.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'output', value: true },
  { long: 'backing-chain' },
  { long: 'no-backing' },
  { long: 'force-share', short: 'U' },
  { long: 'object', value: true, unsupported: true },
  { long: 'image-opts' },
];

/** `qcow2 info`: qemu-img's verb. Opens nothing but the image, unless `--backing-chain` asks for more. */
export async function info(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('info'));
    return 0;
  }
  const output = value('output') ?? 'human';
  const [path] = operands;
  if (path === undefined || operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const chain = value('backing-chain') !== undefined;
  const follow = chain && value('no-backing') === undefined;
  const open = value('image-opts') === undefined ? openImageFile : openImageByOptions;
  const infos = await readChain(path, value('format'), follow, open);
  if (output === 'human') {
    out.text(infos.map(infoText).join('\n'));
  } else {
    const objects = infos.map((one) => inQdictOrder(asObject(one)));
    out.text(`${prettyJson(chain ? objects : (objects[0] ?? {}))}\n`);
  }
  return 0;
}

/** The image, opened by `open`, and with `follow` the files below it (collect_image_info_list). Throws a `Failure`. */
async function readChain(
  path: string,
  format: string | undefined,
  follow: boolean,
  open: typeof openImageFile,
): Promise<ImageInfo[]> {
  const infos: ImageInfo[] = [];
  const seen = new Set<string>();
  let next: { path: string; format: string | undefined } | undefined = { path, format };
  while (next) {
    if (infos.length > 0) {
      requireRegular(next.path);
    }
    if (infos.length >= limits.chainDepth) {
      throw new Failure(`the backing chain has more than ${limits.chainDepth} files`);
    }
    const file = await (infos.length === 0 ? open : openImageFile)(next.path, next.format, 'info');
    try {
      if (seen.has(file.storage.identity)) {
        throw new Failure(`Backing file '${bytesOfText(next.path)}' creates an infinite loop.`);
      }
      seen.add(file.storage.identity);
      const found = await imageInfo(file);
      infos.push(found);
      next = follow && found.backing ? below(found.backing, file.path) : undefined;
    } finally {
      await file.storage.close();
    }
  }
  return infos;
}

function below(backing: NonNullable<ImageInfo['backing']>, from: string): { path: string; format: string | undefined } {
  return { path: namedPath(textOfBytes(backing.name), from), format: backing.format };
}

/** An image may name any path; only regular files are opened. A missing one is told when it is opened. */
function requireRegular(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false }) && statSync(path, { throwIfNoEntry: false });
  if (stat && !stat.isFile()) {
    throw couldNotOpen(path, 'an image names it as its backing file, and it is not a regular file');
  }
}

/** QEMU's ImageInfo, its members in the order of its definition. */
function asObject(info: ImageInfo): JsonObject {
  return {
    filename: info.filename,
    format: info.format,
    'dirty-flag': info.dirty,
    'actual-size': info.actualSize,
    'virtual-size': info.virtualSize,
    'cluster-size': info.clusterSize,
    encrypted: info.encrypted ? true : undefined,
    'backing-filename': info.backing?.name,
    'full-backing-filename': info.backing?.fullName,
    'backing-filename-format': info.backing?.format,
    snapshots: info.snapshots.length > 0 ? info.snapshots.map(snapshotObject) : undefined,
    'format-specific': info.specific && { type: 'qcow2', data: info.specific },
  };
}

function snapshotObject(snapshot: SnapshotInfo): JsonObject {
  const nanoseconds = 1_000_000_000n;
  return {
    id: snapshot.id,
    name: snapshot.name,
    'vm-state-size': snapshot.vmStateSize,
    'date-sec': snapshot.dateSeconds,
    'date-nsec': snapshot.dateNanoseconds,
    'vm-clock-sec': snapshot.vmClockNanoseconds / nanoseconds,
    'vm-clock-nsec': snapshot.vmClockNanoseconds % nanoseconds,
    icount: snapshot.icount,
  };
}
