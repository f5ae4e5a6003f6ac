import assert from 'node:assert/strict';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { type GuestMapKind, type HostMapKind, type SpaceCounts, spaceKinds } from '../../src/protocol/mapApi.ts';
import { mapMethods } from '../../src/worker/mapMethods.ts';
import type { CallContext, Handlers } from '../../src/worker/server.ts';
import { brokenImageFiles } from '../support/brokenImages.ts';
import type { MadeImage } from '../support/imageRecipe.ts';
import { interopImages } from '../support/interopImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';

const context: CallContext = {
  signal: new AbortController().signal,
  report: () => undefined,
  progress: noProgress,
};

type Counted = Partial<Record<GuestMapKind | HostMapKind, bigint>>;

function bytesOf(space: 'guest' | 'host', { kinds }: SpaceCounts): Counted {
  return Object.fromEntries(spaceKinds[space].map((kind, index) => [kind, kinds[index]?.bytes ?? 0n]));
}

function sum(counted: Counted, ...kinds: readonly (GuestMapKind | HostMapKind)[]): bigint {
  return kinds.reduce((total, kind) => total + (counted[kind] ?? 0n), 0n);
}

interface MapEntry {
  readonly length: number;
  readonly depth: number;
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

interface CheckAnswer {
  readonly 'total-clusters'?: number;
  readonly 'allocated-clusters'?: number;
  readonly 'compressed-clusters'?: number;
  readonly 'fragmented-clusters'?: number;
  readonly leaks?: number;
  readonly corruptions?: number;
}

/** What qemu-img says; undefined where it says only why it can't: of good images, for a backing file that is missing. */
async function json<T>(image: MadeImage, args: readonly string[], refusal = /Could not open/): Promise<T | undefined> {
  const { stdout, stderr } = await runProgram('qemu-img', args, image.folder);
  if (stdout === '') {
    assert.match(stderr, refusal, image.name);
    return undefined;
  }
  return JSON.parse(stdout) as T;
}

async function withMap(
  made: MadeImage,
  use: (methods: Pick<Handlers, 'counts' | 'countReferences'>, image: Image) => Promise<void>,
): Promise<void> {
  const storage = await openFile(made.path);
  try {
    const image = await openImage(storage);
    if (image.header) {
      await use(mapMethods(image), image);
    }
  } finally {
    await storage.close();
  }
}

/** QEMU's check takes what lies there for L2 entries, although it calls the place an error. */
const followedAnyway: ReadonlySet<string> = new Set(['L2 table unaligned']);

/** QEMU ignores the bitmaps of such an image, so that their clusters are leaked to it; to us they are bitmaps. */
const ignoredBitmaps: ReadonlySet<string> = new Set(['bitmap that a program without bitmaps made inconsistent']);

/** Of the images that QEMU opens as qcow2. */
async function qcow2Images(seed: number): Promise<readonly MadeImage[]> {
  const all = (await interopImages()).filter(({ options }) => !options.includes('raw'));
  return sampled(all, 36, everything, seed);
}

/** How many images are compared at least. */
const least = everything ? 60 : 24;

/** The part of the disk that is compared: of disks of 1 EiB not all, since QEMU would take too long. */
function partOf({ mapOptions }: MadeImage, size: bigint): { start: bigint; length: bigint } {
  const option = (name: string): bigint | undefined =>
    mapOptions.includes(name) ? BigInt(mapOptions[mapOptions.indexOf(name) + 1] ?? 0) : undefined;
  const start = option('--start-offset') ?? 0n;
  return { start, length: option('--max-length') ?? size - start };
}

describe('the counts of the maps', function () {
  this.timeout(300_000);

  it('of the guest are the sums of qemu-img map', async () => {
    let compared = 0;
    for (const made of await qcow2Images(5)) {
      await withMap(made, async (methods, image) => {
        const size = image.geometry?.guestSize ?? 0n;
        if (size === 0n) {
          return;
        }
        const { start, length } = partOf(made, size);
        const args = ['map', '--output=json', ...made.options, ...made.mapOptions, made.path];
        const answer = await json<readonly MapEntry[]>(made, args);
        if (!answer) {
          return;
        }
        const theirs = (wanted: (entry: MapEntry) => boolean): bigint =>
          BigInt(
            answer.filter((entry) => entry.depth === 0 && wanted(entry)).reduce((all, { length }) => all + length, 0),
          );
        const ours = bytesOf('guest', await methods.counts({ space: 'guest', start, length }, context));
        assert.deepEqual(
          {
            name: made.name,
            data: sum(ours, 'data', 'compressed'),
            zero: sum(ours, 'zero-plain', 'zero-allocated'),
            all: sum(ours, ...spaceKinds.guest),
          },
          {
            name: made.name,
            data: theirs(({ data }) => data),
            zero: theirs(({ zero, data, present }) => zero && !data && present),
            all: length - ((start + length) % 512n),
          },
        );
        compared++;
      });
    }
    assert.ok(compared >= least, `${compared} images`);
  });

  it('are those of qemu-img check', async () => {
    let compared = 0;
    for (const made of await qcow2Images(6)) {
      await withMap(made, async (methods, image) => {
        const answer = await json<CheckAnswer>(made, ['check', '--output=json', ...made.options, made.path]);
        const size = image.geometry?.guestSize ?? 0n;
        if (!answer || size === 0n || (answer.corruptions ?? 0) > 0) {
          return;
        }
        const { clusters } = await methods.counts({ space: 'guest', start: 0n, length: size }, context);
        const host = bytesOf('host', await methods.countReferences(undefined, context));
        assert.deepEqual(
          {
            name: made.name,
            allocated: clusters?.allocated,
            compressed: clusters?.compressed,
            fragmented: clusters?.fragmented,
            leaked: (host.leaked ?? 0n) / BigInt(image.geometry?.clusterSize ?? 1),
          },
          {
            name: made.name,
            allocated: answer['allocated-clusters'] ?? 0,
            compressed: answer['compressed-clusters'] ?? 0,
            fragmented: answer['fragmented-clusters'] ?? 0,
            leaked: ignoredBitmaps.has(made.name) ? 0n : BigInt(answer.leaks ?? 0),
          },
        );
        assert.equal(sum(host, 'refcounted', 'unknown', 'beyond'), 0n, made.name);
        compared++;
      });
    }
    assert.ok(compared >= least, `${compared} images`);
  });
  it('are those of qemu-img check on broken images too', async () => {
    let compared = 0;
    for (const made of await brokenImageFiles()) {
      await withMap(made, async (methods, image) => {
        const size = image.geometry?.guestSize ?? 0n;
        const check = ['check', '-f', 'qcow2', '--output=json', made.path];
        const answer = await json<CheckAnswer>(made, check, /./);
        // Without a total, the check has given up.
        if (!answer || size === 0n || answer['total-clusters'] === undefined || followedAnyway.has(made.name)) {
          return;
        }
        const { clusters } = await methods.counts({ space: 'guest', start: 0n, length: size }, context);
        assert.deepEqual(
          { name: made.name, ...clusters },
          {
            name: made.name,
            allocated: answer['allocated-clusters'] ?? 0,
            compressed: answer['compressed-clusters'] ?? 0,
            fragmented: answer['fragmented-clusters'] ?? 0,
          },
        );
        compared++;
      });
    }
    assert.ok(compared >= 20, `${compared} images`);
  });
});
