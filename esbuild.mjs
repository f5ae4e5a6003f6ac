// Builds dist/: extension, worker, command line and pages. `--universal` leaves the native part out, `--watch` stays.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build, context } from 'esbuild';
import { writeIconFont } from './media/iconFont.mjs';

const universal = process.argv.includes('--universal');
const watch = process.argv.includes('--watch');
const outdir = argument('--outdir') ?? 'dist';
const arch = argument('--arch') ?? process.arch;
const require = createRequire(import.meta.url);

/** The value after an option of this script. */
function argument(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** The universal build has `native.none.ts` in place of `native.ts`: no FFI, every byte counts as data. */
const withoutNative = {
  name: 'without-native',
  setup(builder) {
    builder.onResolve({ filter: /\/native\.ts$/ }, (args) => ({ path: join(args.resolveDir, 'native.none.ts') }));
  },
};

const common = {
  bundle: true,
  minify: true,
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
};
const node = { ...common, platform: 'node', target: 'node20', outdir };
const bundles = [
  // VS Code hands `vscode` to a CommonJS module.
  {
    ...node,
    format: 'cjs',
    external: ['vscode'],
    entryPoints: { extension: 'src/extension.ts' },
    outExtension: { '.js': '.cjs' },
  },
  // What several of these need is in chunks, so that it is shipped once.
  {
    ...node,
    format: 'esm',
    splitting: true,
    chunkNames: 'chunk-[hash]',
    external: ['koffi'],
    plugins: universal ? [withoutNative] : [],
    entryPoints: {
      worker: 'src/worker/main.ts',
      change: 'src/worker/changeMain.ts',
      create: 'src/worker/createMain.ts',
    },
  },
  // The command line begins with few files of its own: each file more would make every run longer.
  {
    ...node,
    format: 'esm',
    splitting: true,
    chunkNames: 'cli-[hash]',
    external: ['koffi'],
    plugins: universal ? [withoutNative] : [],
    entryPoints: { cli: 'src/cli/main.ts' },
  },
  // What both pages need, and panes that are loaded when they are opened, are in chunks.
  {
    ...common,
    entryPoints: { webview: 'webview/main.ts', preview: 'webview/preview/main.ts' },
    outdir,
    format: 'esm',
    splitting: true,
    chunkNames: 'chunk-[hash]',
    target: 'chrome138',
  },
  {
    ...common,
    entryPoints: { webview: 'webview/style.css', preview: 'webview/preview.css' },
    outdir,
    loader: { '.ttf': 'file' },
    assetNames: '[name]',
  },
];

if (!watch) {
  await rm(outdir, { recursive: true, force: true });
}
await mkdir(outdir, { recursive: true });
// The command line is an ES module wherever dist/ is copied to.
await writeFile(join(outdir, 'package.json'), '{ "type": "module" }\n');
const icons = require.resolve('@vscode/codicons/dist/codicon.css');
await writeIconFont(icons, outdir);
if (!universal) {
  await packNative(join(outdir, 'node_modules'));
}
if (watch) {
  const contexts = await Promise.all(bundles.map((options) => context(options)));
  await Promise.all(contexts.map((one) => one.watch()));
} else {
  const built = await Promise.all(bundles.map((options) => build(options)));
  const metafiles = [...built.map(({ metafile }) => metafile), { inputs: { [icons]: {} } }];
  await writeNotices(metafiles, join(outdir, 'ThirdPartyNotices.txt'));
  await chmod(join(outdir, 'cli.js'), 0o755);
}

/** Puts koffi's loader and its one binary for Linux on `arch` into `folder`; elsewhere there is nothing to put. */
async function packNative(folder) {
  const platform = `@koromix/koffi-linux-${arch}`;
  const lock = JSON.parse(await readFile('package-lock.json', 'utf8')).packages[`node_modules/${platform}`];
  if (lock === undefined) {
    return;
  }
  const koffi = join(dirname(require.resolve('koffi')), 'src', 'koffi');
  const binary = await nativePackage(platform, lock);
  const files = [
    [join(koffi, 'index.cjs'), 'koffi/src/koffi/index.cjs'],
    [join(koffi, 'src', 'static.cjs'), 'koffi/src/koffi/src/static.cjs'],
    [join(koffi, '..', '..', 'LICENSE.txt'), 'koffi/LICENSE.txt'],
    [join(binary, 'package.json'), `${platform}/package.json`],
    [join(binary, 'index.js'), `${platform}/index.js`],
    [join(binary, `linux_${arch}`, 'koffi.node'), `${platform}/linux_${arch}/koffi.node`],
  ];
  for (const [from, to] of files) {
    await mkdir(dirname(join(folder, to)), { recursive: true });
    await copyFile(from, join(folder, to));
  }
  const manifest = { name: 'koffi', version: lock.version, main: 'src/koffi/index.cjs' };
  await writeFile(join(folder, 'koffi', 'package.json'), `${JSON.stringify(manifest)}\n`);
}

/** The folder of a platform's binary package: the installed one, or for another platform one fetched by the lock file. */
async function nativePackage(name, lock) {
  if (arch === process.arch && process.platform === 'linux') {
    return join('node_modules', name);
  }
  const folder = join('.cache', `${name.replace(/[@/]/g, '_')}-${lock.version}`);
  await mkdir(folder, { recursive: true });
  const archive = join(folder, `${name.replace('@', '').replace('/', '-')}-${lock.version}.tgz`);
  if ((await digest(archive)) !== lock.integrity) {
    execFileSync('npm', ['pack', `${name}@${lock.version}`, '--silent', '--pack-destination', folder]);
  }
  if ((await digest(archive)) !== lock.integrity) {
    throw new Error(`${archive} is not the package that package-lock.json names (${lock.integrity})`);
  }
  execFileSync('tar', ['-xzf', archive, '-C', folder]);
  return join(folder, 'package');
}

/** The digest of a file as package-lock.json writes it; undefined when there is no such file. */
async function digest(file) {
  if (!existsSync(file)) {
    return undefined;
  }
  return `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`;
}

/**
 * Writes the name, version and licence text of every package that the bundles have something of.
 *
 * @param metafiles - esbuild's, one a bundle
 * @param file - the path to write to
 */
async function writeNotices(metafiles, file) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []));
  const notices = await Promise.all([...folders].sort().map(notice));
  await writeFile(file, `Qcow2 Inspector contains parts of these packages.\n${notices.join('')}`);
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = await readdir(folder);
  const licence = files.find((file) => /^licen[cs]e(\.\w+)?$/i.test(file));
  if (licence === undefined) {
    throw new Error(`${folder} has no licence file to ship`);
  }
  const text = await readFile(join(folder, licence), 'utf8');
  return `\n${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text.trim()}\n`;
}
