import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Locks, locksOn, parseLocks, useOf } from '../../src/platform/locks.ts';
import { ImageBuilder } from '../support/builder.ts';

/** As Linux 6 lists them while qemu-io has an image open for writing, and another file is locked. */
const listed = `1: OFDLCK ADVISORY  READ -1 fe:00:2187627 203 203
2: OFDLCK ADVISORY  READ -1 fe:00:2187627 201 201
3: OFDLCK ADVISORY  READ -1 fe:00:2187627 103 103
4: OFDLCK ADVISORY  READ -1 fe:00:2187627 100 101
5: -> OFDLCK ADVISORY  WRITE -1 fe:00:2187627 0 0
6: FLOCK  ADVISORY  WRITE 812 00:19:1094 0 EOF
7: POSIX  ADVISORY  WRITE 733 00:19:1093 0 EOF
`;

describe('the locks on a file', () => {
  it('are read from the kernel’s list, but for those that are waited for', () => {
    const locks = parseLocks(listed);
    assert.deepEqual(
      locks.map(({ from, to }) => [from, to]),
      [
        [203, 203],
        [201, 201],
        [103, 103],
        [100, 101],
        [0, Number.POSITIVE_INFINITY],
      ],
    );
    assert.deepEqual(locks[4], { file: '00:19:1093', pid: 733, from: 0, to: Number.POSITIVE_INFINITY });
    assert.deepEqual(parseLocks('pos:\t0\nlock:\t1: OFDLCK ADVISORY  READ -1 fe:00:7 100 101\n'), [
      { file: 'fe:00:7', pid: -1, from: 100, to: 101 },
    ]);
  });

  it('tell by QEMU’s bytes what their holder does', () => {
    const [, , , writer] = parseLocks(listed);
    const at = (from: number, to: number) => ({ file: '', pid: -1, from, to });
    assert.ok(writer);
    assert.equal(useOf([writer]), 'writes');
    assert.equal(useOf([at(100, 100), at(201, 201), at(203, 203)]), 'reads');
    assert.equal(useOf([at(0, Number.POSITIVE_INFINITY)]), 'other');
  });
});

describe('the locks of a running QEMU', function () {
  this.timeout(60_000);
  let folder: string;
  let path: string;
  let look: () => Promise<Locks>;
  const running: ChildProcess[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-locks-'));
    path = join(folder, 'held.qcow2');
    writeFileSync(path, new ImageBuilder().toBytes());
    look = locksOn(path);
  });
  afterEach(async () => {
    for (const child of running.splice(0)) {
      const gone = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit');
      child.stdin?.end();
      child.kill();
      await gone;
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  /** qemu-io with the image open, until its input ends. */
  const hold = (...options: string[]): number => {
    const child = spawn('qemu-io', [...options, path], { stdio: ['pipe', 'ignore', 'inherit'] });
    running.push(child);
    return child.pid ?? 0;
  };

  const until = async (wanted: (locks: Locks) => boolean): Promise<Locks> => {
    const started = Date.now();
    for (;;) {
      const locks = await look();
      if (wanted(locks)) {
        return locks;
      }
      // Ends before the test does: a test that is given up must not go on.
      assert.ok(Date.now() - started < 50_000, JSON.stringify(locks));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  // The locks are taken one by one while the image is opened.
  const complete = (use: string) => (locks: Locks) => locks.state === 'held' && locks.holders[0]?.use === use;

  it('are none when nobody has it open', async () => {
    assert.deepEqual(await look(), { state: 'free' });
  });

  it('name the process that writes to it, until it ends', async () => {
    const pid = hold();
    const locks = await until(complete('writes'));
    assert.deepEqual(locks, {
      state: 'held',
      holders: [{ pid, name: 'qemu-io', use: 'writes' }],
      unseen: undefined,
    });
    running[0]?.stdin?.end();
    await until(({ state }) => state === 'free');
  });

  it('name another process that has taken the place of the one before', async () => {
    hold();
    await until(complete('writes'));
    const first = running[0];
    const gone = new Promise((resolve) => first?.once('exit', resolve));
    first?.stdin?.end();
    await gone;
    const pid = hold();
    const locks = await until(complete('writes'));
    assert.equal(locks.state === 'held' && locks.holders[0]?.pid, pid);
  });

  it('name all who read it', async () => {
    const pids = [hold('-r'), hold('-r')];
    const locks = await until((one) => one.state === 'held' && one.holders.length === 2);
    assert.ok(locks.state === 'held');
    const byPid = (a: number, b: number) => a - b;
    assert.deepEqual(locks.holders.map(({ pid }) => pid).sort(byPid), pids.sort(byPid));
    assert.ok(locks.holders.every(({ use }) => use === 'reads'));
  });

  it('are not known of a file that is not there', async () => {
    const locks = await locksOn(join(folder, 'none.qcow2'))();
    assert.ok(locks.state === 'unknown');
    assert.match(locks.message, /ENOENT/);
  });
});
