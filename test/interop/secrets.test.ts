import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textOfBytes } from '../../src/cli/bytes.ts';
import { Failure } from '../../src/cli/program.ts';
import { readSecrets } from '../../src/cli/secrets.ts';
import { runProgram } from '../support/qemu.ts';

/** Values of `--object`, several where the last one is refused for the others. */
const objects: readonly (readonly string[])[] = [
  [''],
  [','],
  ['=foo'],
  ['foo'],
  ['foo,id=s'],
  ['secret'],
  ['secret,id=s'],
  ['secret,data=x'],
  ['id=s,data=x'],
  ['secret,id=s,data=a,file=b'],
  ['secret,id=s,data=a,format=foo'],
  ['secret,id=s,data=a,foo=b'],
  ['secret,id=s,data=a,foo=b,format=foo'],
  ['secret,id=s,data=a,foo'],
  ['secret,id=s,data=a,=b'],
  ['secret,id=s,data=a,i!d=b'],
  ['secret,1=1'],
  ['secret,id=s,,data=a'],
  ['secret,id=1s,data=a'],
  ['secret,id=1s,data=a,foo=b'],
  ['secret,id=,data=a'],
  ['secret,id=a b,data=a'],
  ['secret,id=s,data=a b,c'],
  ['secret,help=1'],
  ['secret,id=s,file=nosuch'],
  ['secret,id=s,file='],
  ['secret,id=s,file=sub'],
  ['secret,id=s,file=phrase/x'],
  ['secret,id=s,data=Y!Jj,format=base64'],
  ['secret,id=s,file=nul,format=base64'],
  ['secret,id=s,data=a,loaded=on'],
  ['{"qom-type": "secret", "id": "s", "data": 1}'],
  ['{"qom-type": "secret", "data": "abc"}'],
  ['secret,id=s,data=a', 'secret,id=s,data=b'],
  ['secret,id=s,data=a', 'secret,id=s,file=nosuch'],
  ['secret,id=s,data=a', 'secret,id=s,format=foo'],
];

function refusal(values: readonly string[]): string {
  try {
    readSecrets(values);
  } catch (error) {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.exitCode, 1);
    return textOfBytes(`qemu-img: ${error.message}\n${error.hint}`);
  }
  return assert.fail(`${values.join(' and ')} is taken`);
}

describe('an object that qemu-img refuses is refused in its words', function () {
  this.timeout(60_000);
  let folder: string;
  const started = process.cwd();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-secrets-'));
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'phrase'), 'abc');
    writeFileSync(join(folder, 'nul'), 'a\0b');
    process.chdir(folder);
  });

  after(() => {
    process.chdir(started);
    rmSync(folder, { recursive: true, force: true });
  });

  for (const values of objects) {
    it(values.join(' and ') || '(nothing)', async () => {
      const args = values.flatMap((value) => ['--object', value]);
      const { code, stderr } = await runProgram('qemu-img', ['create', ...args, 'a', '1M']);
      assert.equal(code, 1);
      assert.equal(refusal(values), stderr);
    });
  }
});
