import type { Geometry } from './geometry.ts';
import { type ExtentKind, extentKinds, hasHost } from './kinds.ts';

/**
 * Called for each extent, in guest order, without a gap: `count` units (subclusters with extended L2 entries, else
 * clusters) from unit `start` on. Neighbours of one kind are one extent where they are adjacent in the host file too;
 * compressed ones wherever they are. `hostCluster` and `hostByte` are the place of the first unit in the host file (or
 * the external data file), 0 and 0 for kinds without one. Returning false ends the walk.
 */
export type ExtentVisitor = (
  kind: ExtentKind,
  start: number,
  count: number,
  hostCluster: number,
  hostByte: number,
) => boolean | undefined;

/** Joins runs of units to extents. */
export class RunMerger {
  readonly #clusterUnits: number;
  readonly #unitSize: number;
  readonly #visit: ExtentVisitor;
  #kind: ExtentKind = extentKinds.unallocatedPlain;
  #start = 0;
  #count = 0;
  #host = 0;
  #byte = 0;
  #wanted = true;

  constructor(geometry: Geometry, visit: ExtentVisitor) {
    this.#clusterUnits = geometry.clusterUnits;
    this.#unitSize = geometry.unitSize;
    this.#visit = visit;
  }

  /**
   * Adds the run that follows the last one. `host`: host offset in units, 0 for kinds without; for compressed ones, the
   * host cluster, and `byte` the byte therein. Returns false when the walk shall end.
   */
  add(kind: ExtentKind, start: number, count: number, host: number, byte: number): boolean {
    if (this.#count > 0 && kind === this.#kind && (!placed(kind) || host === this.#host + this.#count)) {
      this.#count += count;
      return true;
    }
    const more = this.end();
    this.#kind = kind;
    this.#start = start;
    this.#count = count;
    this.#host = host;
    this.#byte = byte;
    return more;
  }

  /** Visits the last extent, once. Returns false when the walk shall end. */
  end(): boolean {
    const count = this.#count;
    if (count > 0 && this.#wanted) {
      this.#count = 0;
      let cluster = this.#host;
      let byte = this.#byte;
      if (placed(this.#kind)) {
        cluster = Math.floor(this.#host / this.#clusterUnits);
        byte = (this.#host - cluster * this.#clusterUnits) * this.#unitSize;
      }
      this.#wanted = this.#visit(this.#kind, this.#start, count, cluster, byte) !== false;
    }
    return this.#wanted;
  }
}

/** Whether units of the kind are in one extent only where they are adjacent in the host file. */
function placed(kind: ExtentKind): boolean {
  return hasHost(kind) && kind !== extentKinds.compressed;
}
