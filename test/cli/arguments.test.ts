import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usageOf } from '../../src/cli/usages.ts';
import { notYet, verbs } from '../../src/cli/verbs.ts';
import { ImageBuilder } from '../support/builder.ts';
import { cliFile, runCli, startCli } from './runCli.ts';

const tryHelp = "Try 'qcow2 --help' for more information\n";

describe('the command line qcow2', function () {
  this.timeout(60_000);
  let folder = '';
  let image = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arguments-'));
    image = join(folder, 'image.qcow2');
    await writeFile(image, new ImageBuilder().toBytes());
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it('wants a verb', () => {
    assert.deepEqual(runCli([]), { code: 1, out: '', err: `qcow2: Not enough arguments\n${tryHelp}` });
    assert.deepEqual(runCli(['frob']), { code: 1, out: '', err: `qcow2: Command not found: frob\n${tryHelp}` });
    assert.deepEqual(runCli(['--frob']), { code: 1, out: '', err: `qcow2: unrecognized option '--frob'\n${tryHelp}` });
  });

  // qemu-img takes any bytes. Node gives the command other ones, which must not become a name in an image.
  it('refuses an argument that is not UTF-8, and changes nothing', async function () {
    if (process.platform !== 'linux') {
      this.skip();
    }
    const before = await readFile(image);
    const words = `"${process.execPath}" "${cliFile}" snapshot -c "$(printf 'caf\\351')" "${image}"`;
    const { status, stderr } = spawnSync('sh', ['-c', words]);
    assert.equal(status, 1);
    assert.ok(stderr.includes(Buffer.from("qcow2: the argument 'caf\xe9' is not UTF-8", 'latin1')), String(stderr));
    assert.deepEqual(await readFile(image), before);
    assert.equal(runCli(['snapshot', '-c', 'caf\u{fffd}', image]).code, 0);
    await writeFile(image, before);
  });

  it('says of qemu-img’s other verbs that they are not there yet', () => {
    assert.ok(notYet.includes('convert') && notYet.includes('commit'));
    const { code, out, err } = runCli(['convert', image, 'x']);
    assert.deepEqual([code, out, err], [1, '', "qcow2: the verb 'convert' is not there yet\n"]);
  });

  it('has help and a version', () => {
    for (const word of ['--help', '-h', 'help']) {
      const { code, out, err } = runCli([word]);
      assert.deepEqual([code, err], [0, '']);
      for (const { name } of verbs) {
        assert.ok(out.includes(`  ${usageOf(name)}\n`), out);
      }
    }
    for (const word of ['--version', '-V']) {
      const { code, out } = runCli([word]);
      assert.equal(code, 0);
      assert.match(out, /^qcow2 version \d+\.\d+\.\d+\n/);
    }
  });

  it('says in the help what the verbs do, with the marks of the language', () => {
    assert.match(runCli(['--help']).out, /with qemu-img’s counts/);
  });

  for (const { name } of verbs) {
    describe(name, () => {
      it('has help', () => {
        const { code, out, err } = runCli([name, '--help']);
        assert.deepEqual([code, err], [0, '']);
        assert.ok(out.startsWith(`usage: qcow2 ${name} `), out);
        const [first = ''] = out.split('\n');
        assert.ok(runCli(['--help']).out.includes(`\n  ${first.replace('usage: ', '')}\n`), first);
      });
    });
  }

  for (const name of ['info', 'map', 'dump']) {
    describe(`${name}, which looks at an image,`, () => {
      it('wants one file', () => {
        const err = `qcow2: Expecting one image file name\n${tryHelp}`;
        assert.deepEqual(runCli([name]), { code: 1, out: '', err });
        assert.deepEqual(runCli([name, image, image]), { code: 1, out: '', err });
      });

      it('refuses options that it does not know, and output that is neither human nor json', () => {
        const unknown = { code: 1, out: '', err: `qcow2: unrecognized option '--frob'\n${tryHelp}` };
        assert.deepEqual(runCli([name, '--frob', image]), unknown);
        const { code, out, err } = runCli([name, '--output=xml', image]);
        assert.deepEqual([code, out], [1, '']);
        assert.match(err, /^qcow2: --output must be used with human or json as argument\.\n/);
      });

      it('says that a file is missing, or is a folder', () => {
        const missing = runCli([name, join(folder, 'missing.qcow2')]);
        assert.deepEqual([missing.code, missing.out], [1, '']);
        assert.match(missing.err, /^qcow2: .*missing\.qcow2.*[Nn]o such file.*\n$/);
        const inFolder = runCli([name, folder]);
        assert.deepEqual([inFolder.code, inFolder.out], [1, '']);
        assert.match(inFolder.err, /^qcow2: .*(folder|regular file).*\n$/);
      });

      it('takes -U and --no-backing, and options after the file', () => {
        const { code, err, out } = runCli([name, '-U', image, '--no-backing', '--output', 'json']);
        assert.deepEqual([code, err], [0, '']);
        assert.ok(JSON.parse(out));
      });
    });
  }

  it('refuses options of qemu-img that are not supported yet by their names', () => {
    const { code, err } = runCli(['info', '--object', 'secret,id=s', image]);
    assert.deepEqual([code, err], [1, `qcow2: option '--object' is not supported yet\n${tryHelp}`]);
  });

  it('run through a link called qemu-img, answers under that name', async () => {
    const link = join(folder, 'qemu-img');
    await symlink(cliFile, link);
    const { code, err } = runCli(['frob'], link);
    assert.deepEqual(
      [code, err],
      [1, "qemu-img: Command not found: frob\nTry 'qemu-img --help' for more information\n"],
    );
    assert.match(runCli(['--version'], link).out, /^qemu-img version /);
  });

  it('ends as a program that SIGPIPE ends when the reader of its output goes away', async () => {
    // Many bytes of unknown extension in hex: more than any pipe holds, so that writing has to fail.
    const large = join(folder, 'large.qcow2');
    const bytes = new Uint8Array((1 << 21) - 256).fill(0x5a);
    await writeFile(large, new ImageBuilder({ cluster_bits: 21 }).extension(0x12345678, bytes).toBytes());
    const child = startCli(['dump', large]);
    const said: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    child.stdout?.once('data', () => child.stdout?.destroy());
    const [code, signal] = await once(child, 'close');
    assert.deepEqual([code, signal, Buffer.concat(said).toString()], [141, null, '']);
  });
});
