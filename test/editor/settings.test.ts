import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { keepsUndo, listsProblems, readSettings, section, virtualFileLimit } from '../../src/editor/settings.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { scan } from '../../src/engine/image/scan.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { defaultSettings } from '../../src/protocol/settings.ts';
import { panes } from '../../webview/state.ts';

const { contributes } = JSON.parse(readFileSync('package.json', 'utf8'));
const properties: Readonly<Record<string, { default: unknown; enum?: string[]; markdownDescription: string }>> =
  contributes.configuration.properties;

/** A configuration as VS Code gives it: by names without the section. */
const of = (values: Readonly<Record<string, unknown>>) => ({ get: (name: string) => values[name] });

describe('the settings', () => {
  it('have the defaults that package.json shows', () => {
    const shown = Object.fromEntries(
      Object.entries(properties).map(([name, property]) => [name.slice(section.length + 1), property.default]),
    );
    const { virtualFileLimit: limit, keepUndo, problems, ...others } = shown;
    assert.deepEqual(others, { ...defaultSettings });
    assert.deepEqual(readSettings(of(shown)), defaultSettings);
    assert.equal(virtualFileLimit(of(shown)), Number(limit) * 2 ** 20);
    assert.equal(virtualFileLimit(of({})), Number(limit) * 2 ** 20);
    assert.equal(keepsUndo(of({})), keepUndo);
    assert.equal(listsProblems(of({})), problems);
  });

  it('keep the journal of a change unless the user says otherwise', () => {
    assert.deepEqual(
      [true, undefined, 'no', false].map((keepUndo) => keepsUndo(of({ keepUndo }))),
      [true, true, true, false],
    );
  });

  it('list problems unless the user says otherwise', () => {
    assert.deepEqual(
      [true, undefined, 'no', false].map((problems) => listsProblems(of({ problems }))),
      [true, true, true, false],
    );
  });

  it('are read, each of their words', () => {
    for (const [name, { enum: words }] of Object.entries(properties)) {
      const key = name.slice(section.length + 1);
      for (const word of words ?? []) {
        const read: Readonly<Record<string, unknown>> = { ...readSettings(of({ [key]: word })) };
        assert.equal(read[key], word);
      }
    }
    assert.equal(readSettings(of({ scanOnOpen: false })).scanOnOpen, false);
    assert.equal(virtualFileLimit(of({ virtualFileLimit: 3 })), 3 * 2 ** 20);
  });

  it('are as if not set where a word is none of theirs', () => {
    const wrong = { addresses: 'octal', refreshOnChange: true, scanOnOpen: 'yes', mapShows: 3, openPane: 7 };
    assert.deepEqual(readSettings(of(wrong)), defaultSettings);
    for (const limit of [0, -1, 'much', Number.NaN]) {
      assert.equal(virtualFileLimit(of({ virtualFileLimit: limit })), 256 * 2 ** 20);
    }
  });

  it('name every pane to begin with', () => {
    assert.deepEqual(properties[`${section}.openPane`]?.enum, [...panes]);
  });

  it('have a description each', () => {
    for (const [name, { markdownDescription }] of Object.entries(properties)) {
      assert.match(markdownDescription, /^[A-Z].{20,}\.$/, name);
    }
  });
});

describe('the walkthrough', () => {
  const commands = contributes.commands.map(({ command }: { command: string }) => command);
  type Media =
    | { readonly markdown: string }
    | { readonly image: Readonly<Record<'dark' | 'light' | 'hc' | 'hcLight', string>>; readonly altText: string };
  const steps: readonly { id: string; description: string; media: Media }[] = contributes.walkthroughs[0].steps;

  it('has steps whose pages and pictures are there and whose links are commands', () => {
    assert.ok(steps.length >= 5);
    for (const { id, description, media } of steps) {
      if ('markdown' in media) {
        assert.ok(readFileSync(media.markdown, 'utf8').startsWith('# '), id);
      } else {
        assert.ok(media.altText.length > 40, id);
        for (const theme of ['dark', 'light', 'hc', 'hcLight'] as const) {
          assert.equal(readFileSync(media.image[theme]).toString('latin1', 1, 4), 'PNG', `${id} ${theme}`);
        }
      }
      for (const [, command = ''] of description.matchAll(/\(command:([^)?]+)/g)) {
        assert.ok(commands.includes(command) || command === 'workbench.action.openSettings', command);
      }
    }
  });

  /**
   * Made with qemu-img 7.2: `create -o cluster_size=4k` of 4 MiB, writes of data, compressed data and zeros, a snapshot,
   * more data, `bitmap --add`, and one write more.
   */
  it('comes with a sound sample that has something of everything', async () => {
    const storage = await openFile('media/walkthrough/sample.qcow2');
    const image = await openImage(storage);
    const { guest, findingCount } = await scan(image, noProgress);
    await storage.close();
    assert.equal(image.findingCount + findingCount, 0);
    assert.equal(image.snapshots.count, 1);
    assert.equal(image.bitmaps.count, 1);
    for (const kind of ['data', 'compressed', 'zero-plain', 'unallocated'] as const) {
      assert.ok(guest[kind] > 0n, kind);
    }
  });
});
