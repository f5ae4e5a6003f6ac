import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** Lays out files in a folder of their own, with the project's packages and settings beside them. */
function plant(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'qcow2-lint-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** Runs a command in the folder and gives its exit code and all that it said. */
function run(folder: string, command: string, args: readonly string[]): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

const cruise = ['--config', resolve('.dependency-cruiser.mjs'), 'src', 'webview'];

describe('The check of import directions', function () {
  this.timeout(60_000);
  const planted: readonly [name: string, from: string, text: string, target: string][] = [
    ['the engine imports a Node module', 'src/engine/format/x.ts', "import 'node:fs';", 'src/engine/format/x.ts → fs'],
    ['the engine imports vscode', 'src/engine/image/x.ts', "import * as v from 'vscode';\nv;", '→ vscode'],
    ['the engine imports the platform', 'src/engine/x.ts', "import '../platform/a.ts';", '→ src/platform/a.ts'],
    [
      'format imports image, types only',
      'src/engine/format/x.ts',
      "import type { A } from '../image/a.ts';\nexport type B = A;",
      '→ src/engine/image/a.ts',
    ],
    ['image imports dump', 'src/engine/image/x.ts', "import '../dump/a.ts';", '→ src/engine/dump/a.ts'],
    ['check imports change', 'src/engine/check/x.ts', "import '../change/a.ts';", '→ src/engine/change/a.ts'],
    [
      'the protocol imports a value of the engine',
      'src/protocol/x.ts',
      "import { a } from '../engine/image/a.ts';\na;",
      '→ src/engine/image/a.ts',
    ],
    ['the editor imports the engine', 'src/editor/x.ts', "import '../engine/image/a.ts';", '→ src/engine/image/a.ts'],
    ['the webview imports the image', 'webview/x.ts', "import '../src/engine/image/a.ts';", '→ src/engine/image/a.ts'],
    ['the webview imports a Node module', 'webview/x.ts', "import 'node:path';", '→ path'],
    ['the command line imports the worker', 'src/cli/x.ts', "import '../worker/a.ts';", '→ src/worker/a.ts'],
  ];
  for (const [name, from, text, target] of planted) {
    it(`fails when ${name}`, () => {
      const module = 'export const a = 1;\nexport type A = 1;\n';
      const folder = plant({
        'src/engine/image/a.ts': module,
        'src/engine/change/a.ts': module,
        'src/engine/dump/a.ts': module,
        'src/platform/a.ts': module,
        'src/worker/a.ts': module,
        'webview/main.ts': module,
        [from]: text,
      });
      const { code, said } = run(folder, 'depcruise', cruise);
      rmSync(folder, { recursive: true });
      assert.notEqual(code, 0);
      assert.ok(said.includes(target), said);
    });
  }

  it('passes on the project, having read its files', () => {
    const { code, said } = run('.', 'depcruise', cruise);
    assert.equal(code, 0, said);
    const modules = Number(/\((\d+) modules/.exec(said)?.[1]);
    assert.ok(modules > 50, said);
  });
});

describe('The lint', function () {
  this.timeout(60_000);
  const settings = ['--type-aware', '-c', resolve('.oxlintrc.json'), 'src'];
  const tsconfig = JSON.stringify({
    extends: resolve('tsconfig.json'),
    compilerOptions: { types: [] },
    include: ['src'],
  });

  it('reads types: a floating promise is an error', () => {
    const folder = plant({
      'tsconfig.json': tsconfig,
      'src/x.ts': 'const later = async (): Promise<void> => undefined;\nexport function now(): void {\n  later();\n}\n',
    });
    const { code, said } = run(folder, 'oxlint', settings);
    rmSync(folder, { recursive: true });
    assert.notEqual(code, 0);
    assert.match(said, /no-floating-promises/);
  });

  it('lets the same file pass when the promise is awaited', () => {
    const folder = plant({
      'tsconfig.json': tsconfig,
      'src/x.ts':
        'const later = async (): Promise<void> => undefined;\nexport async function now(): Promise<void> {\n  await later();\n}\n',
    });
    const { code, said } = run(folder, 'oxlint', settings);
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, said);
  });
});
