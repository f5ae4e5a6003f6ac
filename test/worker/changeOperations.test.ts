import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChangePlan, ChangeRequest } from '../../src/protocol/changeApi.ts';
import { CallFailed } from '../../src/protocol/client.ts';
import { type ChangeThread, startChangeThread } from '../../src/worker/changeThread.ts';
import { type HeaderValues, ImageBuilder } from '../support/builder.ts';
import { qemuImg } from '../support/qemu.ts';

const entry = join(import.meta.dirname, '../../src/worker/changeMain.ts');
const mib = 2n ** 20n;

/** What `qemu-img info` says of an image. */
async function infoOf(path: string) {
  return JSON.parse(await qemuImg(['info', '--output=json', path]));
}

describe('the operations of the thread that changes an image', function () {
  this.timeout(60_000);
  let folder: string;
  let path: string;
  let thread: ChangeThread;
  const defects: string[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-operations-'));
    path = join(folder, 'disk.qcow2');
    thread = startChangeThread(entry, path, (defect) => defects.push(defect));
  });
  afterEach(async () => {
    await thread.stop();
    rmSync(folder, { recursive: true });
    assert.deepEqual(defects.splice(0), []);
  });

  const create = (...words: string[]) => qemuImg(['create', '-q', '-f', 'qcow2', ...words]);
  const io = (command: string): void => assert.equal(spawnSync('qemu-io', ['-c', command, path]).status, 0);

  /** Plans, applies, has qemu-img check the result, and undoes it: the image is what it was to the byte. */
  const change = async (request: ChangeRequest, look: (plan: ChangePlan) => void | Promise<void>): Promise<void> => {
    const before = readFileSync(path);
    const plan = await thread.call('plan', { request });
    await thread.call('apply', { keepUndo: true });
    await qemuImg(['check', '-q', path]);
    assert.equal(BigInt(statSync(path).size), plan.sizeAfter);
    await look(plan);
    await thread.call('plan', { request: { verb: 'roll-back' } });
    await thread.call('apply', { keepUndo: true });
    assert.ok(readFileSync(path).equals(before), `${request.verb} is undone`);
  };
  const refusal = async (request: ChangeRequest): Promise<string> => {
    const error = await thread.call('plan', { request }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof CallFailed, 'the plan is refused');
    return error.message;
  };

  it('upgrade and downgrade', async () => {
    await create('-o', 'compat=0.10', path, '64M');
    io('write 0 128k');
    await change({ verb: 'amend', compat: '1.1' }, async () => {
      assert.equal((await infoOf(path))['format-specific'].data.compat, '1.1');
    });
    await create(path, '64M');
    io('write -z 0 1M');
    await change({ verb: 'amend', compat: '0.10' }, async () => {
      assert.equal((await infoOf(path))['format-specific'].data.compat, '0.10');
    });
  });

  it('resize, and say how much is given up', async () => {
    await create(path, '64M');
    io('write 0 64M');
    await change({ verb: 'resize', size: 128n * mib, preallocation: 'metadata', chain: false }, async () => {
      assert.equal((await infoOf(path))['virtual-size'], Number(128n * mib));
    });
    const bit = 64n * mib + 512n;
    await change({ verb: 'resize', size: bit, preallocation: 'off', chain: false }, ({ title }) =>
      assert.match(title, /^Resize from 64 MiB to 65.536\.5 KiB$/),
    );
    await change({ verb: 'resize', size: 32n * mib, preallocation: 'off', chain: false }, async ({ cautions }) => {
      assert.match(cautions.join(' '), /32 MiB/);
      assert.equal((await infoOf(path))['virtual-size'], Number(32n * mib));
    });
  });

  it('open the backing file by the user’s word only', async () => {
    await qemuImg(['create', '-q', '-f', 'raw', join(folder, 'base.raw'), '64M']);
    await create('-b', 'base.raw', '-F', 'raw', path, '32M');
    const request = { verb: 'resize', size: 48n * mib, preallocation: 'off' } as const;
    assert.match(await refusal({ ...request, chain: false }), /backing file must be opened first/);
    await change({ ...request, chain: true }, async () => {
      assert.equal((await infoOf(path))['virtual-size'], Number(48n * mib));
    });
    rmSync(join(folder, 'base.raw'));
    assert.match(await refusal({ ...request, chain: true }), /"base\.raw" can’t be: .*ENOENT/);
  });

  it('change the external data file with the image', async () => {
    const data = join(folder, 'data.raw');
    await create('-o', `data_file=${data},data_file_raw=on`, path, '4M');
    const plan = await thread.call('plan', {
      request: { verb: 'resize', size: 8n * mib, preallocation: 'off', chain: false },
    });
    assert.equal(plan.dataFile?.size, 8n * mib);
    assert.equal(BigInt(statSync(data).size), 4n * mib);
    await thread.call('apply', { keepUndo: false });
    assert.equal(BigInt(statSync(data).size), 8n * mib);
    await qemuImg(['check', '-q', path]);
  });

  it('take, apply and delete a snapshot, the one that was chosen', async () => {
    await create(path, '64M');
    io('write -P 1 0 1M');
    await qemuImg(['snapshot', '-c', 'first', path]);
    io('write -P 2 0 1M');
    await change({ verb: 'create-snapshot', name: 'second' }, async () => {
      assert.match(await qemuImg(['snapshot', '-l', path]), /second/);
    });
    const snapshot = { index: 0, id: '1' };
    await change({ verb: 'apply-snapshot', snapshot }, () => io('read -P 1 0 1M'));
    await change({ verb: 'delete-snapshot', snapshot }, async () => {
      assert.equal((await infoOf(path)).snapshots, undefined);
    });
    assert.match(await refusal({ verb: 'delete-snapshot', snapshot: { index: 0, id: '7' } }), /no snapshot 7/);
    assert.match(await refusal({ verb: 'apply-snapshot', snapshot: { index: 3, id: '1' } }), /no snapshot 1/);
  });

  it('say what keeps an image from being changed, in sentences, and promise no repair that there is not', async () => {
    const upgrade = { verb: 'amend', compat: '1.1' } as const;
    const repair = { verb: 'repair', select: 'all' } as const;
    const broken = (values: Partial<HeaderValues>) => writeFileSync(path, new ImageBuilder(values).toBytes());
    broken({ version: 9 });
    assert.match(await refusal(upgrade), /Version 9 is neither 2 nor 3\. No repair puts that right\.$/);
    broken({ nb_snapshots: 65537, snapshots_offset: 0x30000 });
    assert.match(await refusal(upgrade), /snapshots are more than 65536\. Repair it first\.$/);
    assert.match(await refusal(repair), /^Nothing is repaired\. .* nothing was found that can be put right/);
    const bytes = new ImageBuilder().toBytes();
    bytes[23] = 31; // cluster_bits
    writeFileSync(path, bytes);
    assert.match(await refusal(repair), /can be read: Clusters of 2\^31 bytes are not supported\.$/);
    writeFileSync(path, 'a text');
    assert.match(await refusal(repair), /can be read: The file is not qcow2/);
  });

  it('add, clear, disable, enable, merge and remove a bitmap', async () => {
    await create(path, '64M');
    const bitmaps = async (): Promise<string> =>
      ((await infoOf(path))['format-specific'].data.bitmaps ?? [])
        .map(({ name, flags, granularity }: { name: string; flags: string[]; granularity: number }) =>
          [name, granularity, ...flags].join(' '),
        )
        .join(', ');
    await change({ verb: 'add-bitmap', name: 'a', granularity: 4096n }, async () => {
      assert.equal(await bitmaps(), 'a 4096 auto');
    });
    await qemuImg(['bitmap', '--add', path, 'a']);
    await qemuImg(['bitmap', '--add', path, 'b']);
    io('write 0 1M');
    await change({ verb: 'clear-bitmap', name: 'a' }, async () => {
      assert.equal(await bitmaps(), 'a 65536 auto, b 65536 auto');
    });
    await change({ verb: 'disable-bitmap', name: 'a' }, async () => {
      assert.equal(await bitmaps(), 'a 65536, b 65536 auto');
    });
    await qemuImg(['bitmap', '--disable', path, 'b']);
    await change({ verb: 'enable-bitmap', name: 'b' }, async () => {
      assert.equal(await bitmaps(), 'a 65536 auto, b 65536 auto');
    });
    await change({ verb: 'merge-bitmap', name: 'a', source: 'b' }, () => undefined);
    await change({ verb: 'remove-bitmap', name: 'a' }, async () => {
      assert.equal(await bitmaps(), 'b 65536');
    });
  });

  it('are listed, all that stands in the way of one', async () => {
    await create('-o', 'refcount_bits=8,extended_l2=on', path, '64M');
    const reasons = (await refusal({ verb: 'amend', compat: '0.10' }))
      .split('\n')
      .filter((line) => line.startsWith('- '));
    assert.ok(reasons.length >= 2, reasons.join('\n'));
  });

  it('are rolled back when they are cancelled', async () => {
    await create(path, '64M');
    const before = readFileSync(path);
    const request = { verb: 'resize', size: 4096n * mib, preallocation: 'full', chain: false } as const;
    const plan = await thread.call('plan', { request });
    assert.ok(plan.seconds > 1, 'zeros that are written count in the estimate');
    let told = 0;
    const applying = thread.call(
      'apply',
      { keepUndo: true },
      {
        onProgress: () => {
          told++;
          void thread.call('cancelApply');
        },
      },
    );
    await assert.rejects(applying, (error: unknown) => error instanceof CallFailed && error.code === 'cancelled');
    assert.ok(told > 0);
    assert.ok(readFileSync(path).equals(before));
    assert.deepEqual(await thread.call('journal', {}), { state: 'none' });
  });
});
