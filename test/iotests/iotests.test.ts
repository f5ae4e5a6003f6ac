import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache.ts';
import type { ProgramResult } from '../support/programs.ts';
import { runProgram } from '../support/qemu.ts';
import { listed } from './listed.ts';

const main = join(import.meta.dirname, 'main.ts');
const iotests = (...words: readonly string[]): Promise<ProgramResult> => runProgram(process.execPath, [main, ...words]);

/** Those of `listed.ts` that take a few seconds; together they call for every option that the list calls for. */
const quick = ['009', '012', '035', '065', '107', '111', '126', '290'];

describe("QEMU's own tests", function () {
  this.timeout(300_000);
  let ended: ProgramResult;
  let folder = '';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'iotests-'));
    ended = await iotests(...quick);
  });

  after(() => rmSync(folder, { recursive: true }));

  /** A program to take qemu-img's place. */
  function script(text: string): string {
    const path = join(folder, 'program');
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  }

  for (const name of quick) {
    const about = listed.find(([one]) => one === name)?.[1];
    it(`${name} passes with our command in qemu-img's place: ${about}`, () => {
      assert.match(ended.stdout, new RegExp(`^${name} +pass `, 'm'), ended.stdout + ended.stderr);
    });
  }

  it('have passed when all have', () => {
    assert.match(ended.stdout, new RegExp(`\\n${quick.length} passed, 0 failed, 0 skipped\\n$`));
    assert.equal(ended.code, 0);
  });

  it('tell a program that answers otherwise, and keep what it said', async () => {
    const { code, stdout } = await iotests('--program', '/bin/true', '111');
    assert.equal(code, 1);
    assert.match(stdout, /^111 +fail .* other output$/m);
    assert.match(stdout, /\n0 passed, 1 failed, 0 skipped\n$/);
    const log = readFileSync(join(cacheFolder, 'iotests/111.log'), 'utf8');
    assert.match(log, /^-Could not open backing image\.$/m);
  });

  // 293 is for LUKS, which the program has to know.
  it('have not passed when they skip themselves', async () => {
    const { code, stdout } = await iotests('--program', '/bin/false', '293');
    assert.equal(code, 1);
    assert.match(stdout, /\n0 passed, 0 failed, 1 skipped\n$/);
  });

  it('find out a program that calls the qemu-img of the system', async () => {
    const { code, stdout } = await iotests('--program', script('exec /usr/bin/qemu-img "$@"'), '012');
    assert.equal(code, 1);
    assert.match(stdout, /^012 +fail /m);
  });

  it('end a test that takes too long, with all that it has started', async () => {
    const program = script('setsid sleep 54321.5 &\nsleep 54321.5');
    const { code, stdout } = await iotests('--timeout', '3', '--program', program, '012');
    assert.equal(code, 1);
    assert.match(stdout, /^012 +fail .* took too long$/m);
    const running = await runProgram('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null']);
    assert.doesNotMatch(running.stdout, /54321\.5/);
  });
});
