import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/engine/finding.ts';
import { explain, findingTexts, qemuRefusal } from '../../src/engine/findingTexts.ts';
import { openImage } from '../../src/engine/image/open.ts';
import type { ImageBuilder } from '../support/builder.ts';
import { unloadableBitmapCases } from '../support/findings/bitmapTableCases.ts';
import { openingCases } from '../support/findings/openingCases.ts';
import { type BadSectors, FailingStorage } from '../support/memoryStorage.ts';
import type { ProgramResult } from '../support/programs.ts';
import { runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { writeImage } from '../support/writeImage.ts';

describe('what QEMU says of each finding of opening', function () {
  this.timeout(60_000);
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-findings-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function write(image: ImageBuilder): Promise<string> {
    const path = join(folder, 'disk.qcow2');
    writeImage(image, path);
    return path;
  }

  /** `info` on a disk with a bad sector, if one is given: QEMU's blkdebug fails the reads that touch it. */
  const info = (path: string, [bad]: readonly BadSectors[]): Promise<ProgramResult> => {
    const error = `inject-error.0.event=none,file.inject-error.0.iotype=read,file.inject-error.0.errno=5`;
    const options = `driver=qcow2,file.driver=blkdebug,file.image.driver=file,file.image.filename=${path},file.${error}`;
    return bad === undefined
      ? runProgram('qemu-img', ['info', '-f', 'qcow2', path])
      : runProgram('qemu-img', ['info', '--image-opts', `${options},file.inject-error.0.sector=${bad.sector}`]);
  };
  const inputOutput = (path: string, ...options: string[]): Promise<ProgramResult> =>
    runProgram('qemu-io', ['-f', 'qcow2', ...options, '-c', 'quit', path]);

  /** `info` says what the findings say that it says: why it refuses, or nothing. */
  async function sameRefusal(
    path: string,
    findings: readonly Finding[],
    bad: readonly BadSectors[],
  ): Promise<ProgramResult> {
    const result = await info(path, bad);
    const refusal = qemuRefusal(findings);
    if (refusal === undefined) {
      const crashes = findings.some(({ code }) => code === 'crypto-extension-missing');
      assert.equal(result.code, crashes ? 139 : 0, result.stderr);
    } else {
      assert(result.stderr.endsWith(`': ${refusal}\n`), `${result.stderr} is not ${refusal}`);
      assert.equal(result.code, 1);
    }
    return result;
  }

  for (const { code, what, has, nearly, bad = [], nearlyBad = [], unsaid } of sampled(openingCases, 48)) {
    it(`${code}: ${what}`, async () => {
      const { findings } = await openImage(new FailingStorage(has().toStorage(), bad));
      const found = findings.find((one) => one.code === code);
      assert(found);
      const path = await write(has());
      const { stderr } = await sameRefusal(path, findings, bad);
      const { qemu = '' } = explain(found);
      switch (unsaid === undefined ? findingTexts[code].verdict : 'silent') {
        case 'refuses':
          assert(stderr.endsWith(`': ${qemu}\n`), `${stderr} is not ${qemu}`);
          break;
        case 'refuses-io':
          assert.equal((await inputOutput(path, '-r')).stderr, `qemu-io: can't open device ${path}: ${qemu}\n`);
          break;
        case 'refuses-write':
          assert.equal((await inputOutput(path, '-r')).stderr, '');
          assert.equal((await inputOutput(path)).stderr, `qemu-io: can't open device ${path}: ${qemu}\n`);
          break;
        case 'warns':
          assert(stderr.includes(qemu), stderr);
          break;
        case 'silent':
          break;
      }
      const almost = await openImage(new FailingStorage(nearly().toStorage(), nearlyBad));
      await sameRefusal(await write(nearly()), almost.findings, nearlyBad);
    });
  }

  for (const { what, image, message } of unloadableBitmapCases) {
    it(`a bitmap whose table has ${what}`, async () => {
      const path = await write(image());
      const { code, stderr } = await info(path, []);
      assert.equal(code, message === undefined ? 0 : 1);
      assert(stderr.endsWith(message === undefined ? '' : `': ${message}\n`), stderr);
    });
  }
});
