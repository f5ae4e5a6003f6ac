import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeFile } from '../../src/cli/change.ts';
import { outputTo, ReaderGone } from '../../src/cli/output.ts';
import { Draft } from '../../src/engine/change/draft.ts';
import { ImageBuilder } from '../support/builder.ts';
import { writeImage } from '../support/writeImage.ts';

describe('A change of a file', () => {
  it('is not begun, and leaves no journal behind, where it can’t be told to anybody', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    try {
      const path = join(folder, 'disk.qcow2');
      writeImage(new ImageBuilder(), path);
      const before = readFileSync(path);
      const changed = changeFile(
        path,
        path,
        { dryRun: 'no', keepUndo: false, journal: undefined },
        outputTo(1),
        async (storage, from) => {
          const draft = new Draft(storage);
          await draft.write('data', 0n, Uint8Array.of(1));
          await draft.endStep('Write');
          return draft.changeSet('Change', from);
        },
        { begun: () => Promise.reject(new ReaderGone()) },
      );
      await assert.rejects(changed, ReaderGone);
      assert.ok(readFileSync(path).equals(before));
      assert.deepEqual(readdirSync(folder), ['disk.qcow2']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
