import { Qcow2Error } from '../engine/error.ts';
import type { qemuRefusal } from '../engine/findingTexts.ts';
import type { Chain, ChainLayer, ChainStop } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import type { Storage } from '../engine/ports.ts';
import { namedPath } from '../platform/gate.ts';
import type { ChainDataFile, ChainFile, ChainFileState, NamedFile } from '../protocol/chainApi.ts';

/** An image of which nothing else was opened. */
export function imageAlone(image: Image, path: string): Chain {
  return {
    layers: [{ depth: 0, path, format: 'qcow2', formatSource: 'given', storage: image.storage, image }],
    stops: [],
  };
}

/** The files of a chain; the last one may be one that is named and not open. */
export async function filesOf({ layers, stops }: Chain): Promise<ChainFile[]> {
  const { qemuRefusal } = await import('../engine/findingTexts.ts');
  const files = layers.map((layer, index) => openFile(layer, layers[index - 1], stops, qemuRefusal));
  const next = nextFile(layers.at(-1), stops);
  return next === undefined ? files : [...files, next];
}

function openFile(
  layer: ChainLayer,
  above: ChainLayer | undefined,
  stops: readonly ChainStop[],
  refusalOf: typeof qemuRefusal,
): ChainFile {
  const { depth, path, format, formatSource, storage, image } = layer;
  const refusal = image && refusalOf(image.findings);
  const dataFile = dataFileOf(layer, stops);
  return {
    depth,
    name: above?.image?.backing?.name ?? path,
    path,
    state: 'open',
    format,
    formatSource,
    ...sizesOf(storage),
    ...virtualSizeOf(layer),
    ...(image !== undefined && image.header === undefined ? { says: image.file.says } : {}),
    ...(refusal === undefined ? {} : { qemuRefusal: refusal }),
    ...(dataFile === undefined ? {} : { dataFile }),
  };
}

/** The file that the last one names; undefined at the end of the chain. */
function nextFile(last: ChainLayer | undefined, stops: readonly ChainStop[]): ChainFile | undefined {
  const backing = last?.image?.backing;
  if (last === undefined || backing === undefined || backing.name === '') {
    return undefined;
  }
  const stop = stops.find(({ depth, role }) => depth === last.depth && role === 'backing');
  const format: Pick<ChainFile, 'format' | 'formatSource'> = backing.format
    ? { format: backing.format, formatSource: 'named' }
    : stop?.format === undefined
      ? {}
      : { format: stop.format, formatSource: 'probed' };
  return { depth: last.depth + 1, ...namedFile(backing.name, last.path, stop), ...format };
}

function dataFileOf(layer: ChainLayer, stops: readonly ChainStop[]): ChainDataFile | undefined {
  const named = layer.image?.dataFile;
  if (named === undefined) {
    return undefined;
  }
  const { name, raw } = named;
  if (name === undefined) {
    return { name, raw, state: 'not-opened' };
  }
  if (layer.dataFile !== undefined) {
    const { path, storage } = layer.dataFile;
    return { name, raw, path, state: 'open', ...sizesOf(storage) };
  }
  const stop = stops.find(({ depth, role }) => depth === layer.depth && role === 'data-file');
  return { ...namedFile(name, layer.path, stop), raw };
}

/** A file that is named and not open. `from`: the path of the image that names it. */
function namedFile(name: string, from: string, stop: ChainStop | undefined): NamedFile {
  const place = placeOf(name, from);
  if ('refusal' in place) {
    return { name, state: 'refused-name', message: place.refusal };
  }
  const message = stop?.error?.message;
  return { name, path: place.path, state: stateOf(stop), ...(message === undefined ? {} : { message }) };
}

function placeOf(name: string, from: string): { readonly path: string } | { readonly refusal: string } {
  try {
    return { path: namedPath(name, from) };
  } catch (error) {
    if (error instanceof Qcow2Error) {
      return { refusal: error.message };
    }
    throw error;
  }
}

function stateOf(stop: ChainStop | undefined): ChainFileState {
  if (stop === undefined) {
    return 'not-opened';
  }
  return stop.reason === 'failed' && stop.error?.system === 'ENOENT' ? 'missing' : stop.reason;
}

function sizesOf({ size, allocated }: Storage): Pick<NamedFile, 'fileSize' | 'allocated'> {
  return { fileSize: size, ...(allocated === undefined ? {} : { allocated }) };
}

/** In whole sectors of 512 bytes, as QEMU counts it. */
function virtualSizeOf({ storage, image }: ChainLayer): Pick<ChainFile, 'virtualSize'> {
  if (image === undefined) {
    return { virtualSize: ((storage.size + 511n) / 512n) * 512n };
  }
  return image.header === undefined ? {} : { virtualSize: (image.header.size / 512n) * 512n };
}
