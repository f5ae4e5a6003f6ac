import assert from 'node:assert/strict';
import { Draft } from '../../../src/engine/change/draft.ts';
import { planStages, type Stage } from '../../../src/engine/change/stages.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { ImageBuilder } from '../../support/builder.ts';

const part = 65536;

/** Streams so many writes of 64 KiB, full of sevens, at 1 MiB. */
const streaming =
  (count: number): Stage =>
  async (_image, storage, from) => {
    const draft = new Draft(storage);
    draft.addStream(
      'stream',
      async function* () {
        const bytes = new Uint8Array(part).fill(7);
        for (let one = 0; one < count; one++) {
          yield { structure: 'streamed', at: BigInt(2 ** 20 + one * part), bytes };
        }
      },
      BigInt(2 ** 20 + count * part),
    );
    return draft.changeSet('A stream', from);
  };

async function planned(...stages: Stage[]): ReturnType<typeof planStages> {
  const storage = new ImageBuilder().toStorage();
  const from = { identity: 'memory', size: storage.size, modified: 0n, changed: 0n };
  return planStages('All', await openImage(storage), storage, from, stages);
}

describe('a change of several stages', () => {
  it('shows each stage what those before it stream', async () => {
    let seen = new Uint8Array(2 * part + 1);
    const { steps } = await planned(streaming(2), async (_image, storage, from) => {
      const into = new Uint8Array(seen.length);
      seen = into.subarray(0, await storage.read(2n ** 20n, into));
      return new Draft(storage).changeSet('Nothing', from);
    });
    assert.deepEqual(seen, new Uint8Array(2 * part).fill(7));
    assert.deepEqual(
      steps.map(({ edits, stream }) => [edits.map(({ at }) => at), stream]),
      [[[2n ** 20n, 2n ** 20n + BigInt(part)], undefined]],
    );
  });

  it('streams what the last one does', async () => {
    const { steps } = await planned(streaming(2), streaming(3));
    assert.deepEqual(
      steps.map(({ stream }) => stream !== undefined),
      [false, true],
    );
  });

  it('is refused where one before the last streams more than memory should hold', async () => {
    await planned(streaming(1024), streaming(1));
    await assert.rejects(
      planned(streaming(1025), streaming(1)),
      (error) => error instanceof Qcow2Error && error.code === 'not-supported' && /Make it first/.test(error.message),
    );
  });
});
