import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

const cluster = 65536;

/** The parts of `check --findings --output=json` that are looked at here. */
interface Printed {
  readonly 'additional-findings': number;
  readonly findings: readonly {
    readonly code: string;
    readonly chain: string;
    readonly guest?: { readonly offset: number };
  }[];
  readonly causes: readonly { readonly code: string; readonly chain: string }[];
}

/** What qemu-img check does not see, or launders with -r all: each of an image that qemu-img made. */
describe('qcow2 check --findings, where qemu-img check is not to be trusted:', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-check-dangers-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A disk of 4 MiB with 1 MiB of data: refcount block at cluster 2, L1 table at 3, L2 table at 4, data from 5 on. */
  async function written(...options: string[]): Promise<string> {
    const path = join(folder, 'disk.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', ...options, path, '4M']);
    assert.equal((await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 1M', path])).code, 0);
    return path;
  }

  function patch(path: string, at: number, value: bigint): void {
    const bytes = readFileSync(path);
    bytes.writeBigUInt64BE(value, at);
    writeFileSync(path, bytes);
  }

  async function checked(path: string): Promise<Printed & { readonly exit: number | null }> {
    const { stdout, code } = await runQcow2(['check', '--findings', '--output=json', path]);
    return { ...JSON.parse(stdout), exit: code };
  }

  async function qemuCode(path: string, ...args: string[]): Promise<number | null> {
    return (await runProgram('qemu-img', ['check', ...args, path])).code;
  }

  it('two guest clusters on one host cluster, which -r all calls clean (danger 3)', async () => {
    const path = await written();
    patch(path, 4 * cluster + 8 * 8, (1n << 63n) | BigInt(5 * cluster));
    await qemuCode(path, '-r', 'all');
    assert.equal(await qemuCode(path), 0);
    const { exit, findings } = await checked(path);
    assert.equal(exit, 2);
    assert.deepEqual(
      findings.map(({ code, chain, guest }) => [code, chain, guest?.offset]),
      [['cluster-shared', 'L1[0] -> L2[8]', 8 * cluster]],
    );
  });

  for (const [what, target] of [
    ['the L1 table', 3],
    ['a refcount block', 2],
  ] as const) {
    it(`data that is ${what}, which -r all calls clean (danger 4)`, async () => {
      const path = await written();
      patch(path, 4 * cluster, (1n << 63n) | BigInt(target * cluster));
      const { exit, findings } = await checked(path);
      assert.equal(exit, 2);
      await qemuCode(path, '-r', 'all');
      assert.equal(await qemuCode(path), 0);
      const found = findings.filter(({ code }) => code === 'clusters-overlap');
      assert.deepEqual(
        found.map(({ chain, guest }) => [chain, guest?.offset]),
        [['L1[0] -> L2[0]', 0]],
      );
    });
  }

  it('refcounts past the end of the file, which are not compared (danger 5)', async () => {
    const path = await written();
    patch(path, 2 * cluster + 2 * 1000, 0x0001_0000_0000_0000n);
    assert.equal(await qemuCode(path), 0);
    const { exit, findings } = await checked(path);
    assert.equal(exit, 3);
    assert.deepEqual(
      findings.map(({ code, chain }) => [code, chain]),
      [['refcount-past-end', 'refcount_table[0] -> refcount[1000]']],
    );
  });

  it('a zero cluster in version 2, which can’t be read (danger 6)', async () => {
    const path = await written('-o', 'compat=0.10');
    patch(path, 4 * cluster + 20 * 8, 1n);
    assert.equal(await qemuCode(path), 0);
    const { exit, findings, ...counts } = await checked(path);
    assert.deepEqual([exit, counts['additional-findings']], [2, 1]);
    assert.deepEqual(
      findings.map(({ code, guest }) => [code, guest?.offset]),
      [['l2-zero-in-version-2', 20 * cluster]],
    );
  });

  it('leaks behind a damaged l1_table_offset, which -r leaks frees with all data (danger 1)', async () => {
    const path = await written();
    patch(path, 40, BigInt(64 * cluster));
    const { causes } = await checked(path);
    assert.deepEqual(
      causes.map(({ code, chain }) => [code, chain]),
      [['cause-lost-table', 'cluster 3']],
    );
  });

  it('leaks behind a damaged L1 table of a snapshot, which -r leaks frees with its data (danger 2)', async () => {
    const path = await written();
    await qemuImg(['snapshot', '-c', 'one', path]);
    assert.equal((await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 8 0 1M', path])).code, 0);
    const table = Number(readFileSync(path).readBigUInt64BE(64));
    const l1 = readFileSync(path).readBigUInt64BE(table);
    patch(path, table, l1 + 512n);
    const { causes, findings } = await checked(path);
    assert.ok(findings.some(({ code }) => code === 'snapshot-l1-offset-invalid'));
    // Its L2 table, which the disk has left, and which its L1 table behind it leads to.
    assert.deepEqual(
      causes.map(({ code, chain }) => [code, chain]),
      [['cause-lost-table', 'cluster 4']],
    );
  });
});
