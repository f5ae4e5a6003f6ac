import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type SpacePicture, spaceKinds } from '../../src/protocol/mapApi.ts';
import { keptText, stateOf } from '../../webview/panes/mapState.ts';
import {
  cellRange,
  type Frame,
  fitView,
  gridOf,
  nearestCell,
  panBy,
  placeOf,
  revealView,
  viewsAround,
  zoomAt,
} from '../../webview/widgets/cellGrid.ts';
import { heights } from '../../webview/widgets/cellLayout.ts';
import { knowledge, valuesOf } from '../../webview/widgets/cellValues.ts';
import { type Run, runsBefore } from '../../webview/widgets/extentPages.ts';

const frames: fc.Arbitrary<Frame> = fc.record({
  cluster: fc.integer({ min: 9, max: 21 }).map((bits) => 1n << BigInt(bits)),
  size: fc.bigInt({ min: 1n, max: 1n << 63n }),
  width: fc.integer({ min: 240, max: 1600 }),
  height: fc.constantFrom(heights.full, heights.half),
});
const offset = fc.bigInt({ min: 0n, max: 1n << 63n });

describe('the view of a map', () => {
  it('shows whole cells inside the space, and no more of them than fit', () => {
    fc.assert(
      fc.property(frames, offset, offset, (frame, start, length) => {
        const view = fitView({ start, length }, frame);
        const grid = gridOf(view, frame);
        assert.ok(grid.cells >= 1 && grid.start >= 0n && grid.start < frame.size);
        assert.equal(grid.start % grid.cellSize, 0n);
        assert.equal(grid.cellSize % frame.cluster, 0n);
        assert.ok(grid.layout.columns * grid.layout.rows >= grid.cells);
        const last = cellRange(grid, grid.cells - 1, frame.size);
        assert.ok(last.start < frame.size && last.length > 0n && last.start + last.length <= frame.size);
        if (view === undefined) {
          assert.equal(last.start + last.length, frame.size);
        }
      }),
    );
  });

  it('keeps what is under the pointer there when it zooms, unless an end of the space is in the way', () => {
    const frame: Frame = { cluster: 65536n, size: 1n << 40n, width: 1000, height: heights.full };
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 0.2, max: 0.8, noNaN: true }),
        fc.nat(8191),
        (steps, part, index) => {
          const middle = BigInt(Math.floor(part * 2 ** 40));
          let view = fitView({ start: middle, length: 1n << 34n }, frame);
          const before = gridOf(view, frame);
          const cell = index % before.cells;
          const point = placeOf(before, cell);
          const there = cellRange(before, cell, frame.size);
          for (let step = 0; step < steps; step++) {
            view = zoomAt(view, frame, 2, point);
          }
          const after = gridOf(view, frame);
          const now = cellRange(after, nearestCell(after, point), frame.size);
          assert.ok(now.start >= there.start - now.length && now.start < there.start + there.length + now.length);
        },
      ),
    );
  });

  it('comes back from one cluster to the whole by zooming out', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        let view = zoomAt(undefined, frame, 2, { x: 300, y: 100 });
        for (let step = 0; step < 64; step++) {
          view = zoomAt(view, frame, 2, { x: 300, y: 100 });
        }
        const close = gridOf(view, frame);
        assert.ok(view === undefined || close.cellSize === frame.cluster);
        for (let step = 0; step < 70; step++) {
          view = zoomAt(view, frame, 0.5, { x: 300, y: 100 });
        }
        assert.equal(view, undefined);
      }),
    );
  });

  it('pans by cells, and not past the ends', () => {
    fc.assert(
      fc.property(frames, offset, fc.integer({ min: -100_000, max: 100_000 }), (frame, start, cells) => {
        const view = fitView({ start, length: frame.cluster * 256n }, frame);
        const moved = panBy(view, frame, cells);
        assert.equal(moved === undefined, view === undefined);
        assert.ok(moved === undefined || (moved.start >= 0n && moved.start < frame.size));
      }),
    );
  });

  it('reveals a range: all of it is in view, and a cluster is a cell of its own where there is room', () => {
    fc.assert(
      fc.property(frames, offset, fc.integer({ min: 1, max: 1000 }), (frame, at, clusters) => {
        const start = ((at % frame.size) / frame.cluster) * frame.cluster;
        const wanted = frame.cluster * BigInt(clusters);
        const length = start + wanted > frame.size ? frame.size - start : wanted;
        const view = revealView({ start, length }, undefined, frame);
        const shown = view ?? { start: 0n, length: frame.size };
        assert.ok(shown.start <= start && start + length <= shown.start + shown.length);
        if (clusters === 1) {
          assert.ok(gridOf(view, frame).cellSize <= frame.cluster * 8n);
        }
      }),
    );
  });

  it('has its way back from the whole on', () => {
    const frame: Frame = { cluster: 65536n, size: 1n << 40n, width: 1000, height: heights.full };
    const around = viewsAround({ start: 1n << 39n, length: 1n << 24n }, frame);
    assert.deepEqual(
      around.map((view) => view?.length),
      [undefined, 1n << 34n, 1n << 28n],
    );
  });
});

