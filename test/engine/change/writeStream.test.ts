import assert from 'node:assert/strict';
import type { ByteWrite } from '../../../src/engine/change/changeSet.ts';
import { inOrder, piecesOf, writesOf } from '../../../src/engine/change/writeStream.ts';

function write(at: number, length = 512): ByteWrite {
  return { structure: `at ${at}`, at: BigInt(at), bytes: new Uint8Array(length) };
}

describe('the writes of a stream', () => {
  it('are of clusters that follow each other, at most 64 KiB at a time', () => {
    const pieces = [...piecesOf(Float64Array.of(3, 4, 5, 9), 16384)];
    assert.deepEqual(pieces, [
      { index: 0, count: 3, byte: 0, length: 49152 },
      { index: 3, count: 1, byte: 0, length: 16384 },
    ]);
    const many = [
      ...piecesOf(
        Float64Array.from({ length: 200 }, (_, index) => index),
        512,
      ),
    ];
    assert.deepEqual(
      many.map(({ index, count }) => [index, count]),
      [
        [0, 128],
        [128, 72],
      ],
    );
  });

  it('are of parts of a cluster that is larger', () => {
    const pieces = [...piecesOf(Float64Array.of(7), 2 ** 17)];
    assert.deepEqual(pieces, [
      { index: 0, count: 1, byte: 0, length: 65536 },
      { index: 0, count: 1, byte: 65536, length: 65536 },
    ]);
  });

  it('are whole sectors, the last one filled up with zeros', () => {
    const bytes = new Uint8Array(65536 + 10).fill(7);
    const writes = [...writesOf({ structure: 'table', at: 512n, bytes })];
    assert.deepEqual(
      writes.map(({ at, bytes: part }) => [at, part.length]),
      [
        [512n, 65536],
        [66048n, 512],
      ],
    );
    assert.deepEqual(writes[1]?.bytes.subarray(8, 12), Uint8Array.of(7, 7, 0, 0));
    assert.deepEqual([...writesOf({ structure: 'none', at: 0n, bytes: new Uint8Array(0) })], []);
  });

  it('come in ascending order out of several sequences', async () => {
    async function* later(): AsyncGenerator<ByteWrite> {
      yield write(1024);
      yield write(8192);
    }
    const places: bigint[] = [];
    for await (const { at } of inOrder([[write(512), write(4096)], later(), []])) {
      places.push(at);
    }
    assert.deepEqual(places, [512n, 1024n, 4096n, 8192n]);
  });
});
