import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { aes, createCommands, luks, secret } from './createCommands.ts';
import { difference } from './sameFile.ts';

const cli = resolve('dist/cli.js');

async function prepare(folder: string): Promise<void> {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  await qemuImg(['create', '-q', '-f', 'qcow2', join(folder, 'base.qcow2'), '3M']);
  writeFileSync(join(folder, 'base.raw'), new Uint8Array(1000));
  writeFileSync(join(folder, 'phrase'), 'abc');
  writeFileSync(join(folder, 'base64'), 'YWJj\nYQ==\n');
  writeFileSync(join(folder, 'latin1'), Buffer.from('caf\xe9', 'latin1'));
  writeFileSync(join(folder, 'nul'), 'a\0b');
}

describe('qcow2 create does as qemu-img create, to the byte', function () {
  this.timeout(60_000);
  let root: string;
  let prepared: string;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-create-'));
    prepared = join(root, 'prepared');
    await prepare(prepared);
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, args] of sampled(createCommands, 40).entries()) {
    it(`create ${args.join(' ').slice(0, 100)}`, async () => {
      const [ours, theirs] = [join(root, `${index}-ours`), join(root, `${index}-theirs`)];
      cpSync(prepared, ours, { recursive: true });
      cpSync(prepared, theirs, { recursive: true });
      const [mine, qemus] = await Promise.all([
        runQcow2(['create', ...args], ours),
        runProgram('qemu-img', ['create', ...args], theirs),
      ]);
      // QEMU leaves out the last line's end after some messages.
      const said = mine.stderr
        .replaceAll(/^qcow2:/gm, 'qemu-img:')
        .replaceAll("'qcow2 --", "'qemu-img --")
        .trimEnd();
      assert.deepEqual({ ...mine, stderr: said }, { ...qemus, stderr: qemus.stderr.trimEnd() });
      const names = readdirSync(theirs, { recursive: true, encoding: 'utf8' }).sort();
      assert.deepEqual(readdirSync(ours, { recursive: true, encoding: 'utf8' }).sort(), names);
      for (const name of names.filter((one) => one !== 'sub')) {
        assert.equal(await difference(join(ours, name), join(theirs, name)), undefined, name);
      }
    });
  }

  // qemu-img leaves an empty file behind.
  it('leaves no half file where it fails', async () => {
    const made = join(root, 'half');
    const args = ['create', '-f', 'raw', '-o', 'preallocation=metadata', made, '1000'];
    const { code, stderr } = await runQcow2(args);
    assert.equal(code, 1);
    assert.match(stderr, /Unsupported preallocation mode: metadata/);
    assert.ok(!existsSync(made));
  });

  it('takes away nothing but files where it fails', async () => {
    // As root, a device would be gone for all.
    const pipe = join(root, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const { code, stderr } = await runQcow2(['create', '-q', '-f', 'raw', pipe, '1M'], root);
    assert.deepEqual([code, existsSync(pipe)], [1, true], stderr);
  });

  // qemu-img overwrites it: it compares the names of the image and its backing file alone, as they are written.
  it('never overwrites what the image will be read from, by whatever path it is named', async () => {
    const folder = join(root, 'same');
    await prepare(folder);
    symlinkSync('base.qcow2', join(folder, 'link'));
    const make = ['create', '-q', '-f', 'qcow2'];
    await qemuImg([...make, '-b', 'base.qcow2', '-F', 'qcow2', 'over'], folder);
    await qemuImg([...make, '-o', 'data_file=data', 'split', '1M'], folder);
    const before = ['base.qcow2', 'over', 'split', 'data'].map((name) => readFileSync(join(folder, name)));
    for (const [said, ...args] of [
      ['same filename as the backing file', '-b', 'base.qcow2', '-F', 'qcow2', './base.qcow2'],
      ['same filename as the backing file', '-b', 'base.qcow2', '-F', 'qcow2', '-u', 'link', '1M'],
      ['same filename as the backing file', '-b', 'over', '-F', 'qcow2', 'base.qcow2'],
      ['same filename as the backing file', '-b', 'split', '-F', 'qcow2', 'data'],
      ['the backing file is read from', '-b', 'base.qcow2', '-F', 'qcow2', '-o', 'data_file=base.qcow2', 'a'],
      ['the backing file is read from', '-b', 'over', '-F', 'qcow2', '-o', 'data_file=link', 'a'],
      ['the backing file is read from', '-b', 'split', '-F', 'qcow2', '-o', 'data_file=data', 'a'],
      ['is the image itself', '-o', 'data_file=./over', 'over', '1M'],
      ['is the image itself', '-o', 'data_file=sub/../a', 'a', '1M'],
    ] as const) {
      const { code, stderr } = await runQcow2([...make, ...args], folder);
      assert.deepEqual([code, stderr.includes(said)], [1, true], stderr);
      assert.ok(!existsSync(join(folder, 'a')));
      assert.deepEqual(
        ['base.qcow2', 'over', 'split', 'data'].map((name) => readFileSync(join(folder, name))),
        before,
      );
    }
  });

  it('needs neither the key nor the data file of a backing file, as qemu-img does', async () => {
    const folder = join(root, 'locked');
    await prepare(folder);
    await runQcow2(['create', '-q', '-f', 'qcow2', ...secret, '-o', aes, 'locked', '2M'], folder);
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'data_file=data', 'split', '2M'], folder);
    rmSync(join(folder, 'data'));
    for (const backing of ['locked', 'split']) {
      await qemuImg(['create', '-q', '-f', 'qcow2', '-u', '-b', backing, '-F', 'qcow2', 'over', '2M'], folder);
      for (const below of [backing, 'over']) {
        const args = (name: string): string[] => ['create', '-f', 'qcow2', '-b', below, '-F', 'qcow2', name];
        const mine = await runQcow2(args('ours'), folder);
        assert.deepEqual([mine.code, mine.stderr], [0, '']);
        await qemuImg(args('theirs'), folder);
        assert.equal(await difference(join(folder, 'ours'), join(folder, 'theirs')), undefined);
      }
    }
  });

  // qemu-img empties and deletes it.
  it('leaves a file alone where the image can’t be made', async () => {
    const folder = join(root, 'kept');
    await prepare(folder);
    const before = readFileSync(join(folder, 'base.qcow2'));
    for (const options of ['cluster_size=512', 'data_file=base.qcow2']) {
      const args = ['create', '-f', 'qcow2', '-o', options, 'base.qcow2', '1T'];
      const { code } = await runQcow2(args, folder);
      assert.equal(code, 1);
      assert.deepEqual(readFileSync(join(folder, 'base.qcow2')), before);
    }
  });

  const refused: readonly (readonly [why: string, args: readonly string[], said: RegExp])[] = [
    // qemu-img makes these.
    ['Node has no Serpent', [...secret, '-o', `${luks},encrypt.cipher-alg=serpent-256`], /'serpent-256' not supported/],
    ['Node has no Twofish', [...secret, '-o', `${luks},encrypt.cipher-alg=twofish-128`], /'twofish-128' not supported/],
    [
      'Node has no CAST5',
      [...secret, '-o', `${luks},encrypt.cipher-alg=cast5-128,encrypt.cipher-mode=cbc`],
      /'cast5-128' not supported/,
    ],
    // qemu-img crashes, and leaves half an image.
    [
      'the key material would be no whole sectors',
      [...secret, '-o', `${luks},encrypt.cipher-alg=aes-192,encrypt.cipher-mode=cbc`],
      /'aes-192' not supported in mode 'cbc'.*no whole number of sectors/,
    ],
    // qemu-img takes the pass phrase without its last letters, down to none.
    ['base64 is cut off', ['--object', 'secret,id=s,data=YWJ,format=base64', '-o', aes], /Base64 data is not whole/],
    ['base64 goes on after its end', ['--object', 'secret,id=s,data=YQ==YQ==,format=base64', '-o', aes], /not whole/],
    // qemu-img decrypts such a secret, and ignores `iv` alone.
    ['the secret is encrypted', ['--object', 'secret,id=s,data=YWJj,keyid=k', '-o', aes], /'keyid' is not supported/],
    ['a secret has an iv', ['--object', 'secret,id=s,data=YWJj,iv=k', '-o', aes], /'iv' is not supported/],
    // qemu-img makes the object, though it has no use for it.
    ['an object is no secret', ['--object', 'throttle-group,id=s', '-o', 'compat=v3'], /'throttle-group' is not supp/],
    // The parser's message would quote the secret.
    [
      'JSON is none',
      ['--object', '{"qom-type": "secret", "data": "abc"', '-o', aes],
      /JSON parse error: --object is no/,
    ],
  ];
  for (const [index, [why, args, said]] of refused.entries()) {
    it(`is refused, unlike by qemu-img, where ${why}`, async () => {
      const made = join(root, `refused-${index}`);
      const command = [cli, 'create', '-f', 'qcow2', ...args, made, '1M'];
      const { code, stderr } = await runProgram(process.execPath, command);
      assert.equal(code, 1);
      assert.match(stderr, said);
      assert.ok(!existsSync(made));
    });
  }

  it('refuses a pass phrase that takes longer than its iterations can be counted', async () => {
    const made = join(root, 'long');
    for (const time of ['-1', '9223372036854775807']) {
      const command = [
        cli,
        'create',
        '-q',
        '-f',
        'qcow2',
        ...secret,
        '-o',
        `${luks},encrypt.iter-time=${time}`,
        made,
        '1M',
      ];
      const { code, stderr } = await runProgram(process.execPath, command);
      assert.equal(code, 1);
      assert.match(stderr, /PBKDF iterations \d+ too large to scale: Numerical result out of range/);
      assert.ok(!existsSync(made));
    }
  });

  it('tells what objects there are', async () => {
    for (const [object, said] of [
      ['help', /^List of user creatable objects:\n {2}secret\n$/],
      ['secret,help', /^secret options:\n {2}data=<string>\n/],
    ] as const) {
      const { code, stdout } = await runQcow2(['create', '--object', object]);
      assert.equal(code, 0);
      assert.match(stdout, said);
    }
  });
});
