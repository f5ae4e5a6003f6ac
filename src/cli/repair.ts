import type { ChangeSet } from '../engine/change/changeSet.ts';
import { findingTexts } from '../engine/findingTexts.ts';
import { offerTables } from '../engine/operations/repair/offers.ts';
import { planRepair, type Repair } from '../engine/operations/repair/repair.ts';
import type { PlacedTable, RepairCode, RepairSelection } from '../engine/operations/repair/selection.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage, type Target } from './change.ts';
import { changeArguments, changeOptions } from './changeOptions.ts';
import { exitCodes } from './checkReport.ts';
import { type ImageSource, sourceOptions, withSources } from './imageSource.ts';
import { type Arguments, type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'format', short: 'f', value: true },
  { long: 'quiet', short: 'q' },
  // A code of `check --findings`; as often as there are codes. All of them, if it is left out.
  { long: 'only', value: true },
  // Lists the L2 tables that nothing leads to, and where they could belong.
  { long: 'tables' },
  // Puts such a table into its place: OFFSET=INDEX.
  { long: 'table', value: true },
  ...sourceOptions,
  ...changeOptions,
];

/**
 * `qcow2 repair`: puts right what `check --findings` finds, all of it or the findings of some codes, and says what is
 * left. Exit status 0 where nothing is left, else that of a check.
 */
export async function repair(args: readonly string[], out: Output): Promise<number> {
  const read = readArguments(options, args);
  const isGiven = (name: string): boolean => read.given.some((option) => option.name === name);
  if (isGiven('help')) {
    out.text(usageLine('repair'));
    return 0;
  }
  const [name] = read.operands;
  if (name === undefined || read.operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (isGiven('tables')) {
    return withSources(read, out, (sourceOf) => listTables(sourceOf(name), out));
  }
  const selection = selectionOf(read);
  return withSources(read, out, (sourceOf) => repairImage(sourceOf(name), read, selection, isGiven('quiet'), out));
}

/** Lists the L2 tables to which nothing leads, with what speaks for their places. */
async function listTables(source: ImageSource, out: Output): Promise<number> {
  const { image, storage } = await source.open('diagnose');
  try {
    const offers = image ? await offerTables(image, storage, noProgress) : [];
    for (const { table, entries, places, empty } of offers) {
      const named = places.map(({ l1Index, why }) => `  L1[${l1Index}]: ${why}\n`).join('');
      const unnamed = places.length === 0 ? `  Nothing speaks for one of the ${empty} empty places.\n` : '';
      out.text(bytesOfText(`L2 table at 0x${table.toString(16)}, ${entries} entries\n${named}${unnamed}`));
    }
    out.text(
      offers.length === 0
        ? 'There is no L2 table to which nothing leads.\n'
        : `Put one into its place with: ${programName} repair --table OFFSET=INDEX FILE\n`,
    );
    return exitCodes.sound;
  } finally {
    await storage.close();
  }
}

function selectionOf({ given }: Arguments): RepairSelection {
  const tables = given.filter((option) => option.name === 'table').map(({ value }) => placedTable(value));
  if (tables.length > 0) {
    if (given.some((option) => option.name === 'only')) {
      throw usageFailure('--table and --only are one after the other: put the tables into their places first');
    }
    return { tables };
  }
  const codes = given.filter((option) => option.name === 'only').map(({ value }) => value);
  const unknown = codes.find((code) => !isCode(code));
  if (unknown !== undefined) {
    throw usageFailure(`There is no finding '${bytesOfText(unknown)}': check --findings names the codes`);
  }
  return codes.length === 0 ? 'all' : { codes: codes.filter(isCode) };
}

function placedTable(text: string): PlacedTable {
  const parts = /^(0x[0-9a-f]+|\d+)=(\d+)$/i.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined) {
    throw usageFailure(`--table takes OFFSET=INDEX, not '${bytesOfText(text)}': see --tables`);
  }
  return { table: BigInt(parts[1]), l1Index: Number(parts[2]) };
}

function isCode(code: string): code is RepairCode {
  return Object.hasOwn(findingTexts, code);
}

async function repairImage(
  source: ImageSource,
  read: Arguments,
  selection: RepairSelection,
  quiet: boolean,
  out: Output,
): Promise<number> {
  let repaired: Repair | undefined;
  const plan = async ({ image, storage, from }: Target): Promise<ChangeSet | undefined> => {
    repaired = await planRepair(image, storage, from, selection, noProgress);
    return repaired.change;
  };
  const noQcow2 = (path: string): Failure => new Failure(`'${bytesOfText(path)}' is a raw image: it has no tables`);
  const change = changeArguments(read);
  await changeImage(source, change, out, plan, { purpose: 'diagnose', rawFailure: noQcow2 });
  if (repaired === undefined) {
    return exitCodes.sound;
  }
  if (!quiet && change.dryRun === 'no') {
    out.text(bytesOfText(textOf(repaired)));
  }
  if (repaired.keptLeaks !== undefined) {
    outputTo(2).text(`${programName}: leaked clusters are not freed. ${bytesOfText(repaired.keptLeaks)}\n`);
  }
  const { left, after } = repaired;
  if (after.checkErrors > 0 || after.failure !== undefined) {
    return exitCodes.failed;
  }
  return left === undefined ? exitCodes.sound : left === 'leak' ? exitCodes.leaks : exitCodes.corrupt;
}

function textOf({ change, after, isWhole }: Repair): string {
  const done = change ? `${change.title}: done.\n` : 'Nothing was changed.\n';
  const cautions = (change?.cautions ?? []).map((caution) => `${caution}\n`).join('');
  const left = [
    ...(after.corruptions > 0 ? [`${after.corruptions} errors`] : []),
    ...(after.leaks > 0 ? [`${after.leaks} leaked clusters`] : []),
    ...(after.checkErrors > 0 ? [`${after.checkErrors} parts that could not be checked`] : []),
  ];
  const rest = left.length > 0 ? left.join(', ') : 'findings that qemu-img does not count';
  return `${done}${cautions}${isWhole ? 'Nothing is wrong with the image now.' : `Left: ${rest}. See them with: ${programName} check --findings FILE`}\n`;
}
