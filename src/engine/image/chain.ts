import { Qcow2Error } from '../error.ts';
import { otherFormat } from '../format/fileKind.ts';
import { limits } from '../limits.ts';
import type { Gate, OpenedFile, Storage } from '../ports.ts';
import { readMagicBytes } from './firstCluster.ts';
import type { Image } from './image.ts';
import { openImage } from './open.ts';

/** How the format of a file of a chain is known. */
export type FormatSource =
  /** The caller says so. */
  | 'given'
  /** The image that names the file says so (header extension). */
  | 'named'
  /** Guessed from its first bytes, since nobody says. The guest of a raw file can forge them. */
  | 'probed';

/** A file of a backing chain. */
export interface ChainLayer {
  /** 0 for the image itself. */
  readonly depth: number;
  /** As opened. */
  readonly path: string;
  readonly format: 'qcow2' | 'raw';
  readonly formatSource: FormatSource;
  readonly storage: Storage;
  /** Of qcow2 files. */
  readonly image?: Image;
  /** The external data file, where the gate let it in. */
  readonly dataFile?: { readonly path: string; readonly storage: Storage };
}

/** Why a file that is named is not in the chain. */
export type StopReason =
  /** The gate did not let it in. */
  | 'not-opened'
  /** The name is one that is never followed: `json:`, a protocol, a device. */
  | 'refused-name'
  /** It can't be opened; `error.system` is ENOENT where it is missing. */
  | 'failed'
  /** The chain comes back to a file that is in it. */
  | 'loop'
  /** More than 64 files. */
  | 'too-deep'
  /** Nobody says what format it has, and it may not be guessed. */
  | 'no-format'
  /** A format that is neither qcow2 nor raw. */
  | 'unknown-format';

/** Where a chain stops although a file is named. */
export interface ChainStop {
  readonly reason: StopReason;
  /** Which file it is to its image. */
  readonly role: 'backing' | 'data-file';
  /** Depth of the image that names it. */
  readonly depth: number;
  /** The name in that image. */
  readonly name: string;
  /** The path, where it got so far. */
  readonly path?: string;
  /** The format that is named, where it is not known. */
  readonly format?: string;
  readonly error?: Qcow2Error;
}

/** An image with the files it is based on. */
export interface Chain {
  /** From the image itself down. */
  readonly layers: readonly ChainLayer[];
  /** Why files that are named are not among them. */
  readonly stops: readonly ChainStop[];
}

/** How a chain is opened. */
export interface ChainOptions {
  /** Identity of the image's own file, as in `OpenedFile`, where its storage has none: without it, a loop through it is found one round later. */
  readonly identity?: string;
  /** Whether the format of a backing file may be guessed where the image does not say it; QEMU does. */
  readonly probe?: boolean;
  /** Whether external data files are wanted, or only backing files. */
  readonly dataFiles?: boolean;
}

/**
 * Opens the files that an image is based on, as far as the gate lets them in. Never throws for what is in a file: where
 * the chain can't go on, `stops` says why. The caller closes it (`closeChain`).
 *
 * @param path - of the image, as the user gave it: names are relative to it
 */
export async function openChain(image: Image, path: string, gate: Gate, options: ChainOptions = {}): Promise<Chain> {
  const layers: ChainLayer[] = [];
  const stops: ChainStop[] = [];
  const identity = options.identity ?? image.storage.identity;
  const seen = new Set<string>(identity === undefined ? [] : [identity]);
  let next: ChainLayer | undefined = {
    depth: 0,
    path,
    format: 'qcow2',
    formatSource: 'given',
    storage: image.storage,
    image,
  };
  while (next) {
    const layer: ChainLayer = options.dataFiles ? await withDataFile(next, gate, stops) : next;
    layers.push(layer);
    next = await backingOf(layer, gate, options, seen, stops);
  }
  return { layers, stops };
}

/** Closes all files of a chain but that of the image itself. */
export async function closeChain(chain: Chain): Promise<void> {
  for (const layer of chain.layers) {
    await layer.dataFile?.storage.close();
    if (layer.depth > 0) {
      await layer.storage.close();
    }
  }
}

/** The layer below, or undefined: at the end of the chain, or with a stop. */
async function backingOf(
  layer: ChainLayer,
  gate: Gate,
  options: ChainOptions,
  seen: Set<string>,
  stops: ChainStop[],
): Promise<ChainLayer | undefined> {
  const backing = layer.image?.backing;
  if (!backing || backing.name === '') {
    return undefined;
  }
  const stop = (reason: StopReason, more: Partial<ChainStop> = {}): undefined => {
    stops.push({ reason, role: 'backing', depth: layer.depth, name: backing.name, ...more });
  };
  const depth = layer.depth + 1;
  if (depth >= limits.chainDepth) {
    return stop('too-deep');
  }
  // An empty name counts as none, as in QEMU.
  const named = backing.format === '' ? undefined : backing.format;
  if (named === undefined && !options.probe) {
    return stop('no-format');
  }
  if (named !== undefined && named !== 'qcow2' && named !== 'raw') {
    return stop('unknown-format', { format: named });
  }
  const opened = await pass(gate, backing.name, layer.path, stop);
  if (!opened) {
    return undefined;
  }
  const { path, identity, storage } = opened;
  if (seen.has(identity)) {
    await storage.close();
    return stop('loop', { path });
  }
  seen.add(identity);
  const formatSource = named === undefined ? 'probed' : 'named';
  if (named === 'raw') {
    return { depth, path, format: 'raw', formatSource, storage };
  }
  const image = await openImage(storage);
  if (named === 'qcow2' || image.file.kind === 'qcow2' || image.file.kind === 'qcow2-other-version') {
    return { depth, path, format: 'qcow2', formatSource, storage, image };
  }
  const { driver } = otherFormat((await readMagicBytes(storage)).bytes);
  if (driver !== undefined) {
    await storage.close();
    return stop('unknown-format', { path, format: driver });
  }
  return { depth, path, format: 'raw', formatSource, storage };
}

async function withDataFile(layer: ChainLayer, gate: Gate, stops: ChainStop[]): Promise<ChainLayer> {
  const name = layer.image?.dataFile?.name;
  if (name === undefined) {
    return layer;
  }
  const opened = await pass(gate, name, layer.path, (reason, more) => {
    stops.push({ reason, role: 'data-file', depth: layer.depth, name, ...more });
  });
  return opened ? { ...layer, dataFile: { path: opened.path, storage: opened.storage } } : layer;
}

/** Asks the gate for a file. */
async function pass(
  gate: Gate,
  name: string,
  from: string,
  stop: (reason: StopReason, more?: Partial<ChainStop>) => void,
): Promise<OpenedFile | undefined> {
  try {
    const opened = await gate.open(name, from);
    if (!opened) {
      stop('not-opened');
    }
    return opened;
  } catch (error) {
    if (!(error instanceof Qcow2Error)) {
      throw error;
    }
    stop(error.code === 'not-supported' ? 'refused-name' : 'failed', { error });
    return undefined;
  }
}
