import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { packVsix, type Target, targets, thisTarget, vsixName } from './vsix.ts';
import { readZip } from './zip.ts';

const everywhere = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'dist/ThirdPartyNotices.txt',
  'dist/change.js',
  'dist/chunk-*.js',
  'dist/codicon.css',
  'dist/codicon.ttf',
  'dist/create.js',
  'dist/extension.cjs',
  'dist/package.json',
  'dist/preview.css',
  'dist/preview.js',
  'dist/webview.css',
  'dist/webview.js',
  'dist/worker.js',
  'media/icon.png',
  'media/walkthrough/cli.md',
  'media/walkthrough/sample.qcow2',
  'media/walkthrough/settings.md',
  ...['open', 'overview', 'map', 'goto'].flatMap((name) =>
    ['dark', 'light'].map((theme) => `media/walkthrough/${name}-${theme}.png`),
  ),
  'package.json',
];

/** The loader of koffi and its one binary for Linux on `arch`. */
const native = (arch: string): string[] => [
  `dist/node_modules/@koromix/koffi-linux-${arch}/index.js`,
  `dist/node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`,
  `dist/node_modules/@koromix/koffi-linux-${arch}/package.json`,
  'dist/node_modules/koffi/LICENSE.txt',
  'dist/node_modules/koffi/package.json',
  'dist/node_modules/koffi/src/koffi/index.cjs',
  'dist/node_modules/koffi/src/koffi/src/static.cjs',
];

const contents: Readonly<Record<Target, readonly string[]>> = {
  'linux-x64': [...everywhere, ...native('x64')],
  'linux-arm64': [...everywhere, ...native('arm64')],
  universal: everywhere,
};

/** Bytes of a bundle, minified, with all chunks that it begins with. */
const budgets: readonly (readonly [name: string, bytes: number])[] = [
  ['extension.cjs', 250_000],
  ['worker.js', 250_000],
  ['change.js', 250_000],
  ['create.js', 100_000],
  ['webview.js', 300_000],
  ['preview.js', 100_000],
];

/** `e_machine` of an ELF file: EM_X86_64 and EM_AARCH64. */
const machines = { x64: 62, arm64: 183 };

/** vsce renames these files. */
const inVsix = (file: string): string =>
  `extension/${{ 'README.md': 'readme.md', 'CHANGELOG.md': 'changelog.md', LICENSE: 'LICENSE.txt' }[file] ?? file}`;

