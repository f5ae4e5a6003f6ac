import * as vscode from 'vscode';
import type { ChangeRequest } from '../protocol/changeApi.ts';
import { askChoice, askInTurn, askText, type Choice, type Outcome } from './ask.ts';
import { type ChangeTools, type Description, registerChange } from './changeTarget.ts';

/** Bytes of a bitmap's name at most (spec). */
const longestName = 1023;

/** Bytes of the disk a bit: powers of two that QEMU takes, and QEMU's default, the cluster size within bounds. */
const granularities = Array.from({ length: 23 }, (_, index) => 2n ** BigInt(9 + index));
const defaultGranularity = { least: 4096, most: 65536 } as const;

type Bitmap = Description['bitmaps']['items'][number];

/** What can be done to a bitmap that is there. */
type Act = 'clear-bitmap' | 'enable-bitmap' | 'disable-bitmap' | 'merge-bitmap' | 'remove-bitmap';

/** "Bitmaps…": adds a dirty bitmap, or removes, clears, enables, disables one, or merges another into it. */
export function registerBitmaps(tools: ChangeTools): vscode.Disposable {
  return registerChange('qcow2.inspector.bitmaps', tools, async (describe) => {
    const { bitmaps, geometry } = await describe();
    let chosen: Bitmap | 'new' = 'new';
    let [name, act]: [string, Act] = ['', 'clear-bitmap'];
    let request: ChangeRequest | undefined;
    const take = (wanted: ChangeRequest): void => {
      request = wanted;
    };
    const done = await askInTurn([
      () =>
        askChoice({ title: 'Bitmaps', step: 1, steps: 3, back: false }, choicesOf(bitmaps), (value) => {
          chosen = value;
        }),
      () =>
        chosen === 'new'
          ? askName(bitmaps.items, name, (text) => {
              name = text;
            })
          : askAct(chosen, bitmaps.items, (value) => {
              act = value;
            }),
      () => {
        if (chosen === 'new') {
          return askGranularity(name, geometry?.clusterSize ?? defaultGranularity.most, take);
        }
        if (act === 'merge-bitmap') {
          return askSource(chosen.name, bitmaps.items, take);
        }
        take({ verb: act, name: chosen.name });
        return Promise.resolve('next');
      },
    ]);
    return done ? request : undefined;
  });
}

function choicesOf({ items, count }: Description['bitmaps']): Choice<Bitmap | 'new'>[] {
  const more = (count ?? items.length) - items.length;
  return [
    { label: '$(add) Add a bitmap…', value: 'new' },
    ...(items.length === 0 ? [] : [{ label: 'There are', kind: vscode.QuickPickItemKind.Separator }]),
    ...items.map(bitmapChoice),
    ...(more > 0 ? [{ label: `and ${more} more: see qcow2 bitmap`, kind: vscode.QuickPickItemKind.Separator }] : []),
  ];
}

function bitmapChoice(bitmap: Bitmap): Choice<Bitmap> {
  const { name, granularity, flags } = bitmap;
  // A name of the image has no icons of ours in it.
  const label = name.replaceAll('$(', '$\u200b(');
  return { label, description: [`a bit for ${sizeWords(granularity)}`, ...flags].join(', '), value: bitmap };
}

function askName(taken: readonly Bitmap[], value: string, take: (name: string) => void): Promise<Outcome> {
  const prompt = 'The name of the bitmap, by which backup programs find it.';
  const refusalOf = (name: string): string | undefined => {
    if (name === '') {
      return 'A bitmap is found by its name: type one.';
    }
    if (taken.some((bitmap) => bitmap.name === name)) {
      return 'There is a bitmap of that name already.';
    }
    const bytes = Buffer.byteLength(name);
    return bytes > longestName ? `The name has ${bytes} bytes: at most ${longestName} can be stored.` : undefined;
  };
  return askText({ title: 'Add Bitmap', step: 2, steps: 3, back: true, prompt }, value, refusalOf, take);
}

function askGranularity(name: string, clusterSize: number, take: (request: ChangeRequest) => void): Promise<Outcome> {
  const { least, most } = defaultGranularity;
  const standard = BigInt(Math.min(most, Math.max(least, clusterSize)));
  return askChoice(
    { title: `Add Bitmap ${name}`, step: 3, steps: 3, back: true, prompt: 'How much of the disk a bit stands for' },
    granularities.map((value) => ({
      label: sizeWords(value),
      value,
      ...(value === standard ? { description: 'default' } : {}),
    })),
    (granularity) => take({ verb: 'add-bitmap', name, granularity }),
    standard,
  );
}

function askAct({ name, flags }: Bitmap, all: readonly Bitmap[], take: (act: Act) => void): Promise<Outcome> {
  const enabled = flags.includes('auto');
  const acts: Choice<Act>[] = [
    { label: 'Clear…', detail: 'Nothing counts as written any more.', value: 'clear-bitmap' },
    enabled
      ? { label: 'Disable…', detail: 'It does not record writes any more.', value: 'disable-bitmap' }
      : { label: 'Enable…', detail: 'It records writes from now on.', value: 'enable-bitmap' },
    ...(all.length > 1
      ? [{ label: 'Merge…', detail: 'What another bitmap has recorded is added.', value: 'merge-bitmap' as const }]
      : []),
    { label: 'Remove…', detail: 'What it has recorded is given up.', value: 'remove-bitmap' },
  ];
  return askChoice({ title: `Bitmap ${name}`, step: 2, steps: 3, back: true }, acts, take);
}

function askSource(name: string, all: readonly Bitmap[], take: (request: ChangeRequest) => void): Promise<Outcome> {
  return askChoice(
    { title: `Merge into ${name}`, step: 3, steps: 3, back: true, prompt: 'The bitmap whose records are added' },
    all.filter((bitmap) => bitmap.name !== name).map(bitmapChoice),
    (source) => take({ verb: 'merge-bitmap', name, source: source.name }),
  );
}

/** `64 KiB`, of a power of two. */
function sizeWords(bytes: bigint): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const unit = Math.floor((bytes.toString(2).length - 1) / 10);
  return `${bytes >> BigInt(10 * unit)} ${units[unit] ?? ''}`;
}
