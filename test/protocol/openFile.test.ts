import assert from 'node:assert/strict';
import type { ChainPicture } from '../../src/protocol/chainApi.ts';
import { fileAt } from '../../src/protocol/chainApi.ts';
import { fromWebview } from '../../src/protocol/messages.ts';

describe('the page’s wish to open a file of the chain', () => {
  it('is a place of the chain', () => {
    const message = { type: 'open-file', file: { depth: 2, role: 'backing', path: '/etc/shadow' } };
    assert.deepEqual(fromWebview(message), { type: 'open-file', file: { depth: 2, role: 'backing' } });
  });

  it('is none of ours where it is anything else', () => {
    for (const file of [undefined, null, '/etc/shadow', {}, { depth: 1 }, { depth: '1', role: 'backing' }]) {
      assert.equal(fromWebview({ type: 'open-file', file }), undefined);
    }
    assert.equal(fromWebview({ type: 'open-file', file: { depth: 1.5, role: 'backing' } }), undefined);
    assert.equal(fromWebview({ type: 'open-file', file: { depth: 1, role: 'image' } }), undefined);
  });

  it('finds the file that the thread has told, never the image itself', () => {
    const files: ChainPicture['files'] = [
      { depth: 0, name: '/top', path: '/top', state: 'open', dataFile: { name: 'd', state: 'open', raw: false } },
      { depth: 1, name: 'base', path: '/base', state: 'open' },
    ];
    const picture: ChainPicture = { generation: 1, open: true, guess: false, files };
    assert.equal(fileAt(picture, { depth: 1, role: 'backing' })?.path, '/base');
    assert.equal(fileAt(picture, { depth: 0, role: 'data-file' })?.name, 'd');
    assert.equal(fileAt(picture, { depth: 0, role: 'backing' }), undefined);
    assert.equal(fileAt(picture, { depth: 1, role: 'data-file' }), undefined);
    assert.equal(fileAt(picture, { depth: -1, role: 'backing' }), undefined);
  });
});
