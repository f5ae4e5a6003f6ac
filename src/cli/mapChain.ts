import { Qcow2Error, systemText } from '../engine/error.ts';
import type { StatusLayer } from '../engine/image/blockStatus.ts';
import { type Chain, type ChainLayer, type ChainStop, closeChain, openChain } from '../engine/image/chain.ts';
import { detectPreallocation } from '../engine/image/preallocation.ts';
import { limits } from '../engine/limits.ts';
import { closedGate, type Storage } from '../engine/ports.ts';
import { fileGate, namedPath } from '../platform/gate.ts';
import { bytesOfText } from './bytes.ts';
import { formatRefusal, probe, probeBytes } from './formats.ts';
import { couldNotOpen, type ImageFile } from './imageFile.ts';
import { refusalOf } from './refusal.ts';

/** A file of the chain, opened so that its block status can be told. */
export interface MapLayer extends StatusLayer {
  /** Of the file that holds the guest's data. */
  readonly dataPath: string;
  /** What QEMU says of the image while it looks for preallocated metadata, if anything. */
  readonly complaint?: string;
}

/** An image with the files below it. */
export interface MapChain {
  readonly layers: readonly MapLayer[];
  /** Of all files that the disk is read from, the image's own first. */
  readonly paths: readonly string[];
  /** Closes all of it but the image's own file. */
  close(): Promise<void>;
}

/**
 * Opens what an image names as qemu-img does for input and output: the backing chain, with formats probed where none is
 * named, and the external data files. Throws a `Failure`, in QEMU's words where it has some.
 *
 * @param follow - false: no backing file is opened
 * @param purpose - `info`: neither keys nor data files are needed, and these are not opened
 */
export async function openMapChain(file: ImageFile, follow: boolean, purpose: 'io' | 'info' = 'io'): Promise<MapChain> {
  const { name, path, storage, image } = file;
  if (!image) {
    const layers = [
      { size: sectors(storage.size + 511n), data: storage, dataPath: path, backed: false, lookForHoles: false },
    ];
    return { layers, paths: [path], close: async () => undefined };
  }
  const options = { identity: storage.identity, probe: true };
  const chain = await openChain(image, path, follow ? fileGate : closedGate, options);
  const dataFiles: Storage[] = [];
  const close = async (): Promise<void> => {
    await closeChain(chain);
    for (const dataFile of dataFiles) {
      await dataFile.close();
    }
  };
  try {
    const layers = await openLayers(chain, name, purpose, dataFiles);
    const paths = new Set([...chain.layers.map((layer) => layer.path), ...layers.map(({ dataPath }) => dataPath)]);
    return { layers, paths: [...paths], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The layers in the order in which QEMU opens them, so that the first failure is the one that it tells. */
async function openLayers(
  chain: Chain,
  top: string,
  purpose: 'io' | 'info',
  dataFiles: Storage[],
): Promise<MapLayer[]> {
  const layers: MapLayer[] = [];
  for (const layer of chain.layers) {
    const fail = (reason: string): Error =>
      couldNotOpen(top, 'Could not open backing file: '.repeat(layer.depth) + reason);
    layers.push(await openLayer(layer, purpose, dataFiles, fail));
    const stop = chain.stops.find(({ depth }) => depth === layer.depth);
    if (stop && stop.reason !== 'not-opened') {
      throw fail(`Could not open backing file: ${stopText(stop, layer.path)}`);
    }
  }
  return layers;
}

async function openLayer(
  { depth, path, formatSource, storage, image }: ChainLayer,
  purpose: 'io' | 'info',
  dataFiles: Storage[],
  fail: (reason: string) => Error,
): Promise<MapLayer> {
  if (!image) {
    const other = formatSource === 'probed' ? await probedRefusal(storage, path) : undefined;
    if (other !== undefined) {
      throw fail(other);
    }
    return { size: sectors(storage.size + 511n), data: storage, dataPath: path, backed: false, lookForHoles: false };
  }
  const refusal = depth > 0 ? refusalOf(image, purpose, []) : undefined;
  if (refusal !== undefined) {
    throw fail(refusal);
  }
  const name = image.dataFile?.name;
  const data = name === undefined || purpose === 'info' ? storage : await openDataFile(name, fail);
  if (data !== storage) {
    dataFiles.push(data);
  }
  const { likely, complaint } = await detectPreallocation(image);
  return {
    size: sectors(image.header?.size ?? 0n),
    image,
    data,
    dataPath: name ?? path,
    backed: (image.backing?.name ?? '') !== '',
    lookForHoles: likely,
    ...(complaint === undefined ? {} : { complaint }),
  };
}

/** QEMU looks for a data file from the folder that the command runs in, not from that of the image. */
async function openDataFile(name: string, fail: (reason: string) => Error): Promise<Storage> {
  try {
    const opened = await fileGate.open(name, '');
    if (opened) {
      return opened.storage;
    }
    throw fail(`'${bytesOfText(name)}' is not opened`);
  } catch (error) {
    throw error instanceof Qcow2Error ? fail(fileText(name, error)) : error;
  }
}

/** Why a file that no image says the format of is not read as raw: it begins as an image of another format. */
async function probedRefusal(storage: Storage, path: string): Promise<string | undefined> {
  const start = new Uint8Array(probeBytes);
  return formatRefusal(probe(start.subarray(0, await storage.read(0n, start)), path));
}

/** Why a backing file is not in the chain. `from`: the path of the image that names it. A byte string. */
function stopText({ reason, name, format, error }: ChainStop, from: string): string {
  switch (reason) {
    case 'unknown-format':
      return bytesOfText(formatRefusal(format ?? '') ?? `'${name}' is not opened`);
    case 'loop':
      return `Backing file '${bytesOfText(name)}' creates an infinite loop.`;
    case 'too-deep':
      return `the backing chain has more than ${limits.chainDepth} files`;
    case 'failed':
      return error ? fileText(namedPath(name, from), error) : systemText(undefined);
    case 'not-opened':
    case 'refused-name':
    case 'no-format':
      return bytesOfText(error?.message ?? `'${name}' is not opened`);
  }
}

/** A file that can't be opened, as QEMU's file driver tells it. A byte string. */
function fileText(path: string, error: Qcow2Error): string {
  if (error.code !== 'read-failed') {
    return bytesOfText(error.message);
  }
  const shown = bytesOfText(path);
  return error.system === 'EISDIR' || error.system === 'EINVAL'
    ? `'file' driver requires '${shown}' to be a regular file`
    : `Could not open '${shown}': ${systemText(error.system)}`;
}

/** Bytes in whole sectors, as QEMU counts a disk's size. */
function sectors(bytes: bigint): number {
  return Number(bytes - (bytes % 512n));
}
