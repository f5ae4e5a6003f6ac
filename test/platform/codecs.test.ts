import assert from 'node:assert/strict';
import { constants, deflateRawSync, zstdCompressSync } from 'node:zlib';
import { codecs } from '../../src/platform/codecs.ts';
import { zstdFrameLength } from '../../src/platform/zstdFrame.ts';

const cluster = new Uint8Array(65536).map((_, index) => (index * index) >>> 7);
const junk = new Uint8Array(700).fill(0xa5);

const kinds = [
  {
    name: 'deflate',
    pack: (bytes: Uint8Array) => deflateRawSync(bytes),
    unpack: (bytes: Uint8Array, limit: number) => codecs.inflate(bytes, limit),
  },
  {
    name: 'Zstandard',
    pack: (bytes: Uint8Array) => zstdCompressSync(bytes),
    unpack: (bytes: Uint8Array, limit: number) => codecs.unzstd(bytes, limit),
  },
];

for (const { name, pack, unpack } of kinds) {
  describe(`a ${name} stream`, () => {
    it('gives the cluster back', () => {
      assert.deepEqual(new Uint8Array(unpack(pack(cluster), 65536)), cluster);
    });

    it('is read to its end, whatever follows in its last sector', () => {
      for (const tail of [junk, new Uint8Array(512), pack(cluster)]) {
        assert.deepEqual(new Uint8Array(unpack(Buffer.concat([pack(cluster), tail]), 65536)), cluster);
      }
    });

    it('that holds more than a cluster is cut, as QEMU does', () => {
      const unpacked = unpack(pack(Buffer.concat([cluster, cluster, junk])), 65536);
      assert.deepEqual(new Uint8Array(unpacked), cluster);
    });

    it('that is a bomb is refused', () => {
      assert.throws(() => unpack(pack(Buffer.alloc(65 * 2 ** 20)), 65536), { code: 'bad-stream' });
    });

    it('that is none is refused', () => {
      assert.throws(() => unpack(Buffer.alloc(64, 0xff), 65536), { code: 'bad-stream' });
    });
  });
}

describe('a deflate stream that is cut off', () => {
  it('gives what it holds: a full cluster needs no end mark (QEMU, qcow2_zlib_decompress)', () => {
    const whole = deflateRawSync(Buffer.concat([cluster, junk]));
    const unpacked = codecs.inflate(whole.subarray(0, whole.length - 3), 65536);
    assert.deepEqual(new Uint8Array(unpacked), cluster);
    assert.ok(codecs.inflate(whole.subarray(0, 20), 65536).length < 65536);
  });
});

describe('the length of a Zstandard frame', () => {
  const contents = [cluster, new Uint8Array(0), new Uint8Array(3), new Uint8Array(200_000), cluster.subarray(0, 300)];

  it('is that of the whole frame, with and without a checksum and a content size', () => {
    for (const content of contents) {
      for (const flags of [{}, { checksum: 1 }, { size: 0 }, { checksum: 1, size: 0 }] as const) {
        const frame = zstdCompressSync(content, {
          params: {
            [constants.ZSTD_c_checksumFlag]: 'checksum' in flags ? 1 : 0,
            [constants.ZSTD_c_contentSizeFlag]: 'size' in flags ? 0 : 1,
          },
        });
        assert.equal(zstdFrameLength(Buffer.concat([frame, junk])), frame.length);
      }
    }
  });

  it('is not known when the frame is cut off, or is none', () => {
    const frame = zstdCompressSync(cluster);
    for (let length = 0; length < frame.length; length += 97) {
      assert.equal(zstdFrameLength(frame.subarray(0, length)), undefined);
    }
    assert.equal(zstdFrameLength(junk), undefined);
  });
});
