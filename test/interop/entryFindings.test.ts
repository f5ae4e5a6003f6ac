import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/engine/finding.ts';
import { explain } from '../../src/engine/findingTexts.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { scan } from '../../src/engine/image/scan.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { entryCaseImage, entryCases } from '../support/findings/entryCases.ts';
import { runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { writeImage } from '../support/writeImage.ts';

/** A check takes the header for an L2 table then, and says anything. */
const confusing = 'l1-entry-without-table';

describe('what QEMU says of each finding of a scan', function () {
  this.timeout(60_000);
  let folder = '';
  let path = '';
  let dataFile = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-entries-'));
    path = join(folder, 'disk.qcow2');
    dataFile = join(folder, 'data.raw');
    await writeFile(dataFile, '');
    await truncate(dataFile, 1 << 20);
  });
  after(() => rm(folder, { recursive: true }));

  /** Writes the image of a case and scans it; `arguments` are what QEMU's programs open it by. */
  async function prepare(entryCase: (typeof entryCases)[number], which: 'has' | 'nearly') {
    const image = entryCaseImage(entryCase, which);
    writeImage(image, path);
    const opened = await openImage(image.toStorage());
    const { findings } = await scan(opened, noProgress);
    const options = `driver=qcow2,file.driver=file,file.filename=${path}`;
    const args =
      opened.geometry?.dataFile === true
        ? ['--image-opts', `${options},data-file.driver=file,data-file.filename=${dataFile}`]
        : ['-f', 'qcow2', path];
    return { findings, args };
  }

  /** The lines of a check, without those about refcounts, which no scan knows of. */
  async function check(args: readonly string[]): Promise<string[]> {
    const { stderr } = await runProgram('qemu-img', ['check', ...args]);
    const lines = stderr.split('\n').filter((line) => line !== '');
    return lines.filter((line) => !/OFLAG_COPIED|refcount=\d+ reference=\d+|refcount block \d+ refcount=/.test(line));
  }

  async function saidOfRead(args: readonly string[], { guest }: Finding): Promise<string> {
    const { stderr } = await runProgram('qemu-io', ['-r', '-c', `read ${guest?.offset ?? 0n} 512`, ...args]);
    return stderr.trim();
  }

  for (const entryCase of sampled(entryCases, 16)) {
    it(`${entryCase.what}`, async () => {
      const { findings, args } = await prepare(entryCase, 'has');
      const lines = await check(args);
      const messages = findings.map((found) => explain(found).qemu);
      for (const [index, message] of messages.entries()) {
        if (message?.startsWith('ERROR')) {
          assert(lines.includes(message), `${lines.join('\n')} is not ${message}`);
        } else if (message?.startsWith('Could not')) {
          assert(lines.some((line) => line.endsWith(`': ${message}`)));
        } else if (message !== undefined) {
          const said = await saidOfRead(args, findings[index] ?? assert.fail());
          const suffix = 'further non-fatal corruption events will be suppressed';
          assert.equal(said, `qcow2: Image is corrupt: ${message}; ${suffix}`);
        }
      }
      if (messages.every((message) => message === undefined) && !entryCase.finds.join().includes(confusing)) {
        assert.deepEqual(lines, []);
      }
    });

    it(`${entryCase.what}, nearly: a check finds nothing`, async () => {
      const { findings, args } = await prepare(entryCase, 'nearly');
      assert.deepEqual(findings, []);
      assert.deepEqual(await check(args), []);
    });
  }
});
