import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locksOn } from '../../src/platform/locks.ts';
import { CallFailed } from '../../src/protocol/client.ts';
import { type ChangeThread, startChangeThread } from '../../src/worker/changeThread.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { qemuImg } from '../support/qemu.ts';

const entry = join(import.meta.dirname, '../../src/worker/changeMain.ts');
const rebase = { verb: 'rebase', backing: { name: 'base.raw', format: 'raw' } } as const;
const rollBack = { verb: 'roll-back' } as const;

/** The code of the error with which a call fails, and its message. */
async function refusal(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof CallFailed, String(error));
    return { code: error.code, message: error.message };
  }
  throw new assert.AssertionError({ message: 'The call did not fail' });
}

describe('the thread that changes an image', function () {
  this.timeout(20_000);
  let folder: string;
  let path: string;
  let before: Buffer;
  let thread: ChangeThread;
  const defects: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    path = join(folder, 'disk.qcow2');
    const image = new ImageBuilder({ size: 8n * 65536n });
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .put(image.at(5), 'guest data');
    image.refcount(4, 1).refcount(5, 1).truncate(image.at(6));
    before = Buffer.from(image.toBytes());
    writeFileSync(path, before);
    thread = startChangeThread(entry, path, (defect) => defects.push(defect));
  });
  afterEach(async () => {
    await thread.stop();
    rmSync(folder, { recursive: true });
    assert.deepEqual(defects.splice(0), []);
  });

  it('plans without writing, and says what would be written', async () => {
    const plan = await thread.call('plan', { request: rebase });
    assert.equal(plan.title, 'Rebase (names only)');
    assert.deepEqual(plan.obstacles, []);
    assert.equal(plan.locks, true);
    assert.equal(plan.rollsBack, false);
    assert.equal(plan.journal, `${path}.undo-journal`);
    assert.equal(plan.sizeBefore, plan.sizeAfter);
    const fields = plan.steps.flatMap(({ writes }) => writes.flatMap((write) => write.fields));
    assert.ok(fields.some(({ name, before: old, after }) => name === 'backing_file_size' && old !== after));
    assert.ok(plan.seconds > 0 && plan.seconds < 5);
    assert.deepEqual(readFileSync(path), before);
    assert.ok(!existsSync(plan.journal));
  });

  it('has nothing to apply where the image is as it is wanted', async () => {
    const refused = await refusal(thread.call('plan', { request: { verb: 'amend', compat: '1.1' } }));
    assert.match(refused.message, /nothing to change: the image is as it is wanted already/);
  });

  it('gives all bytes of a write, of which the plan has the first line that changes', async () => {
    const plan = await thread.call('plan', { request: rebase });
    const [write] = plan.steps[0]?.writes ?? [];
    assert.ok(write);
    const bytes = await thread.call('bytes', { step: 0, write: 0 });
    const from = Number(write.line.at - write.at);
    assert.deepEqual(write.line.after, bytes.after.subarray(from, from + 16));
    assert.notDeepEqual(write.line.after, write.line.before);
    assert.equal(bytes.after.length, write.length);
    assert.equal((await refusal(thread.call('bytes', { step: 9, write: 0 }))).code, 'bad-argument');
  });

  it('applies what was planned, and puts it back to the byte', async () => {
    await thread.call('plan', { request: rebase });
    await thread.call('apply', { keepUndo: true });
    const info = JSON.parse(await qemuImg(['info', '--output=json', path]));
    assert.equal(info['backing-filename'], 'base.raw');
    assert.deepEqual(await thread.call('journal', {}), { state: 'finished', title: 'Rebase (names only)' });
    const undo = await thread.call('plan', { request: rollBack });
    assert.equal(undo.title, 'Undo “Rebase (names only)”');
    assert.equal(undo.rollsBack, true);
    assert.deepEqual(undo.cautions, []);
    await thread.call('apply', { keepUndo: true });
    assert.deepEqual(readFileSync(path), before);
    assert.deepEqual(await thread.call('journal', {}), { state: 'none' });
    assert.equal((await refusal(thread.call('plan', { request: rollBack }))).code, 'not-found');
  });

  it('says of an image that has gone since it was planned that it has gone', async () => {
    await thread.call('plan', { request: rebase });
    rmSync(path);
    const refused = await refusal(thread.call('apply', { keepUndo: true }));
    assert.match(refused.message, /disk\.qcow2 for writing: ENOENT\. There is no such file/);
  });

  it('leaves no journal where nobody wants to undo', async () => {
    await thread.call('plan', { request: rebase });
    await thread.call('apply', { keepUndo: false });
    assert.deepEqual(await thread.call('journal', {}), { state: 'none' });
    assert.ok(!existsSync(`${path}.undo-journal`));
  });

  it('applies a plan to nothing but the file that it was made for', async () => {
    await thread.call('plan', { request: rebase });
    const other = Buffer.concat([before, Buffer.alloc(512)]);
    writeFileSync(path, other);
    assert.equal((await refusal(thread.call('apply', { keepUndo: true }))).code, 'changed-since');
    assert.deepEqual(readFileSync(path), other);
    assert.ok(!existsSync(`${path}.undo-journal`));
    assert.equal((await refusal(thread.call('apply', { keepUndo: true }))).code, 'not-found');
  });

  it('says of an undo what was written since, and how the image is now', async () => {
    await thread.call('plan', { request: rebase });
    await thread.call('apply', { keepUndo: true });
    const now = readFileSync(path);
    now.write('other data', 5 * 65536);
    writeFileSync(path, now);
    const { cautions } = await thread.call('plan', { request: rollBack });
    assert.match(cautions.join('\n'), /written since the change.*\nAs it is now, the image has no corruption\./);
  });

  it('refuses what an interrupted change has left, until it is rolled back', async () => {
    await thread.call('plan', { request: rebase });
    await thread.call('apply', { keepUndo: true });
    // Without its completion, the journal is that of a change that was interrupted.
    const journal = readFileSync(`${path}.undo-journal`);
    writeFileSync(`${path}.undo-journal`, journal.fill(0, 512, 1024));
    assert.deepEqual(await thread.call('journal', {}), { state: 'interrupted', title: 'Rebase (names only)' });
    const refused = await refusal(thread.call('plan', { request: rebase }));
    assert.equal(refused.code, 'journal-exists');
    assert.match(refused.message, /“Rebase \(names only\)”.*Roll it back first/);
    const plan = await thread.call('plan', { request: rollBack });
    assert.equal(plan.title, 'Roll back the interrupted “Rebase (names only)”');
    await thread.call('apply', { keepUndo: true });
    assert.deepEqual(readFileSync(path), before);
    await thread.call('plan', { request: rebase });
  });

  it('puts the journal beside the file, by whichever link it was opened, or where the user wants it', async () => {
    const link = join(folder, 'link.qcow2');
    symlinkSync(path, link);
    const byLink = startChangeThread(entry, link, (defect) => defects.push(defect));
    assert.equal((await byLink.call('plan', { request: rebase })).journal, `${path}.undo-journal`);
    await byLink.stop();
    const journal = join(folder, 'elsewhere');
    assert.equal((await thread.call('plan', { request: rebase, journal })).journal, journal);
    await thread.call('apply', { keepUndo: true });
    assert.equal((await thread.call('journal', { journal })).state, 'finished');
    assert.equal((await thread.call('journal', {})).state, 'none');
    await thread.call('plan', { request: rollBack, journal });
    await thread.call('apply', { keepUndo: true });
    assert.deepEqual(readFileSync(path), before);
  });

  it('says in the plan that no journal can lie where it should', async () => {
    const { obstacles } = await thread.call('plan', { request: rebase, journal: join(folder, 'no/such/journal') });
    assert.match(obstacles.join(' '), /rollback journal.*The folder is not there/);
  });

  it('settles what is asked of it after its end', async () => {
    await thread.stop();
    assert.equal((await refusal(thread.call('journal', {}))).code, 'stopped');
  });

  describe('while a QEMU has the image open', () => {
    let child: ChildProcess;

    beforeEach(async () => {
      child = spawn('qemu-io', [path], { stdio: ['pipe', 'ignore', 'inherit'] });
      const locks = locksOn(path);
      while ((await locks()).state !== 'held') {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    afterEach(() => {
      child.kill();
    });

    it('plans, says who has it, and refuses to apply', async () => {
      const { obstacles } = await thread.call('plan', { request: rebase });
      assert.match(obstacles.join(' '), new RegExp(`qemu-io \\(pid ${child.pid}\\)`));
      assert.equal((await refusal(thread.call('apply', { keepUndo: true }))).code, 'in-use');
      assert.deepEqual(readFileSync(path), before);
    });
  });
});
