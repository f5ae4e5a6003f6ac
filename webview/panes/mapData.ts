import type { ByteRange } from '../../src/engine/finding.ts';
import type { CallOptions, Client } from '../../src/protocol/client.ts';
import type {
  MapSpace,
  Overlay,
  OverlayPicture,
  SpaceCounts,
  SpacePicture,
  StepKind,
} from '../../src/protocol/mapApi.ts';
import type { ExplainedRefcount } from '../../src/protocol/placeApi.ts';
import type { Grid, View } from '../widgets/cellGrid.ts';
import { type CellValues, knowledge, valuesOf } from '../widgets/cellValues.ts';
import { Latest } from './mapLatest.ts';

/** Pictures that are remembered for the way back: some 300 KiB each. */
const mostPictures = 16;
/** Cells of the minimap. */
const miniCells = 512;
/** Milliseconds that the view must rest before what is in it is counted. */
const rest = 120;

/** What is known of one space, and what is being asked about it. */
export class MapData {
  readonly picture: Latest<SpacePicture>;
  readonly mini: Latest<SpacePicture>;
  readonly whole: Latest<SpaceCounts>;
  readonly inView: Latest<SpaceCounts>;
  readonly found: Latest<{ readonly kind: StepKind; readonly range: ByteRange | undefined }>;
  readonly counting: Latest<SpaceCounts>;
  readonly refcount: Latest<ExplainedRefcount>;
  readonly overlays: ReadonlyMap<Overlay, Latest<OverlayPicture>>;
  /** Bytes of the space, once a picture has told them. */
  size: bigint | undefined;
  #source: { readonly client: Client; readonly space: MapSpace; readonly epoch: number } | undefined;
  /** Grows each time that what was answered before no longer holds. */
  #edition = 0;
  #pictures: SpacePicture[] = [];
  /** Of the image as it was before: only a rough idea until there are new ones. */
  #old: SpacePicture[] = [];
  #values: CellValues | undefined;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #restingOn: string | undefined;

  constructor(changed: () => void) {
    this.picture = new Latest(() => {
      this.#learn(this.picture);
      changed();
    });
    this.mini = new Latest(() => {
      this.#learn(this.mini);
      changed();
    });
    this.whole = new Latest(changed);
    this.inView = new Latest(changed);
    this.found = new Latest(changed);
    this.refcount = new Latest(changed);
    this.counting = new Latest(() => {
      if (this.counting.loaded.state === 'ready') {
        this.#renew();
      }
      changed();
    });
    this.overlays = new Map(
      (['findings', 'fragmentation', 'sharing', 'bitmap'] as const).map((name) => [name, new Latest(changed)]),
    );
  }

  /** Says what is asked about. `epoch`: another number when what was asked before no longer holds. */
  follow(client: Client, space: MapSpace, epoch: number): void {
    const before = this.#source;
    if (before?.client === client && before.epoch === epoch && before.space.snapshot === space.snapshot) {
      return;
    }
    this.#source = { client, space, epoch };
    if (before?.space.snapshot === space.snapshot) {
      // The cells stay as a rough idea; numbers must not be those of the image as it was.
      this.#renew();
      this.size = undefined;
      for (const latest of [this.counting, this.whole, this.inView]) {
        latest.clear();
      }
    } else {
      this.#forgetAll();
    }
  }

  /** Stops all requests. */
  stop(): void {
    clearTimeout(this.#resting);
    for (const latest of this.#all()) {
      latest.forget();
    }
  }

  /** True once the references of the file are counted; only then are shared and leaked clusters known. */
  get counted(): boolean {
    return this.picture.answer?.value.counted ?? this.mini.answer?.value.counted ?? false;
  }

  /** Asks for the cells of a grid, unless they are known. */
  show(grid: Grid): void {
    if (!this.valuesOf(grid).exact) {
      const range = requestOf(grid);
      this.#ask(this.picture, viewKey(range), ({ client, space, options }) =>
        client.call('picture', { ...space, ...range }, options),
      );
    }
  }