/** A picture of clusters whose kinds are known. */
function pictureOf(truth: readonly number[], first: number, cellClusters: number, cells: number): SpacePicture {
  const kinds = spaceKinds.guest.length;
  const parts = new Float32Array(cells * kinds);
  for (let cell = 0; cell < cells; cell++) {
    const from = first + cell * cellClusters;
    const inside = truth.slice(from, from + cellClusters);
    for (const kind of inside) {
      parts[cell * kinds + kind] = (parts[cell * kinds + kind] ?? 0) + 1 / inside.length;
    }
  }
  return {
    start: BigInt(first) * 65536n,
    cellSize: BigInt(cellClusters) * 65536n,
    cells,
    parts,
    size: BigInt(truth.length) * 65536n,
    counted: true,
  };
}

describe('the cells of a new view, from pictures of others', () => {
  const truths = fc.array(fc.nat(3), { minLength: 512, maxLength: 512 });
  const places = fc.record({ bits: fc.nat(4), cells: fc.integer({ min: 1, max: 64 }), first: fc.nat(511) });
  const place = ({ bits, cells, first }: { bits: number; cells: number; first: number }) => {
    const cellClusters = 2 ** bits;
    const start = first - (first % cellClusters);
    return { start, cellClusters, cells: Math.min(cells, Math.ceil((512 - start) / cellClusters)) };
  };

  it('are what the image has wherever they are said to be exact', () => {
    fc.assert(
      fc.property(truths, fc.array(places, { maxLength: 6 }), places, (truth, seen, wanted) => {
        const pictures = seen.map(place).map((one) => pictureOf(truth, one.start, one.cellClusters, one.cells));
        const to = place(wanted);
        const expected = pictureOf(truth, to.start, to.cellClusters, to.cells);
        const layout = { columns: 8, rows: 8, pitch: { x: 7, y: 7 } };
        const grid = { start: expected.start, cellSize: expected.cellSize, cells: to.cells, layout };
        const { parts, known } = valuesOf(grid, pictures, 'guest');
        const kinds = spaceKinds.guest.length;
        for (let cell = 0; cell < to.cells; cell++) {
          if (known[cell] === knowledge.exact) {
            for (let kind = 0; kind < kinds; kind++) {
              const [is, should] = [parts[cell * kinds + kind] ?? 0, expected.parts[cell * kinds + kind] ?? 0];
              assert.ok(Math.abs(is - should) < 1e-6, `cell ${cell}, kind ${kind}: ${is}, not ${should}`);
            }
          }
        }
      }),
    );
  });

  it('are exact where smaller cells fill them, only roughly known where a larger one is of several kinds', () => {
    const truth = Array.from({ length: 512 }, (_, index) => (index < 256 ? 0 : index % 2));
    const layout = { columns: 8, rows: 8, pitch: { x: 7, y: 7 } };
    const small = valuesOf(
      { start: 0n, cellSize: 65536n * 8n, cells: 64, layout },
      [pictureOf(truth, 0, 1, 512)],
      'guest',
    );
    assert.ok(small.exact);
    const large = valuesOf({ start: 0n, cellSize: 65536n, cells: 512, layout }, [pictureOf(truth, 0, 8, 64)], 'guest');
    assert.ok(!large.exact);
    assert.equal(large.known[0], knowledge.exact);
    assert.equal(large.known[300], knowledge.rough);
    const none = valuesOf(
      { start: 65536n * 64n, cellSize: 65536n, cells: 8, layout },
      [pictureOf(truth, 0, 1, 64)],
      'guest',
    );
    assert.equal(none.known[0], knowledge.none);
  });
});

