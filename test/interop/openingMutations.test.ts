import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { qemuRefusal } from '../../src/engine/findingTexts.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { ImageBuilder } from '../support/builder.ts';
import { oneBitmap } from '../support/findings/extensionCases.ts';
import { encrypted } from '../support/findings/luksCases.ts';
import { runProgram } from '../support/qemu.ts';
import { writeImage } from '../support/writeImage.ts';

const table = 5n * 65536n;

/** Good images with something of everything. */
const images: readonly (() => ImageBuilder)[] = [
  () => new ImageBuilder().truncate(8 << 16),
  () => new ImageBuilder({ version: 2 }).truncate(8 << 16),
  () => new ImageBuilder({ cluster_bits: 9 }).truncate(8 << 16),
  () => new ImageBuilder({ cluster_bits: 21 }),
  () => new ImageBuilder().backing('base.qcow2', 'raw'),
  () => oneBitmap(),
  () => encrypted(),
  () => new ImageBuilder({ nb_snapshots: 2, snapshots_offset: table, incompatible_features: 16 }).truncate(6 << 16),
];

const bits = fc.integer({ min: 0, max: 63 });
const values = fc.oneof(
  fc.bigInt({ min: 0n, max: 130n }),
  fc.tuple(bits, fc.integer({ min: -1, max: 1 })).map(([bit, step]) => (1n << BigInt(bit)) + BigInt(step)),
  fc.tuple(bits, bits).map(([high, low]) => (1n << BigInt(high)) - (1n << BigInt(low))),
  fc.constantFrom(512n, 1023n, 65536n, 131072n, 327680n, 1048576n),
);
const headerBytes = fc.nat({ max: 30 }).map((word) => BigInt(4 * word));
const tableBytes = fc.nat({ max: 600 }).map((byte) => table + BigInt(byte));

/** A number written into the header, its extensions, or what lies in cluster 5. */
const writes = fc.record({
  at: fc.oneof({ weight: 3, arbitrary: headerBytes }, { weight: 1, arbitrary: tableBytes }),
  width: fc.constantFrom(1, 2, 4, 8),
  value: values,
});
const cuts = fc.option(fc.oneof(fc.integer({ min: 72, max: 140 }), fc.constantFrom(512, 196608, 200000)), { freq: 6 });

describe('what the engine says that QEMU says of a damaged image', function () {
  this.timeout(120_000);

  it('is what QEMU says, whatever is damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qcow2-damaged-'));
    const path = join(folder, 'disk.qcow2');
    const damaged = fc.record({
      base: fc.constantFrom(...images),
      parts: fc.array(writes, { maxLength: 3 }),
      cut: cuts,
    });
    try {
      await fc.assert(
        fc.asyncProperty(damaged, async ({ base, parts, cut }) => {
          const image = base();
          for (const { at, width, value } of parts) {
            const bytes = Array.from({ length: width }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
            image.put(at, bytes.reverse());
          }
          if (cut !== null) {
            image.truncate(cut);
          }
          writeImage(image, path);
          const { findings } = await openImage(image.toStorage());
          const { code, stderr } = await runProgram('qemu-img', ['info', '-f', 'qcow2', path]);
          const refusal = qemuRefusal(findings);
          const message = code === 1 ? stderr.slice(stderr.indexOf(`Could not open '${path}': `)) : undefined;
          assert.equal(message, refusal && `Could not open '${path}': ${refusal}\n`);
        }),
        { numRuns: 150, seed: 20261123 },
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
