import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeFormat } from '../../src/worker/probeFormat.ts';
import { ImageBuilder } from '../support/builder.ts';

describe('the format that is proposed for a backing file', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-probe-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const cases: readonly (readonly [string, string, Uint8Array])[] = [
    ['an image of version 2', 'qcow2', new ImageBuilder({ version: 2 }).toBytes()],
    ['an image of version 3', 'qcow2', new ImageBuilder().toBytes()],
    ['an image of version 1', 'qcow', Buffer.from('QFI\xfb\0\0\0\x01', 'latin1')],
    ['a VMDK image', 'vmdk', Buffer.from('KDMV\x01\0\0\0')],
    ['the boot sector of a raw disk', 'raw', Buffer.concat([Buffer.alloc(510), Buffer.from([0x55, 0xaa])])],
    ['the magic of qcow2 alone, which QEMU takes for raw', 'raw', Buffer.from('QFI\xfb', 'latin1')],
    ['an empty file', 'raw', Buffer.alloc(0)],
  ];
  for (const [what, format, bytes] of cases) {
    it(`is ${format} for ${what}`, async () => {
      const path = join(folder, 'base');
      writeFileSync(path, bytes);
      assert.equal(await probeFormat(path), format);
    });
  }
});
