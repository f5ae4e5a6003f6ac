import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputTo } from '../../src/cli/output.ts';

const module = fileURLToPath(new URL('../../src/cli/output.ts', import.meta.url));

/** A program that writes 4 MiB, and says on stderr how it ended. */
const writer = `
  import { outputTo, ReaderGone } from ${JSON.stringify(module)};
  const out = outputTo(1);
  const chunk = Buffer.alloc(1 << 20, 'x');
  try {
    for (let time = 0; time < 4; time++) out.write(chunk, chunk.length);
    process.stderr.write('done');
  } catch (error) {
    process.stderr.write(error instanceof ReaderGone ? 'reader gone' : String(error));
  }`;

describe('the output', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-output-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('writes byte strings as their bytes', async () => {
    const path = join(folder, 'bytes');
    const fd = openSync(path, 'w');
    outputTo(fd).text('\xff\x00\xe9\n');
    closeSync(fd);
    assert.deepEqual([...(await readFile(path))], [0xff, 0, 0xe9, 0x0a]);
  });

  it('writes the first bytes of a buffer', async () => {
    const path = join(folder, 'part');
    const fd = openSync(path, 'w');
    outputTo(fd).write(Buffer.from('abcdef'), 3);
    closeSync(fd);
    assert.equal(await readFile(path, 'latin1'), 'abc');
  });

  it('sends no control characters of a name to a terminal, where QEMU sends all', async () => {
    const name = '\x1b]0;title\x07\r\x9b31mä\u202e\x7f';
    const shown = async (terminal: boolean): Promise<string> => {
      const path = join(folder, 'terminal');
      const fd = openSync(path, 'w');
      const out = outputTo(fd, terminal);
      out.text(Buffer.from(`image: ${name}\ntwo\n`).toString('latin1'));
      out.text('    (50.00/100%)\r');
      const bytes = Buffer.from(`${name}\nnot written`);
      out.write(bytes, bytes.length - 'not written'.length);
      closeSync(fd);
      return readFile(path, 'utf8');
    };
    const escaped = '\\u{1b}]0;title\\u{7}\\u{d}\\u{9b}31mä\\u{202e}\\u{7f}';
    assert.equal(await shown(true), `image: ${escaped}\ntwo\n    (50.00/100%)\r${escaped}\n`);
    assert.equal(await shown(false), `image: ${name}\ntwo\n    (50.00/100%)\r${name}\n`);
  });

  it('waits for a slow reader of a pipe, and loses nothing', async () => {
    const { bytes, said } = await run(async (stdout) => {
      let read = 0;
      for await (const chunk of stdout) {
        read += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      return read;
    });
    assert.equal(bytes, 4 << 20);
    assert.equal(said, 'done');
  });

  it('tells a reader that went away from a failure', async () => {
    const { said } = await run(async (stdout) => {
      stdout.destroy();
      return 0;
    });
    assert.equal(said, 'reader gone');
  });

  async function run(
    read: (stdout: NodeJS.ReadableStream & { destroy(): void }) => Promise<number>,
  ): Promise<{ bytes: number; said: string }> {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', writer], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const bytes = await read(child.stdout);
    await ended;
    return { bytes, said };
  }
});
