import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { qemuImg } from '../support/qemu.ts';
import { everything } from '../support/sampled.ts';
import { doneByQemu, doneByUs, guestOf, judged, requireClean, type SnapshotAction, written } from './snapshotRuns.ts';

/** Bytes of the disk, and of the part of it that compressed clusters are written to. */
const diskSize = 2 ** 20;
const compressedFrom = 3 * 2 ** 18;

/** A command of qemu-io, or something that happens to the snapshot of a number (modulo how many there are). */
type Move =
  | { readonly kind: 'create' }
  | { readonly kind: 'apply' | 'delete'; readonly which: number }
  | { readonly kind: 'write' | 'zero' | 'discard'; readonly at: number; readonly length: number }
  | { readonly kind: 'compress' };

const place = { at: fc.integer({ min: 0, max: compressedFrom / 512 - 1 }), length: fc.integer({ min: 1, max: 400 }) };
const which = fc.nat(4);
const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('apply' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('write', 'zero', 'discard'), ...place }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compress' as const) }) },
);

const options = fc.constantFrom(
  '',
  'compat=0.10',
  'cluster_size=512',
  'cluster_size=4k',
  'cluster_size=16k,extended_l2=on',
  'cluster_size=4k,refcount_bits=8',
  'cluster_size=2k,refcount_bits=64',
);

/** The moves as what is done, one after the other; commands of qemu-io in a row are one run of it. */
function* runsOf(all: readonly Move[]): Generator<SnapshotAction | readonly string[]> {
  const names: string[] = [];
  let commands: string[] = [];
  let compressed = 0;
  for (const [index, move] of all.entries()) {
    if (move.kind === 'compress') {
      // QEMU does not overwrite what is there by compressed clusters: each has a place of its own.
      const at = compressedFrom + compressed++ * 65536;
      commands.push(...(at < diskSize ? [`write -c -P ${index + 100} ${at} 64k`] : []));
      continue;
    }
    if ('at' in move) {
      commands.push(commandOf(move, index));
      continue;
    }
    const name = move.kind === 'create' ? `s${index}` : names[move.which % Math.max(1, names.length)];
    if (name === undefined) {
      continue;
    }
    if (commands.length > 0) {
      yield commands;
      commands = [];
    }
    if (move.kind === 'create') {
      names.push(name);
    } else if (move.kind === 'delete') {
      names.splice(names.indexOf(name), 1);
    }
    yield { verb: move.kind, name };
  }
  if (commands.length > 0) {
    yield commands;
  }
}

function commandOf(move: Extract<Move, { at: number }>, index: number): string {
  const at = move.at * 512;
  const length = Math.min(move.length * 512, compressedFrom - at);
  const verb = { write: `write -P ${index + 1}`, zero: 'write -z', discard: 'discard' }[move.kind];
  return `${verb} ${at} ${length}`;
}

describe('any sequence of snapshots and writes', function () {
  this.timeout(600_000);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-snapshot-sequences-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('leaves the disk and its snapshots as qemu-img leaves them, and a check finds nothing', async () => {
    const sequence = fc.array(moves, { minLength: 4, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(options, sequence, async (given, all) => {
        const [ours, theirs] = [join(folder, 'ours.qcow2'), join(folder, 'theirs.qcow2')];
        for (const path of [ours, theirs]) {
          const with_ = given === '' ? [] : ['-o', given];
          await qemuImg(['create', '-q', '-f', 'qcow2', ...with_, path, String(diskSize)]);
        }
        for (const run of runsOf(all)) {
          if ('verb' in run) {
            await doneByUs(ours, run);
            await doneByQemu(theirs, run);
            assert.deepEqual((await judged(ours)).errors, []);
          } else {
            await written(ours, run);
            await written(theirs, run);
          }
        }
        await requireClean(ours, 'at the end');
        assert.deepEqual(await judged(ours), await judged(theirs));
        assert.deepEqual(await guestOf(ours), await guestOf(theirs));
      }),
      { numRuns: everything ? 200 : 6, seed: 1 },
    );
  });
});
