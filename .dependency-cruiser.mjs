// The import directions of the project. A folder may import itself and what is listed; anything else fails the lint.
const allowed = {
  'src/engine/format': ['src/engine/[^/]+\\.ts$', 'src/engine/texts/'],
  'src/engine/texts': ['src/engine/[^/]+\\.ts$'],
  'src/engine/image': ['src/engine/[^/]+\\.ts$', 'src/engine/texts/', 'src/engine/format/'],
  'src/engine/dump': ['src/engine/[^/]+\\.ts$', 'src/engine/texts/', 'src/engine/format/', 'src/engine/image/'],
  'src/engine/crypto': ['src/engine/[^/]+\\.ts$', 'src/engine/format/'],
  'src/engine/check': ['src/engine/[^/]+\\.ts$', 'src/engine/texts/', 'src/engine/format/', 'src/engine/image/'],
  'src/engine/diff': [
    'src/engine/[^/]+\\.ts$',
    'src/engine/texts/',
    'src/engine/format/',
    'src/engine/image/',
    'src/engine/check/',
    'src/engine/dump/jsonText\\.ts$',
  ],
  'src/engine/salvage': [
    'src/engine/[^/]+\\.ts$',
    'src/engine/texts/',
    'src/engine/format/',
    'src/engine/image/',
    'src/engine/dump/jsonText\\.ts$',
  ],
  'src/engine/change': ['src/engine/[^/]+\\.ts$', 'src/engine/texts/', 'src/engine/format/', 'src/engine/image/'],
  'src/engine/operations': ['src/engine/'],
  'src/engine': [],
  'src/platform': ['src/engine/', 'node:', 'node_modules/koffi/'],
  'src/protocol': ['src/engine/'],
  'src/worker': ['src/engine/', 'src/platform/', 'src/protocol/', 'node:'],
  'src/editor': ['src/protocol/', 'src/worker/', 'node:', 'vscode'],
  'src/commands': ['src/editor/', 'src/protocol/', 'src/worker/', 'node:', 'vscode'],
  'src/cli': ['src/engine/', 'src/platform/', 'node:'],
  'src/extension\\.ts$': ['src/editor/', 'src/commands/', 'node:', 'vscode'],
  webview: ['src/protocol/', 'src/engine/format/', 'src/engine/finding(Text)?\\.ts$', 'node_modules/'],
};

/** Node's own modules reach the cruiser by their bare name, so they are told apart by type. */
function rule([folder, targets]) {
  const withNode = targets.includes('node:');
  const paths = targets.filter((target) => target !== 'node:');
  const to = { pathNot: [`^${folder}`, ...paths.map((path) => `^${path}`)] };
  if (withNode) {
    to.dependencyTypesNot = ['core'];
  }
  return { name: `imports of ${folder.replace(/\\|\$/g, '')}`, severity: 'error', from: { path: `^${folder}` }, to };
}

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(allowed).map(rule),
    {
      name: 'the protocol takes only types from the engine',
      severity: 'error',
      from: { path: '^src/protocol' },
      to: { path: '^src/engine', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no unresolvable import',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['^vscode$'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
