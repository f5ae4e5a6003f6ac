import { Qcow2Error } from '../engine/error.ts';
import type { ByteRange } from '../engine/finding.ts';
import type { FragmentVisitor } from '../engine/image/fragments.ts';
import { walkSharedClusters } from '../engine/image/sharedClusters.ts';
import { type StepRequest, spaceKinds } from '../protocol/mapApi.ts';
import { stepDirty } from './dirtyRanges.ts';
import { fragmentColumns } from './guestMap.ts';
import type { OverlaySource } from './mapOverlay.ts';
import type { Space } from './mapSpace.ts';
import { nextRun, previousRun, runBytes, type Stepped } from './mapStep.ts';
import type { CallContext } from './server.ts';

/** The next or previous run of a kind, finding, fragmented cluster, shared cluster or dirty range. */
export async function step(
  source: OverlaySource,
  request: StepRequest,
  context: CallContext,
): Promise<ByteRange | undefined> {
  const { kind, from, direction, space: name } = request;
  switch (kind) {
    case 'finding':
      return stepRanges(await source.findings(context), from, direction);
    case 'dirty':
      return stepDirty(source.image, request.bitmap ?? 0, from, direction, context.progress);
    case 'shared-cluster':
      return name === 'host'
        ? stepKind(source.space, { ...request, kind: 'shared' }, context)
        : stepShared(source, from, direction, context);
    default:
      return stepKind(source.space, request, context);
  }
}

/** The first range that starts after an offset, or the last one that ends there or before. */
function stepRanges(
  ranges: readonly ByteRange[],
  from: bigint,
  direction: StepRequest['direction'],
): ByteRange | undefined {
  return direction === 'next'
    ? ranges.find(({ offset }) => offset > from)
    : ranges.findLast(({ offset, length }) => offset + length <= from);
}

async function stepShared(
  { image, layer, shared, space }: OverlaySource,
  from: bigint,
  direction: StepRequest['direction'],
  context: CallContext,
): Promise<ByteRange | undefined> {
  if (!layer || !shared) {
    return undefined;
  }
  const { clusters, clusterSize, size } = space;
  const stepped: Stepped = {
    bins: await shared(context),
    column: 0,
    units: clusters,
    joined: true,
    clusterUnits: 1,
    runs: (first, to, visit, progress) => walkSharedClusters(image, layer, { from: first, to }, visit, progress),
  };
  return stepTo(stepped, { unitSize: clusterSize, size }, from, direction, context);
}

/** The next or previous run of a kind, or fragmented cluster. */
async function stepKind(
  space: Space,
  { space: name, kind, from, direction }: Pick<StepRequest, 'space' | 'kind' | 'from' | 'direction'>,
  context: CallContext,
): Promise<ByteRange | undefined> {
  const kinds: readonly string[] = spaceKinds[name];
  const column = kind === 'jump' && name === 'guest' ? fragmentColumns.fragmented : kinds.indexOf(kind);
  if (column < 0) {
    throw new Qcow2Error('bad-argument', `The map of the ${name} has no ${kind}.`);
  }
  const stepped = kind === 'jump' ? await fragments(space, context) : await kindRuns(space, column, context);
  return stepTo(stepped, space, from, direction, context);
}

/** The run of units after or before a byte of the space. */
async function stepTo(
  stepped: Stepped,
  { unitSize, size }: Pick<Space, 'unitSize' | 'size'>,
  from: bigint,
  direction: StepRequest['direction'],
  { progress }: CallContext,
): Promise<ByteRange | undefined> {
  const unit = BigInt(unitSize);
  if (direction === 'next') {
    const first = from < 0n ? 0 : Number(from / unit) + 1;
    return runBytes(await nextRun(stepped, first, progress), unitSize, size);
  }
  // The last unit may be cut: it ends where the space ends.
  const to = from >= size ? stepped.units : Number((from < 0n ? 0n : from) / unit);
  return runBytes(await previousRun(stepped, to, progress), unitSize, size);
}

function unitsOf({ size, unitSize }: Space): number {
  return Number((size + BigInt(unitSize) - 1n) / BigInt(unitSize));
}

async function kindRuns(space: Space, column: number, context: CallContext): Promise<Stepped> {
  const { clusterUnits } = space;
  return {
    bins: await space.whole(context),
    column,
    units: unitsOf(space),
    joined: true,
    clusterUnits,
    runs: (from, to, visit, progress) =>
      space.runs(
        { from: from / clusterUnits, to: Math.ceil(to / clusterUnits) },
        (found, unit, count) => {
          if (found === column) {
            visit(unit, count);
          }
        },
        progress,
      ),
  };
}

/** Fragmented clusters, one by one. */
async function fragments(space: Space, context: CallContext): Promise<Stepped> {
  const { clusterUnits } = space;
  const column = fragmentColumns.fragmented;
  return {
    bins: await space.whole(context),
    column,
    units: unitsOf(space),
    joined: false,
    clusterUnits,
    runs: async (from, to, visit, progress) => {
      const range = { from: from / clusterUnits, to: Math.ceil(to / clusterUnits) };
      const add: FragmentVisitor = (cluster, _count, fragmented) => {
        if (fragmented > 0) {
          visit(cluster * clusterUnits, fragmented * clusterUnits);
        }
      };
      await space.fragments?.(range, add, progress);
    },
  };
}
