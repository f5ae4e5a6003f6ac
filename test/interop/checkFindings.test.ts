import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ajv } from 'ajv';
import { copied, ImageBuilder } from '../support/builder.ts';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** What `--findings` prints as JSON, as far as it is looked at here. */
interface Printed {
  readonly corruptions?: number;
  readonly leaks?: number;
  readonly filename: string;
  readonly 'additional-findings': number;
  readonly 'qemu-refuses'?: string;
  readonly findings: readonly {
    readonly code: string;
    readonly severity: string;
    readonly additional: boolean;
    readonly chain: string;
    readonly host?: { readonly offset: number; readonly length: number };
    readonly guest?: { readonly offset: number; readonly length: number };
    readonly qemu?: string;
  }[];
}

/** A sound image with an L2 table at cluster 4 and data at 5 and 6. */
function sound(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder(values);
  image.l1(0, copied | image.at(4));
  image.entry(4, 0, copied | image.at(5)).entry(4, 1, copied | image.at(6));
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 1).truncate(image.at(8));
}

describe('qcow2 check --findings', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-check-findings-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function file(image: ImageBuilder, name = 'image.qcow2'): string {
    const path = join(folder, name);
    writeFileSync(path, image.toBytes());
    return path;
  }

  async function printed(path: string, ...args: string[]): Promise<Printed & { readonly exit: number | null }> {
    const { stdout, code } = await runQcow2(['check', '--findings', '--output=json', ...args, path]);
    return { ...JSON.parse(stdout), exit: code };
  }

  it('has qemu-img’s numbers, and each finding with its place and its words', async () => {
    const path = file(sound().refcount(6, 0).refcount(7, 1));
    const qemu = await runProgram('qemu-img', ['check', '--output=json', path]);
    const { findings, exit, ...ours } = await printed(path);
    for (const [name, value] of Object.entries(JSON.parse(qemu.stdout))) {
      assert.equal(ours[name as keyof typeof ours], value, name);
    }
    assert.equal(exit, qemu.code);
    assert.deepEqual(
      findings.map(({ code, chain, host }) => [code, chain, host?.offset]),
      [
        ['refcount-too-low', 'L1[0] -> L2[1]', 6 * 65536],
        ['copied-wrong', 'L1[0] -> L2[1]', 4 * 65536 + 8],
        ['cluster-leaked', 'cluster 7', 7 * 65536],
      ],
    );
    // Every message of qemu-img's is in one of them.
    for (const line of qemu.stderr.trim().split('\n')) {
      assert.ok(
        findings.some((one) => one.qemu === line),
        line,
      );
    }
  });

  it('exits as for a corruption where only that is wrong which qemu-img does not count', async () => {
    const path = file(sound().entry(4, 2, 1n).header({ version: 2 }));
    const { findings, exit, ...counts } = await printed(path);
    assert.equal((await runProgram('qemu-img', ['check', path])).code, 0);
    assert.equal(exit, 2);
    assert.equal(counts['additional-findings'], 1);
    assert.deepEqual(
      findings.map(({ code, additional }) => [code, additional]),
      [['l2-zero-in-version-2', true]],
    );
  });

  it('goes on with an image that QEMU refuses, says why it does, and exits as qemu-img', async () => {
    const path = file(sound({ incompatible_features: 1n << 60n }).refcount(7, 1));
    const plain = await runQcow2(['check', path]);
    const { exit, leaks, ...rest } = await printed(path);
    assert.equal(exit, plain.code);
    assert.equal(leaks, 1);
    assert.ok(plain.stderr.endsWith(`: ${rest['qemu-refuses']}\n`), plain.stderr);
    assert.deepEqual(
      rest.findings.map(({ code }) => code),
      ['incompatible-feature-unknown', 'cluster-leaked'],
    );
  });

  it('tells people the same, group by group', async () => {
    const { stdout, code } = await runQcow2(['check', '--findings', file(sound().refcount(7, 1))]);
    assert.equal(code, 3);
    assert.match(stdout, /^\n1 leaked clusters were found on the image\.\n/);
    assert.match(stdout, /\nleak \[cluster-leaked\]: 1\n {2}meaning {2}The space is not given back/);
    assert.match(stdout, /\n {4}cluster 7, file 0x70000 \+ 0x10000: 1 cluster from 0x7_0000 on/);
    assert.match(stdout, /\nFindings: 1, of which qemu-img check does not count 0 that matter\n$/);
  });

  it('says nothing with -q, and refuses a repair at the same time', async () => {
    const path = file(sound().refcount(7, 1));
    assert.deepEqual(await runQcow2(['check', '-q', '--findings', path]), { code: 3, stdout: '', stderr: '' });
    const both = await runQcow2(['check', '--findings', '-r', 'leaks', path]);
    assert.deepEqual([both.code, both.stdout], [1, '']);
    assert.match(both.stderr, /repair first/);
  });

  it('leaves the output without it as it was', async () => {
    const path = file(sound().entry(4, 2, 1n).header({ version: 2 }));
    for (const output of ['human', 'json']) {
      const qemu = await runProgram('qemu-img', ['check', `--output=${output}`, path]);
      assert.deepEqual(await runQcow2(['check', `--output=${output}`, path]), qemu);
    }
  });

  describe('--output=sarif', () => {
    /** SARIF 2.1.0, as SchemaStore has it (rtm.5; draft 4, whose `id` ajv does not know). */
    const {
      id: _id,
      $schema: _draft,
      ...schema
    } = JSON.parse(
      gunzipSync(readFileSync(new URL('../support/sarif-2.1.0-rtm.5.json.gz', import.meta.url))).toString(),
    );
    const uri = /^[a-z][a-z0-9+.-]*:/i;
    const validate = new Ajv({
      strict: false,
      unicodeRegExp: false,
      formats: { uri, 'uri-reference': /^[^\s\\]*$/, 'date-time': true },
    }).compile(schema);

    it('is valid, with a rule for each code and a region for each finding', async () => {
      const image = sound({ size: (1 << 20) + 7 })
        .refcount(6, 0)
        .refcount(7, 1)
        .entry(4, 2, 1n << 56n);
      const { stdout, code } = await runQcow2(['check', '--output=sarif', file(image, 'an image.qcow2')]);
      const log = JSON.parse(stdout);
      assert.equal(validate(log), true, JSON.stringify(validate.errors));
      assert.equal(code, 2);
      const [run] = log.runs;
      for (const { ruleId, ruleIndex, locations } of run.results) {
        assert.equal(run.tool.driver.rules[ruleIndex].id, ruleId);
        assert.match(locations[0].physicalLocation.artifactLocation.uri, /^file:.*\/an%20image\.qcow2$/);
      }
      const leak = run.results.find((one: { ruleId: string }) => one.ruleId === 'cluster-leaked');
      assert.equal(leak.level, 'warning');
      assert.deepEqual(leak.locations[0].physicalLocation.region, { byteOffset: 7 * 65536, byteLength: 65536 });
      assert.deepEqual(run.invocations, [{ executionSuccessful: true, exitCode: 2 }]);
    });

    it('is valid for an image that QEMU refuses, and says so', async () => {
      const path = file(sound({ incompatible_features: 1n << 60n }));
      const log = JSON.parse((await runQcow2(['check', '--output=sarif', path])).stdout);
      assert.equal(validate(log), true, JSON.stringify(validate.errors));
      const [invocation] = log.runs[0].invocations;
      assert.equal(invocation.executionSuccessful, false);
      assert.match(invocation.toolExecutionNotifications[0].message.text, /Unsupported qcow2 feature/);
    });

    it('is judged by a schema that refuses a result without a message', () => {
      assert.equal(validate({ version: '2.1.0', runs: [{ tool: { driver: { name: 'x' } }, results: [{}] }] }), false);
    });
  });

  it('finds with --deep compressed data that does not decompress, which qemu-img check calls clean', async () => {
    const path = join(folder, 'compressed.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', path, '1M']);
    assert.equal((await runProgram('qemu-io', ['-c', 'write -c -P 3 64k 64k', path])).code, 0);
    assert.equal((await runQcow2(['check', '--deep', path])).code, 0);
    // Its data begins at cluster 5, behind the L2 table.
    const bytes = readFileSync(path);
    bytes.fill(0xff, 5 * 65536, 5 * 65536 + 16);
    writeFileSync(path, bytes);
    assert.equal((await runProgram('qemu-img', ['check', path])).code, 0);
    assert.notEqual((await runProgram('qemu-io', ['-r', '-c', 'read -P 3 64k 64k', path])).code, 0);
    assert.equal((await printed(path)).exit, 0);
    const { findings, exit } = await printed(path, '--deep');
    assert.equal(exit, 2);
    assert.deepEqual(
      findings.map(({ code, guest }) => [code, guest]),
      [['compressed-undecodable', { offset: 65536, length: 65536 }]],
    );
  });

  it('agrees with qemu-img about an image that it made, with snapshots, compressed data and bitmaps', async () => {
    const path = join(folder, 'made.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', path, '8M']);
    assert.equal((await runProgram('qemu-io', ['-c', 'write 0 1M', '-c', 'write -c 2M 64k', path])).code, 0);
    await qemuImg(['snapshot', '-c', 'one', path]);
    assert.equal((await runProgram('qemu-io', ['-c', 'write 512k 1M', path])).code, 0);
    await qemuImg(['bitmap', '--add', path, 'bitmap']);
    const { findings, exit, ...counts } = await printed(path);
    assert.deepEqual(findings, []);
    assert.equal(exit, 0);
    assert.equal(counts['additional-findings'], 0);
  });
});