describe('the table of runs, backwards', () => {
  const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 1_000_000 })), {
    minLength: 1,
    maxLength: 6000,
    size: 'max',
  });

  it('has the runs before an offset, whole, without a gap, whatever their lengths', async () => {
    await fc.assert(
      fc.asyncProperty(
        lengths,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(10_000_000),
        async (sizes, part, guess) => {
          let at = 0n;
          const runs: Run[] = sizes.map((size) => {
            const run = { start: at, length: BigInt(size) };
            at += run.length;
            return run;
          });
          let asked = 0;
          const ask = async (from: bigint, count: number): Promise<{ rows: Run[]; next?: bigint }> => {
            asked += 1;
            const inside = runs.filter((run) => run.start + run.length > from);
            const rows = inside.slice(0, count).map((run) => {
              const start = run.start < from ? from : run.start;
              return { start, length: run.start + run.length - start };
            });
            const next = inside[count];
            return next === undefined ? { rows } : { rows, next: next.start };
          };
          const end = 1n + BigInt(Math.floor(part * Number(at - 1n)));
          const { rows, first } = await runsBefore(ask, end, BigInt(guess));
          const expected = runs.filter((run) => run.start < end);
          assert.ok(rows.length > 0);
          assert.deepEqual(rows, expected.slice(-rows.length));
          assert.equal(first, rows.length === expected.length);
          assert.ok(asked <= 70, `${asked} questions`);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what the pane of the maps keeps', () => {
  it('comes back as it was kept', () => {
    const view = fc.option(fc.record({ start: offset, length: offset }, { noNullPrototype: true }), { nil: undefined });
    const states = fc.record(
      {
        shown: fc.constantFrom('guest' as const, 'host' as const, 'both' as const),
        snapshot: fc.option(fc.nat(), { nil: undefined }),
        overlays: fc.subarray(['findings', 'fragmentation', 'sharing', 'bitmap'] as const),
        bitmap: fc.nat(),
        hidden: fc.record(
          { guest: fc.subarray([...spaceKinds.guest]), host: fc.subarray([...spaceKinds.host]) },
          { noNullPrototype: true },
        ),
        views: fc.record({ guest: view, host: view }, { noNullPrototype: true }),
        table: fc.constantFrom('guest' as const, 'host' as const),
      },
      { noNullPrototype: true },
    );
    fc.assert(fc.property(states, (state) => assert.deepEqual(stateOf(keptText(state)), state)));
  });

  it('is the whole of both maps where it is not understood', () => {
    const first = stateOf(undefined);
    assert.equal(first.shown, 'both');
    assert.deepEqual(first.views, { guest: undefined, host: undefined });
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { shown, hidden } = stateOf(text);
        assert.ok(['guest', 'host', 'both'].includes(shown));
        assert.ok(Array.isArray(hidden.guest));
      }),
    );
  });
});
