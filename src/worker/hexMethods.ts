import { Qcow2Error } from '../engine/error.ts';
import type { ByteSource } from '../engine/image/byteRuns.ts';
import type { Image } from '../engine/image/image.ts';
import { openingSpans } from '../engine/image/structureSpans.ts';
import { TableSpans } from '../engine/image/tableSpans.ts';
import { type BytesWanted, findBytes, mostNeedleBytes } from '../engine/search/findBytes.ts';
import { storedRun } from '../engine/search/stretches.ts';
import type { BytePage, FileRange, FindRequest, HexApi } from '../protocol/hexApi.ts';
import type { RangeRequest } from '../protocol/mapApi.ts';
import { ByteSources, type OpenedLayers } from './byteSources.ts';
import { noTables } from './noTables.ts';
import { saveBytes } from './saveBytes.ts';
import type { Handlers } from './server.ts';
import { sharedRun } from './sharedRun.ts';

/** Most bytes of one answer. */
const mostBytes = 2 ** 20;

/** The methods on bytes. `layers`: what is open of the image's chain. */
export function hexMethods(image: Image, layers: OpenedLayers = async () => undefined): Pick<Handlers, keyof HexApi> {
  const sources = new ByteSources(image, layers);
  const spans = openingSpans(image);
  const tables = sharedRun((progress) => TableSpans.read(image, image.geometry ?? noTables(), progress));
  return {
    bytes: async (request) => bytePage(await sources.source(request), request),
    structures: async (range) => {
      const { start, length } = checked(range);
      return spans.filter((span) => span.start < start + length && span.start + span.length > start);
    },
    tableStructures: async (range, context) => {
      const { start, length } = checked(range);
      return (await tables.result(context)).at(start, length);
    },
    findBytes: async (request, { progress }) => findBytes(await sources.source(request), wanted(request), progress),
    storedRun: async (request, { progress }) =>
      storedRun(await sources.source(request), request.from, request.direction, progress),
    saveBytes: async (request, { progress }) => {
      const files = ((await layers()) ?? []).flatMap(({ storage, dataFile }) => [
        storage,
        ...(dataFile ? [dataFile.storage] : []),
      ]);
      return saveBytes(await sources.source(request.range), request, [image.storage, ...files], progress);
    },
  };
}

async function bytePage(source: ByteSource, { start, length }: RangeRequest): Promise<BytePage> {
  const range = checked({ start, length });
  const { size } = source;
  if (start > size) {
    throw new Qcow2Error(
      'bad-argument',
      `There is no byte 0x${start.toString(16)}: the end is 0x${size.toString(16)}.`,
    );
  }
  const left = size - start;
  const bytes = new Uint8Array(Number(left < range.length ? left : range.length));
  const runs = bytes.length === 0 ? [] : await source.read(start, bytes);
  return { start, bytes, runs, size };
}

function checked({ start, length }: FileRange): FileRange {
  if (start < 0n || length < 0n || length > BigInt(mostBytes)) {
    throw new Qcow2Error('bad-argument', `A range has a start and at most ${mostBytes} bytes, not ${length}.`);
  }
  return { start, length };
}

function wanted({ needle, from, direction }: FindRequest): BytesWanted {
  if (needle.length < 1 || needle.length > mostNeedleBytes || from < 0n) {
    throw new Qcow2Error('bad-argument', `1 to ${mostNeedleBytes} bytes can be looked for, not ${needle.length}.`);
  }
  return { needle, from, direction };
}
