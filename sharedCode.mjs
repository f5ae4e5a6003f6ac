// What several bundles need of the engine and the platform is in files of its own, so that it is shipped once.
import { resolve } from 'node:path';
import { build } from 'esbuild';

/** What a bundle has of the engine and the platform, by path from the project's folder. */
async function reached(options) {
  const { metafile } = await build({ ...options, write: false, minify: false, logLevel: 'silent' });
  return new Set(Object.keys(metafile.inputs).filter((path) => /^src\/(engine|platform)\//.test(path)));
}

/**
 * The modules that are shared, by the name of the file that they go to: `engine`, what the reader of images and another
 * one of the bundles need; `operations`, what those that change images need besides. No file needs one that is later.
 *
 * @param reader - how the bundle is built that reads images
 * @param changers - how those are built that change them
 */
export async function sharedModules(reader, changers) {
  const read = await reached(reader);
  const [first, ...others] = await Promise.all(changers.map(reached));
  const any = [first, ...others].reduce((all, one) => all.union(one));
  const every = others.reduce((all, one) => all.intersection(one), first);
  return { engine: [...read.intersection(any)].sort(), operations: [...every.difference(read)].sort() };
}

/** How the file is built that has these modules: each is exported whole, by its place in the list. */
export function sharedFile(options, name, modules, outdir) {
  const contents = modules.map((path, index) => `export * as m${index} from './${path}';`).join('\n');
  return { ...options, stdin: { contents, resolveDir: '.', loader: 'ts' }, outfile: `${outdir}/${name}.js` };
}

/** Has a bundle take these modules from the file of that name. */
export function takenFrom(name, modules) {
  const places = new Map(modules.map((path, index) => [resolve(path), index]));
  return {
    name: `taken-from-${name}`,
    setup(builder) {
      builder.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ resolveDir, path }) => {
        const index = places.get(resolve(resolveDir, path));
        return index === undefined ? undefined : { path: String(index), namespace: name };
      });
      builder.onLoad({ filter: /.*/, namespace: name }, ({ path }) => ({
        contents: `module.exports = require('./${name}.js').m${path};`,
        loader: 'js',
      }));
      builder.onResolve({ filter: new RegExp(`^\\./${name}\\.js$`) }, ({ path }) => ({ path, external: true }));
    },
  };
}
