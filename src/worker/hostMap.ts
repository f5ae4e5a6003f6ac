import type { ClusterMarks } from '../engine/image/clusterMarks.ts';
import type { ClusterRange } from '../engine/image/extents.ts';
import type { Geometry } from '../engine/image/geometry.ts';
import { type HostSurvey, surveyHost } from '../engine/image/hostSurvey.ts';
import type { Image } from '../engine/image/image.ts';
import type { L2Summaries } from '../engine/image/l2Summaries.ts';
import { share } from '../engine/image/scan.ts';
import type { Progress } from '../engine/ports.ts';
import { type HostMapKind, spaceKinds } from '../protocol/mapApi.ts';
import { addRun, emptyBins, type MapBins } from './mapBins.ts';
import { powerOfTwo } from './mapCells.ts';
import type { RunVisitor, Space } from './mapSpace.ts';
import { noTables } from './noTables.ts';
import type { CallContext } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** Bins of the whole file: 8 MiB of counts, whatever its size. */
const mostBins = 2 ** 17;

const kinds: readonly HostMapKind[] = spaceKinds.host;

/** By `HostKind`: its column. */
const columnOf: readonly number[] = (
  [
    'free',
    'header',
    'l1-table',
    'l2-table',
    'refcount-table',
    'refcount-block',
    'snapshot-table',
    'bitmap',
    'luks',
    'data',
    'compressed',
    'shared',
    'leaked',
    'refcounted',
    'unknown',
  ] as const
).map((kind) => kinds.indexOf(kind));

const beyond = kinds.indexOf('beyond');

/** What is known of the whole file. */
interface Known {
  /** The kinds of its clusters, or where they are too many, of the first part. */
  readonly first: ClusterMarks;
  readonly end: number;
  readonly summaries: L2Summaries | undefined;
  readonly binClusters: number;
  readonly bins: MapBins;
}

/** The file's map: first by refcounts and tables alone, then, when references are counted, with the owners of all. */
export class HostMap {
  readonly #image: Image;
  readonly #geometry: Geometry;
  // Their results are in `#known`: what they were before does not stay in memory.
  readonly #surveyed: SharedRun<undefined>;
  readonly #counted: SharedRun<undefined>;
  #known: Known | undefined;
  /** The part of the file that was looked at last, where not all of it is in memory. */
  #part: ClusterMarks | undefined;

  constructor(image: Image, geometry: Geometry) {
    this.#image = image;
    this.#geometry = geometry;
    this.#surveyed = sharedRun((progress) => this.#survey(false, progress));
    this.#counted = sharedRun((progress) => this.#survey(true, progress));
  }

  /** The map by what is known now; at least by refcounts. */
  async space(context: CallContext): Promise<{ space: Space; counted: boolean }> {
    if (!this.#known) {
      await this.#surveyed.result(context);
    }
    const known = this.#known ?? noTables();
    return { space: this.#spaceOf(known), counted: known.summaries !== undefined };
  }

  /** Counts all references, once; afterwards the map knows all owners. */
  async count(context: CallContext): Promise<{ space: Space; summaries: L2Summaries | undefined }> {
    await this.#counted.result(context);
    const known = this.#known ?? noTables();
    return { space: this.#spaceOf(known), summaries: known.summaries };
  }

  /** A pass over the file, or several, where the kinds of all its clusters are too many. */
  async #survey(counted: boolean, progress: Progress): Promise<undefined> {
    const { fileClusters } = this.#geometry;
    let known: Known | undefined;
    for (let from = 0; from < fileClusters || !known; ) {
      const part = await this.#surveyFrom(from, counted, share(progress, from / Math.max(1, fileClusters), 1));
      known ??= this.#start(part);
      addKinds(part.kinds, { from, to: part.kinds.to }, known.bins);
      from = part.kinds.to;
    }
    if (known.end > fileClusters) {
      addRun(known.bins, fileClusters, known.end - fileClusters, beyond);
    }
    if (counted || !this.#known) {
      this.#known = known;
      this.#part = undefined;
    }
    return undefined;
  }

  #surveyFrom(from: number, counted: boolean, progress: Progress): Promise<HostSurvey> {
    return surveyHost(this.#image, this.#geometry, from, counted, progress);
  }

  #start({ kinds: first, end, summaries }: HostSurvey): Known {
    const binClusters = powerOfTwo(Math.ceil(end / mostBins));
    const bins = emptyBins(0, binClusters, Math.ceil(end / binClusters), kinds.length);
    return { first, end, summaries, binClusters, bins };
  }

  #spaceOf(known: Known): Space {
    const { clusterSize, fileSize, fileClusters } = this.#geometry;
    const runs: Space['runs'] = async (range, visit, progress) => {
      for (let from = range.from; from < Math.min(range.to, fileClusters); ) {
        const loaded = await this.#at(known, from, progress);
        const to = Math.min(range.to, loaded.to);
        visitKinds(loaded, { from, to }, visit);
        from = to;
      }
      const first = Math.max(range.from, fileClusters);
      if (range.to > first) {
        visit(beyond, first, range.to - first);
      }
    };
    return {
      size: known.end > fileClusters ? BigInt(known.end) * BigInt(clusterSize) : fileSize,
      clusterSize,
      clusters: known.end,
      clusterUnits: 1,
      unitSize: clusterSize,
      binClusters: known.binClusters,
      kinds: kinds.length,
      whole: async () => known.bins,
      part: async (range, perBin, _wanted, progress) => {
        const bins = emptyBins(range.from, perBin, Math.ceil((range.to - range.from) / perBin), kinds.length);
        await runs(range, (column, unit, count) => addRun(bins, unit, count, column), progress);
        return bins;
      },
      runs,
    };
  }

  /** The kinds of a part of the file that has a cluster. */
  async #at(known: Known, cluster: number, progress: Progress): Promise<ClusterMarks> {
    const loaded = [known.first, this.#part].find((part) => part && cluster >= part.from && cluster < part.to);
    if (loaded) {
      return loaded;
    }
    const part = await this.#surveyFrom(cluster, known.summaries !== undefined, progress);
    this.#part = part.kinds;
    return part.kinds;
  }
}

function addKinds(from: ClusterMarks, range: ClusterRange, bins: MapBins): void {
  visitKinds(from, range, (column, unit, count) => addRun(bins, unit, count, column));
}

function visitKinds(from: ClusterMarks, range: ClusterRange, visit: RunVisitor): void {
  from.eachRun(range.from, range.to, (kind, cluster, count) => visit(columnOf[kind] ?? 0, cluster, count));
}