  /** Asks for the counts and the minimap of the whole space. */
  askWhole(size: bigint): void {
    const whole = { start: 0n, length: size };
    this.#ask(this.mini, `${size}`, ({ client, space, options }) =>
      client.call('picture', { ...space, ...whole, cells: miniCells }, options),
    );
    this.#ask(this.whole, `${size}`, ({ client, space, options }) =>
      client.call('counts', { ...space, ...whole }, options),
    );
  }

  /** Asks for the counts of a view, once it rests. */
  askInView(view: View): void {
    const key = viewKey(view);
    if (key === this.#restingOn) {
      return;
    }
    this.#restingOn = key;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(
      () =>
        this.#ask(this.inView, key, ({ client, space, options }) =>
          client.call('counts', { ...space, ...view }, options),
        ),
      this.inView.answer === undefined ? 0 : rest,
    );
  }

  /** The counts of a view, if they are there. */
  countsOf(view: View): SpaceCounts | undefined {
    const { answer } = this.inView;
    return answer?.question === this.#question(viewKey(view)) ? answer.value : undefined;
  }

  /** An overlay for a grid, if it is there. */
  overlay(name: Overlay, grid: Grid): OverlayPicture | undefined {
    const value = this.overlays.get(name)?.answer?.value;
    const fits = value?.start === grid.start && value.cellSize === grid.cellSize && value.cells === grid.cells;
    return fits ? value : undefined;
  }

  /** Asks for an overlay. `edition` is another text when it may have changed. */
  askOverlay(name: Overlay, grid: Grid, bitmap: number | undefined, edition: string): void {
    const latest = this.overlays.get(name);
    const request = { ...requestOf(grid), overlay: name, ...(bitmap === undefined ? {} : { bitmap }) };
    if (latest !== undefined) {
      this.#ask(latest, `${viewKey(request)} ${bitmap} ${edition}`, ({ client, space, options }) =>
        client.call('overlay', { ...space, ...request }, options),
      );
    }
  }

  /** Looks for the next or previous one of a kind. */
  step(kind: StepKind, direction: 'next' | 'previous', from: bigint, bitmap: number | undefined): void {
    this.found.forget();
    this.#ask(this.found, `${kind} ${direction} ${from}`, async ({ client, space, options }) => {
      const request = { ...space, kind, direction, from, ...(bitmap === undefined ? {} : { bitmap }) };
      return { kind, range: await client.call('step', request, options) };
    });
  }

  /** Asks for the refcount of the cluster at a host offset. */
  askRefcount(host: bigint): void {
    this.#ask(this.refcount, `${host}`, ({ client, options }) => client.call('explainRefcount', { host }, options));
  }

  /** The refcount of the cluster at a host offset, if it is there and can be read. */
  refcountOf(host: bigint): ExplainedRefcount['refcount'] {
    const { answer } = this.refcount;
    return answer?.question === this.#question(`${host}`) ? answer.value.refcount : undefined;
  }

  /** Counts all references. */
  count(): void {
    this.counting.forget();
    this.#ask(this.counting, 'count', ({ client, options }) => client.call('countReferences', undefined, options));
  }

  #ask<T>(latest: Latest<T>, key: string, ask: (asked: Asked) => Promise<T>): void {
    const source = this.#source;
    if (source !== undefined) {
      const { client, space } = source;
      latest.ask(this.#question(key), (signal, onProgress) => ask({ client, space, options: { signal, onProgress } }));
    }
  }

  #question(key: string): string {
    return `${this.#edition} ${key}`;
  }

  /** The cells of a grid as far as they are known. The same object while nothing has changed. */
  valuesOf(grid: Grid): CellValues {
    const last = this.#values;
    if (last && sameGrid(last.grid, grid)) {
      return last;
    }
    const space = this.#source?.space.space ?? 'guest';
    const values = valuesOf(grid, this.#pictures, space);
    if (!values.exact && this.#old.length > 0) {
      this.#addOld(values, valuesOf(grid, this.#old, space));
    }
    this.#values = values;
    return values;
  }

  #addOld(values: CellValues, old: CellValues): void {
    const kinds = values.parts.length / values.grid.cells;
    for (let cell = 0; cell < values.grid.cells; cell++) {
      if (values.known[cell] === knowledge.none && old.known[cell] !== knowledge.none) {
        values.known[cell] = knowledge.rough;
        values.parts.set(old.parts.subarray(cell * kinds, (cell + 1) * kinds), cell * kinds);
      }
    }
  }

  #learn({ loaded }: Latest<SpacePicture>): void {
    if (loaded.state === 'ready') {
      this.size = loaded.value.size;
      this.#pictures = [loaded.value, ...this.#pictures].slice(0, mostPictures);
      this.#values = undefined;
    }
  }

  /** What was answered is of the image as it was. */
  #renew(): void {
    this.#edition += 1;
    this.#restingOn = undefined;
    this.#old = [...this.#pictures, ...this.#old].slice(0, mostPictures);
    this.#pictures = [];
    this.#values = undefined;
  }

  #forgetAll(): void {
    this.#edition += 1;
    this.#restingOn = undefined;
    this.#old = [];
    this.#pictures = [];
    this.#values = undefined;
    for (const latest of this.#all()) {
      latest.clear();
    }
  }

  #all(): Latest<unknown>[] {
    const { picture, mini, whole, inView, found, counting, refcount, overlays } = this;
    return [picture, mini, whole, inView, found, counting, refcount, ...overlays.values()];
  }
}

/** Where a question is asked. */
interface Asked {
  readonly client: Client;
  readonly space: MapSpace;
  readonly options: CallOptions;
}

function requestOf({ start, cellSize, cells }: Grid): View & { readonly cells: number } {
  return { start, length: cellSize * BigInt(cells), cells };
}

function viewKey({ start, length }: View): string {
  return `${start}+${length}`;
}

function sameGrid(a: Grid, b: Grid): boolean {
  const { layout, ...rest } = a;
  return (
    rest.start === b.start &&
    rest.cellSize === b.cellSize &&
    rest.cells === b.cells &&
    layout.columns === b.layout.columns &&
    layout.pitch.x === b.layout.pitch.x &&
    layout.pitch.y === b.layout.pitch.y
  );
}
