import assert from 'node:assert/strict';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { type Chain, type ChainOptions, closeChain, openChain } from '../../../src/engine/image/chain.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { closedGate, type Gate, type Storage } from '../../../src/engine/ports.ts';
import { ImageBuilder } from '../../support/builder.ts';
import { MemoryStorage } from '../../support/memoryStorage.ts';

/** A gate to files in memory, that notes what is asked for and closed. */
class MemoryGate implements Gate {
  readonly asked: string[] = [];
  readonly closed: string[] = [];
  readonly #files: Readonly<Record<string, Storage>>;

  constructor(files: Readonly<Record<string, Storage>>) {
    this.#files = files;
  }

  async open(name: string, from: string) {
    this.asked.push(`${from}: ${name}`);
    if (name.startsWith('json:')) {
      throw new Qcow2Error('not-supported', 'never followed');
    }
    const file = this.#files[name];
    if (!file) {
      throw new Qcow2Error('read-failed', 'no such file', { system: 'ENOENT' });
    }
    const storage: Storage = {
      size: file.size,
      read: (at, into) => file.read(at, into),
      close: async () => {
        this.closed.push(name);
      },
    };
    return { path: `/folder/${name}`, identity: name, storage };
  }
}

function based(name: string, format?: string): Storage {
  return new ImageBuilder().backing(name, format).toStorage();
}

async function chainOf(top: Storage, gate: Gate, options?: ChainOptions): Promise<Chain> {
  return openChain(await openImage(top), '/folder/top', gate, options);
}

/** The chain as text. */
function shown({ layers, stops }: Chain): { layers: string[]; stops: string[] } {
  return {
    layers: layers.map(({ depth, path, format, formatSource }) => `${depth} ${path} ${format} ${formatSource}`),
    stops: stops.map(({ depth, role, reason, name }) => `${depth} ${role} ${reason} ${name}`),
  };
}

const top = '0 /folder/top qcow2 given';

describe('a backing chain', () => {
  it('is the image alone where it names nothing', async () => {
    const chain = await chainOf(new ImageBuilder().toStorage(), new MemoryGate({}));
    assert.deepEqual(shown(chain), { layers: [top], stops: [] });
  });

  it('stops at a closed gate', async () => {
    const chain = await chainOf(based('base', 'qcow2'), closedGate);
    assert.deepEqual(shown(chain), { layers: [top], stops: ['0 backing not-opened base'] });
  });

  it('goes down to the last file, each name relative to the file that has it', async () => {
    const gate = new MemoryGate({ middle: based('base', 'raw'), base: new MemoryStorage(100n) });
    const chain = await chainOf(based('middle', 'qcow2'), gate);
    assert.deepEqual(shown(chain), {
      layers: [top, '1 /folder/middle qcow2 named', '2 /folder/base raw named'],
      stops: [],
    });
    assert.deepEqual(gate.asked, ['/folder/top: middle', '/folder/middle: base']);
    await closeChain(chain);
    assert.deepEqual(gate.closed, ['middle', 'base']);
  });

  it('does not look into a raw file that has the content of an image', async () => {
    const chain = await chainOf(based('base', 'raw'), new MemoryGate({ base: based('secret', 'raw') }));
    assert.deepEqual(shown(chain), { layers: [top, '1 /folder/base raw named'], stops: [] });
  });

  it('does not guess a format that is not given, unless it may', async () => {
    const gate = new MemoryGate({ base: based('other'), other: new MemoryStorage(512n) });
    assert.deepEqual(shown(await chainOf(based('base'), gate)), { layers: [top], stops: ['0 backing no-format base'] });
    assert.deepEqual(gate.asked, []);
    assert.deepEqual(shown(await chainOf(based('base'), gate, { probe: true })).layers, [
      top,
      '1 /folder/base qcow2 probed',
      '2 /folder/other raw probed',
    ]);
  });

  it('does not open formats that it does not know', async () => {
    const gate = new MemoryGate({ base: new MemoryStorage(0n) });
    const chain = await chainOf(based('base', 'vmdk'), gate);
    assert.deepEqual(shown(chain), { layers: [top], stops: ['0 backing unknown-format base'] });
    assert.deepEqual(gate.asked, []);
  });

  it('does not take a file for raw that QEMU would take for another format', async () => {
    const vmdk = new MemoryStorage(512n);
    vmdk.write(0n, new TextEncoder().encode('KDMV'));
    const gate = new MemoryGate({ base: vmdk });
    const chain = await chainOf(based('base'), gate, { probe: true });
    assert.deepEqual(shown(chain), { layers: [top], stops: ['0 backing unknown-format base'] });
    assert.equal(chain.stops[0]?.format, 'vmdk');
    assert.deepEqual(gate.closed, ['base']);
  });

  it('tells names that are refused and files that are missing', async () => {
    const refused = await chainOf(based('json:{}', 'qcow2'), new MemoryGate({}));
    assert.deepEqual(shown(refused).stops, ['0 backing refused-name json:{}']);
    const missing = await chainOf(based('base', 'qcow2'), new MemoryGate({}));
    assert.deepEqual(shown(missing).stops, ['0 backing failed base']);
    assert.equal(missing.stops[0]?.error?.system, 'ENOENT');
  });

  it('ends where it would come back to a file', async () => {
    const gate = new MemoryGate({ a: based('b', 'qcow2'), b: based('a', 'qcow2') });
    const chain = await chainOf(based('a', 'qcow2'), gate);
    assert.deepEqual(shown(chain).stops, ['2 backing loop a']);
    assert.deepEqual(gate.closed, ['a']);
  });

  it('ends where it would come back to the image itself', async () => {
    const gate = new MemoryGate({ top: based('top', 'qcow2') });
    const chain = await chainOf(based('top', 'qcow2'), gate, { identity: 'top' });
    assert.deepEqual(shown(chain), { layers: [top], stops: ['0 backing loop top'] });
  });

  it('has at most 64 files', async () => {
    const files: Record<string, Storage> = {};
    for (let index = 1; index < 100; index += 1) {
      files[`file${index}`] = based(`file${index + 1}`, 'qcow2');
    }
    const chain = await chainOf(based('file1', 'qcow2'), new MemoryGate(files));
    assert.equal(chain.layers.length, 64);
    assert.deepEqual(shown(chain).stops, ['63 backing too-deep file64']);
  });
});

describe('the external data file of an image', () => {
  const image = (): ImageBuilder => new ImageBuilder({ incompatible_features: 4 });
  const named = (): Storage => image().extension(0x44415441, 'data.raw').toStorage();

  it('is opened where it is wanted', async () => {
    const gate = new MemoryGate({ 'data.raw': new MemoryStorage(7n) });
    const chain = await chainOf(named(), gate, { dataFiles: true });
    assert.equal(chain.layers[0]?.dataFile?.path, '/folder/data.raw');
    await closeChain(chain);
    assert.deepEqual(gate.closed, ['data.raw']);
  });

  it('is not opened where it is not', async () => {
    const gate = new MemoryGate({ 'data.raw': new MemoryStorage(7n) });
    await chainOf(named(), gate);
    assert.deepEqual(gate.asked, []);
  });

  it('is a stop where it is missing', async () => {
    const chain = await chainOf(named(), new MemoryGate({}), { dataFiles: true });
    assert.deepEqual(shown(chain).stops, ['0 data-file failed data.raw']);
  });
});
