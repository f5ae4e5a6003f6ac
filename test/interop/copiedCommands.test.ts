import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { placeMethods } from '../../src/worker/placeMethods.ts';
import { progressOf } from '../../src/worker/server.ts';
import {
  checkCommand,
  guestCommands,
  hostBytesCommand,
  infoCommand,
  snapshotsCommand,
} from '../../webview/qemuCommands.ts';
import type { Copyable } from '../../webview/widgets/copy.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** A name that no command may take for anything but a name. */
const name = "a 'b' $(touch x) \u202e\n;c.qcow2";

const signal = new AbortController().signal;
const context = { signal, report: () => undefined, progress: progressOf(signal, () => undefined) };

/** Runs a copied command as a person does: in bash. */
async function said([, command]: Copyable): Promise<string> {
  const { code, stdout, stderr } = await runProgram('bash', ['-c', command]);
  assert.equal(code, 0, `${command}: ${stderr}`);
  return stdout;
}

describe('Copied commands', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-copied-'));
    const made = join(folder, 'made.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', made, '4M']);
    await runProgram('qemu-io', ['-c', 'write -P 0xab 64k 64k', '-c', 'write -z 1M 64k', made]);
    await qemuImg(['snapshot', '-c', 'before', made]);
    await runProgram('qemu-io', ['-c', 'write -P 0xcd 64k 4k', made]);
    image = join(folder, name);
    copyFileSync(made, image);
  });

  after(() => rmSync(folder, { recursive: true }));

  it('map and read the guest’s range that is explained, at the host offset that is explained', async () => {
    const storage = await openFile(image);
    try {
      const methods = placeMethods(await openImage(storage));
      const place = await methods.explainGuest({ guest: 65536n }, context);
      const [map, read] = guestCommands({}, image, 65536n, 4096n);
      assert.ok(map && read);
      const [extent] = JSON.parse(await said(map));
      assert.equal(extent.start, 65536);
      assert.equal(extent.length, 4096);
      assert.equal(BigInt(extent.offset), place.host);
      assert.match(await said(read), /^00010000: {2}cd cd cd cd/m);
      const snapshot = await methods.explainGuest({ guest: 65536n, snapshot: 0 }, context);
      assert.notEqual(snapshot.host, place.host);
      assert.match(await said(hostBytesCommand(image, snapshot.host ?? 0n, 16n)), /(?: ab){16}/);
    } finally {
      await storage.close();
    }
  });

  it('show the bytes of a table entry', async () => {
    const storage = await openFile(image);
    try {
      const methods = placeMethods(await openImage(storage));
      for (const request of [
        { table: 'l1', index: 0 },
        { table: 'l2', l1: 0, index: 1 },
        { table: 'l2', l1: 0, index: 16 },
        { table: 'refcount-table', index: 0 },
      ] as const) {
        const entry = await methods.explainEntry(request, context);
        const shown = await said(hostBytesCommand(image, entry.offset, BigInt(entry.bytes.length)));
        const [line = ''] = shown.split('\n');
        assert.equal(line.replace(/^\S+\s+/, '').replaceAll(/\s+/g, ''), entry.decoded.raw);
      }
      const { place, refcount } = await methods.explainRefcount({ host: 0n }, context);
      const shown = await said(hostBytesCommand(image, place?.offset ?? 0n, place?.length ?? 0n));
      assert.match(shown, /^\S+\s+00\s+01\s*$/m);
      assert.equal(refcount, 1);
    } finally {
      await storage.close();
    }
  });

  it('tell of the image as a whole', async () => {
    assert.match(await said(infoCommand(image)), /virtual size: 4 MiB/);
    assert.match(await said(snapshotsCommand(image)), /before/);
    assert.match(await said(checkCommand(image)), /No errors were found/);
  });

  it('change nothing, and start nothing', async () => {
    const { mtimeMs, size } = statSync(image);
    const all = [
      ...guestCommands({}, image, 0n, 65536n),
      hostBytesCommand(image, 0n, 64n),
      infoCommand(image),
      checkCommand(image),
      snapshotsCommand(image),
    ];
    for (const command of all) {
      await said(command);
    }
    assert.deepEqual({ mtimeMs: statSync(image).mtimeMs, size: statSync(image).size }, { mtimeMs, size });
    assert.throws(() => statSync('x'));
  });

  it('do not print more of the disk than a person reads, nor ask for a password', () => {
    assert.deepEqual(
      guestCommands({}, image, 0n, 1n << 30n).map(([tool]) => tool),
      ['qemu-img map'],
    );
    const encryption = { method: 'LUKS' } as Parameters<typeof guestCommands>[0]['encryption'] & object;
    assert.deepEqual(guestCommands({ encryption }, image, 0n, 512n), []);
  });
});
