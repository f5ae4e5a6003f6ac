import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { buildPage } from './page.ts';

describe('the built pages', function () {
  this.timeout(60_000);

  for (const [name, budget] of [
    ['/webview.js', 300_000],
    ['/preview.js', 100_000],
  ] as const) {
    it(`have a script ${name} of at most ${budget / 1000} kB`, async () => {
      const script = (await buildPage()).get(name);
      assert.ok(script !== undefined && script.body.length <= budget, `${script?.body.length} bytes`);
    });
  }

  it('load nothing but their scripts, their styles and the icon font', async () => {
    assert.deepEqual([...(await buildPage()).keys()].sort(), [
      '/codicon.css',
      '/codicon.ttf',
      '/preview.css',
      '/preview.js',
      '/webview.css',
      '/webview.js',
    ]);
  });

  it('have no colour of their own: all are those of the theme', async () => {
    for await (const path of glob('webview/**/*.css')) {
      const colours = (await readFile(path, 'utf8')).match(
        /#[0-9a-f]{3,8}\b|\b(rgba?|hsla?)\(|:\s*(white|black|red|green|blue|gr[ae]y)\b/gi,
      );
      assert.equal(colours, null, `${path}: ${colours?.join(' ')}`);
    }
  });

  it('take no markup from a string and no style from an attribute', async () => {
    for await (const path of glob('webview/**/*.ts')) {
      const source = await readFile(path, 'utf8');
      assert.doesNotMatch(source, /unsafeHTML|unsafeSVG|innerHTML|insertAdjacentHTML|styleMap|\sstyle="/, path);
    }
  });
});
