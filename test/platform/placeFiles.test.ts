import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Qcow2Error } from '../../src/engine/error.ts';
import { placeFiles } from '../../src/platform/placeFiles.ts';

describe('files that are given their names together', () => {
  let folder: string;
  const at = (name: string): string => join(folder, name);
  const content = (name: string): string => readFileSync(at(name), 'utf8');
  const files = [
    { part: 'data.part', path: 'data' },
    { part: 'disk.part', path: 'disk' },
  ];
  const place = (): void => placeFiles(files.map(({ part, path }) => ({ part: at(part), path: at(path) })));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-place-'));
    writeFileSync(at('data.part'), 'new data');
    writeFileSync(at('disk.part'), 'new disk');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('take the places of those that were there, of which nothing is left', () => {
    writeFileSync(at('data'), 'old data');
    writeFileSync(at('disk'), 'old disk');
    place();
    assert.deepEqual([content('data'), content('disk')], ['new data', 'new disk']);
    assert.deepEqual(readdirSync(folder), ['data', 'disk']);
  });

  it('take free places', () => {
    place();
    assert.deepEqual([content('data'), content('disk')], ['new data', 'new disk']);
  });

  it('leave the first file as it was when the last can’t be placed', () => {
    writeFileSync(at('data'), 'old data');
    mkdirSync(at('disk'));
    assert.throws(place, (error) => error instanceof Qcow2Error && error.code === 'write-failed');
    assert.equal(content('data'), 'old data');
    assert.deepEqual(readdirSync(folder), ['data', 'disk', 'disk.part']);
  });

  it('leave no first file where there was none when the last can’t be placed', () => {
    mkdirSync(at('disk'));
    assert.throws(place, /Can't replace .*disk: EISDIR/);
    assert.deepEqual(readdirSync(folder), ['disk', 'disk.part']);
  });

  it('leave a folder alone', () => {
    mkdirSync(at('data'));
    assert.throws(place, /Can't replace .*data: EISDIR/);
    assert.deepEqual(readdirSync(folder), ['data', 'data.part', 'disk.part']);
  });
});
