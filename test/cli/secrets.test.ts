import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetSecrets, objectHelp, passphraseOf, readSecrets } from '../../src/cli/secrets.ts';

function secret(...objects: string[]): string {
  return Buffer.from(passphraseOf(readSecrets(objects), 's')).toString('utf8');
}

describe('a secret', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-secret-'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is the text of data, in which two commas stand for one', () => {
    assert.equal(secret('secret,id=s,data=a pass phrase'), 'a pass phrase');
    assert.equal(secret('secret,id=s,data=a,,b,,,,c=d,format=raw'), 'a,b,,c=d');
    assert.equal(secret('secret,id=s,data=häß 🔑'), 'häß 🔑');
    assert.equal(secret('secret,id=s,data='), '');
  });

  it('is all of a file, with its line end', () => {
    const file = join(folder, 'phrase');
    writeFileSync(file, 'a pass phrase\n');
    assert.equal(secret(`secret,id=s,file=${file}`), 'a pass phrase\n');
  });

  it('is decoded from base64, also in lines', () => {
    const file = join(folder, 'base64');
    writeFileSync(file, 'YSBwYXNz\nIHBocmFzZQ==\n');
    assert.equal(secret('secret,id=s,data=YSBwYXNzIHBocmFzZQ==,format=base64'), 'a pass phrase');
    assert.equal(secret(`secret,id=s,file=${file},format=base64`), 'a pass phrase');
  });

  it('can be given by name and as JSON', () => {
    assert.equal(secret('id=s,data=x,qom-type=secret'), 'x');
    assert.equal(secret('{"qom-type": "secret", "id": "s", "data": "x,y"}'), 'x,y');
  });

  it('is one of several, by its id', () => {
    assert.equal(secret('secret,id=a.b-c_1,data=1', 'secret,id=s,data=2', 'secret,id=S,data=3'), '2');
  });

  it('is not told where it is no JSON', () => {
    assert.throws(
      () => readSecrets(['{"qom-type": "secret", "data": "hidden"']),
      ({ message }: Error) => !message.includes('hidden'),
    );
  });

  it('is refused where Node could not read the argument as UTF-8: it would be another', () => {
    assert.throws(() => readSecrets(['secret,id=s,data=caf\ufffd']), /not valid UTF-8/);
  });

  it('is overwritten when it is no longer needed', () => {
    const secrets = readSecrets(['secret,id=s,data=abc', 'secret,id=t,data=YWJj,format=base64']);
    const held = [...secrets.values()];
    forgetSecrets(secrets);
    assert.deepEqual(
      held.map((bytes) => [...bytes]),
      [
        [0, 0, 0],
        [0, 0, 0],
      ],
    );
  });

  it('is asked for by help, whatever else is given', () => {
    assert.equal(objectHelp(['secret,id=s,data=x']), undefined);
    assert.match(objectHelp(['secret,id=s,data=x', 'secret,?']) ?? '', /^secret options:/);
    assert.match(objectHelp(['help']) ?? '', /^List of user creatable objects:/);
  });
});
