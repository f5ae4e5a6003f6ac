import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { type Bundle, buildPage } from './page.ts';

/** A script and the chunks that it begins with. */
function loaded(built: Bundle, name: string, found = new Set<string>()): Set<string> {
  found.add(name);
  const source = built.get(name)?.body.toString() ?? '';
  for (const [, onDemand, chunk = ''] of source.matchAll(/(import\()?"\.(\/[\w-]+\.js)"/g)) {
    if (onDemand === undefined && !found.has(chunk)) {
      loaded(built, chunk, found);
    }
  }
  return found;
}

describe('the built pages', function () {
  this.timeout(60_000);

  for (const [name, budget] of [
    ['/webview.js', 300_000],
    ['/preview.js', 100_000],
  ] as const) {
    it(`have a script ${name} of at most ${budget / 1000} kB with what it begins with`, async () => {
      const built = await buildPage();
      const bytes = [...loaded(built, name)].reduce((sum, one) => sum + (built.get(one)?.body.length ?? 0), 0);
      assert.ok(bytes > 0 && bytes <= budget, `${bytes} bytes`);
    });
  }

  it('load nothing but their scripts, their styles and the icon font', async () => {
    const names = [...(await buildPage()).keys()].map((name) => name.replace(/chunk-\w+/, 'chunk-*'));
    assert.deepEqual([...new Set(names)].sort(), [
      '/chunk-*.js',
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
