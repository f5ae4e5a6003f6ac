import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { buildPage } from './page.ts';

describe('the built page', function () {
  this.timeout(60_000);

  it('has a script of at most 300 kB', async () => {
    const script = (await buildPage()).get('/webview.js');
    assert.ok(script !== undefined && script.body.length <= 300_000, `${script?.body.length} bytes`);
  });

  it('loads nothing but its script, its styles and the icon font', async () => {
    assert.deepEqual([...(await buildPage()).keys()].sort(), [
      '/codicon.css',
      '/codicon.ttf',
      '/webview.css',
      '/webview.js',
    ]);
  });

  it('has no colour of its own: all are those of the theme', async () => {
    for await (const path of glob('webview/**/*.css')) {
      const colours = (await readFile(path, 'utf8')).match(
        /#[0-9a-f]{3,8}\b|\b(rgba?|hsla?)\(|:\s*(white|black|red|green|blue|gr[ae]y)\b/gi,
      );
      assert.equal(colours, null, `${path}: ${colours?.join(' ')}`);
    }
  });

  it('takes no markup from a string and no style from an attribute', async () => {
    for await (const path of glob('webview/**/*.ts')) {
      const source = await readFile(path, 'utf8');
      assert.doesNotMatch(source, /unsafeHTML|unsafeSVG|innerHTML|insertAdjacentHTML|styleMap|\sstyle="/, path);
    }
  });
});