/** The width and height of a PNG. */
function pngSize(png: Buffer): [number, number] {
  assert.equal(png.toString('latin1', 0, 8), '\x89PNG\r\n\x1a\n');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

describe('The VSIX files', function () {
  this.timeout(120_000);
  let folder = '';
  const packed = new Map<Target, Map<string, Buffer>>();
  const file = (target: Target, name: string): Buffer => {
    const content = packed.get(target)?.get(`extension/${name}`);
    assert.ok(content, `${name} is not in the VSIX for ${target}`);
    return content;
  };
  /** The names in dist/ of a bundle and of the chunks that it begins with; with `later` also those that it loads on demand. */
  const loaded = (target: Target, name: string, later = true, found = new Set<string>()): Set<string> => {
    if (!found.has(name)) {
      found.add(name);
      const chunks = file(target, `dist/${name}`)
        .toString()
        .matchAll(/(import\()?"\.\/([\w-]+\.js)"/g);
      for (const [, onDemand, chunk = ''] of chunks) {
        if (later || onDemand === undefined) loaded(target, chunk, later, found);
      }
    }
    return found;
  };
  const asksForKoffi = (target: Target, name: string): boolean =>
    [...loaded(target, name)].some((one) => /["'`]koffi["'`]/.test(file(target, `dist/${one}`).toString()));

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-package-'));
    for (const target of targets) {
      // It throws when the build or vsce warns.
      await packVsix(target, join(folder, vsixName(target)));
      packed.set(target, readZip(join(folder, vsixName(target))));
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('bring the licences of the packages whose code they have', () => {
    const notices = file('universal', 'dist/ThirdPartyNotices.txt').toString();
    for (const name of ['lit', 'lit-html', '@vscode-elements/elements', '@vscode/codicons']) {
      assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'));
    }
  });

  it('are three, and one of them is for this machine', () => {
    assert.equal(readdirSync(folder).length, 3);
    assert.ok(targets.includes(thisTarget()));
  });

  for (const target of targets) {
    it(`hold for ${target} what is listed and nothing else`, () => {
      const expected = ['[Content_Types].xml', 'extension.vsixmanifest', ...contents[target].map(inVsix)];
      const names = [...(packed.get(target)?.keys() ?? [])];
      const withoutHash = names.map((name) => name.replace(/chunk-\w+/, 'chunk-*'));
      assert.deepEqual([...new Set(withoutHash)].sort(), expected.sort());
    });

    it(`hold for ${target} no chunk that nothing loads`, () => {
      const bundles = everywhere.filter((name) => /^dist\/\w+\.js$/.test(name));
      const wanted = new Set(bundles.flatMap((name) => [...loaded(target, basename(name))]));
      const chunks = [...(packed.get(target)?.keys() ?? [])].filter((name) => name.includes('/chunk-'));
      assert.deepEqual(
        chunks.map((name) => basename(name)).filter((name) => !wanted.has(name)),
        [],
      );
    });

    it(`name ${target} as their platform`, () => {
      const manifest = packed.get(target)?.get('extension.vsixmanifest')?.toString() ?? '';
      const platform = /TargetPlatform="([^"]*)"/.exec(manifest)?.[1] ?? 'universal';
      assert.equal(platform, target);
    });

    it(`are at most 1 MB for ${target}, and their bundles keep their budgets`, () => {
      assert.ok(statSync(join(folder, vsixName(target))).size <= 1_000_000);
      for (const [name, budget] of budgets) {
        const counted = [...loaded(target, name, false)];
        const length = counted.reduce((sum, one) => sum + file(target, `dist/${one}`).length, 0);
        assert.ok(
          length > 0 && length <= budget,
          `${counted.join(' + ')} have ${length} bytes, the budget is ${budget}`,
        );
      }
    });

    it(`have minified bundles for ${target}`, () => {
      for (const name of budgets.flatMap(([one]) => [...loaded(target, one)])) {
        const text = file(target, `dist/${name}`).toString();
        assert.ok(!/^\s{2,}(const|let|return|if) /m.test(text), name);
        assert.ok(!text.includes('sourceMappingURL'), name);
      }
    });
  }

  for (const [arch, machine] of Object.entries(machines)) {
    it(`have a native part for ${arch} where they are for it`, () => {
      const target = arch === 'x64' ? 'linux-x64' : 'linux-arm64';
      const binary = file(target, `dist/node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
      assert.equal(binary.toString('latin1', 0, 4), '\x7fELF');
      assert.equal(binary.readUInt16LE(18), machine);
      assert.ok(asksForKoffi(target, 'worker.js'));
    });
  }

  it('do not ask for koffi where it is not in them', () => {
    for (const name of ['worker.js', 'change.js', 'create.js']) {
      assert.ok(!asksForKoffi('universal', name), name);
    }
  });

  it('have an icon of 256 x 256 pixels', () => {
    assert.deepEqual(pngSize(file('universal', 'media/icon.png')), [256, 256]);
  });

  it('have a manifest with nothing about working on the project, and with what the gallery shows', () => {
    const manifest = JSON.parse(file('linux-x64', 'package.json').toString());
    const ours = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const key of ['private', 'scripts', 'dependencies', 'devDependencies', 'allowScripts']) {
      assert.equal(manifest[key], undefined, key);
    }
    for (const key of ['displayName', 'description', 'categories', 'keywords', 'galleryBanner', 'license', 'pricing']) {
      assert.ok(manifest[key], key);
      assert.deepEqual(manifest[key], ours[key], key);
    }
    assert.deepEqual(manifest.contributes, ours.contributes);
  });
});

describe('.vscodeignore', function () {
  this.timeout(60_000);

  it('lets in what is listed, and nothing that lies beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-ignore-'));
    const listed = contents['linux-x64'];
    const beside = [
      'src/x.ts',
      'media/shot.png',
      'media/icon.svg',
      'dist/cli.js',
      'dist/cli-X.js',
      'dist/x.js',
      'dist/worker.js.map',
      '.env',
      'x.vsix',
    ];
    const native = ['dist/node_modules/koffi/x.js', 'dist/node_modules/other/index.js', 'node_modules/x/index.js'];
    for (const name of [...listed, ...beside, ...native]) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), name);
    }
    for (const name of ['.vscodeignore', 'package.json']) writeFileSync(join(folder, name), readFileSync(name));
    const words = [resolve('node_modules/@vscode/vsce/vsce'), 'ls', '--no-dependencies'];
    const { stdout, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    assert.deepEqual(stdout.trim().split('\n').sort(), [...listed].sort(), stderr);
  });
});
