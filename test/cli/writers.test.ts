import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchForWriters } from '../../src/cli/writers.ts';
import { openFile } from '../../src/platform/fileStorage.ts';

describe('a file that is read without a lock', () => {
  it('is said to have been written to meanwhile, once it was', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qcow2-writers-'));
    const path = join(folder, 'image');
    await writeFile(path, 'x');
    const storage = await openFile(path);
    try {
      let said = '';
      const errors = {
        text: (bytes: string) => {
          said += bytes;
        },
        write: () => assert.fail('a warning is text'),
      };
      const tellWriters = await watchForWriters([{ path, storage }]);
      assert.equal(await tellWriters(errors), false);
      assert.equal(said, '');
      await utimes(path, 1, 1);
      assert.equal(await tellWriters(errors), true);
      assert.match(
        said,
        /^qcow2: warning: .*image was written to while it was read\. What was read may be half written/,
      );
    } finally {
      await storage.close();
      await rm(folder, { recursive: true });
    }
  });
});
