import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ImageBuilder } from './builder.ts';
import { qemuImg, runProgram } from './qemu.ts';

/** One step of making an image. Files are named relative to the image's own folder. */
export type Step =
  /** Runs a program; with `killed` it must end by its own SIGKILL (qemu-io's `sigraise 9`). */
  | { readonly run: 'qemu-img' | 'qemu-io' | 'mkfs.ext4'; readonly args: readonly string[]; readonly killed?: true }
  /** A file of `size` bytes: hole except the runs of one byte, given as [offset, length, byte]. */
  | { readonly raw: string; readonly size: number; readonly runs: readonly (readonly [number, number, number])[] }
  /** A sparse file: [offset, base64]. */
  | { readonly sparse: string; readonly size: string; readonly parts: readonly (readonly [string, string])[] }
  /** Overwrites bytes, at an offset or relative to the offset that a header field (at byte `pointer`) holds. */
  | { readonly patch: string; readonly pointer?: number; readonly at: number; readonly hex: string }
  | { readonly truncate: string; readonly size: number };

/** How an image (and the files it names) is made; the same recipe makes the same image. */
export interface Recipe {
  readonly name: string;
  /** The image's path in the recipe's folder: `disk.qcow2` when left out. */
  readonly image?: string;
  /** Options that `info` and `map` need for it. */
  readonly options?: readonly string[];
  /** Options for `map` alone: a part of the disk, where qemu-img needs minutes for all of it. */
  readonly mapOptions?: readonly string[];
  readonly steps: readonly Step[];
}

/** Where a recipe's image is. */
export interface MadeImage {
  readonly name: string;
  readonly path: string;
  /** The folder to run programs in: QEMU looks for an external data file from there, not from the image's folder. */
  readonly folder: string;
  readonly options: readonly string[];
  readonly mapOptions: readonly string[];
}

/** `qemu-img ARGS`. */
export function img(...args: string[]): Step {
  return { run: 'qemu-img', args };
}

/** `qemu-img create`: `options` as for `-o`. */
export function create(file: string, size: string, options = ''): Step {
  return img('create', '-q', '-f', 'qcow2', ...(options ? ['-o', options] : []), file, size);
}

/** `qemu-img create` of an encrypted image; `options` as for `-o`, with the password as `encrypt.key-secret=s`. */
export function createEncrypted(file: string, size: string, options: string): Step {
  return img('create', '-q', '-f', 'qcow2', '--object', 'secret,id=s,data=qcow2', '-o', options, file, size);
}

/** `qemu-img create` with a backing file; without `size` the overlay is as large as the backing file. */
export function overlay(file: string, backing: string, format: string, size?: string, options = ''): Step {
  const args = ['create', '-q', '-f', 'qcow2', ...(options ? ['-o', options] : []), '-b', backing, '-F', format, file];
  return img(...args, ...(size === undefined ? [] : [size]));
}

/** qemu-io commands on a qcow2 image. */
export function io(file: string, ...commands: string[]): Step {
  return { run: 'qemu-io', args: ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), file] };
}

/** qemu-io commands on an image, after which qemu-io dies without closing it. */
export function ioKilled(file: string, ...commands: string[]): Step {
  const all = [...commands, 'flush', 'sigraise 9'];
  return { run: 'qemu-io', args: ['-f', 'qcow2', ...all.flatMap((command) => ['-c', command]), file], killed: true };
}

/** A raw file with runs of bytes in it; the rest is hole. */
export function raw(file: string, size: number, ...runs: [offset: number, length: number, byte: number][]): Step {
  return { raw: file, size, runs };
}

/** Overwrites bytes at a host offset. */
export function patch(file: string, at: number, hex: string): Step {
  return { patch: file, at, hex };
}

/** Overwrites bytes `at` bytes after the host offset that the header field at byte `pointer` holds. */
export function patchTable(file: string, pointer: number, at: number, hex: string): Step {
  return { patch: file, pointer, at, hex };
}

/** The file that a builder made. */
export function built(file: string, builder: ImageBuilder): Step {
  const storage = builder.toStorage();
  const parts: [string, string][] = [];
  for (const { offset, length, data } of storage.extents(0n, storage.size)) {
    if (data) {
      parts.push([String(offset), Buffer.from(storage.slice(offset, Number(length))).toString('base64')]);
    }
  }
  return { sparse: file, size: String(storage.size), parts };
}

/**
 * Makes the images of all recipes below `folder`, two at a time, and returns them in the recipes' order. An image is
 * kept as long as its recipe and qemu-img's version are the same; whatever else is in the folder is removed.
 */
export async function makeImages(recipes: readonly Recipe[], folder: string): Promise<MadeImage[]> {
  assert.equal(new Set(recipes.map(({ name }) => name)).size, recipes.length, 'recipes have different names');
  const version = recipes.some(usesQemu) ? await qemuImg(['--version']) : '';
  await mkdir(folder, { recursive: true });
  const places = recipes.map((recipe) => ({ recipe, target: join(folder, folderName(recipe, version)) }));
  await removeOthers(folder, new Set(places.map(({ target }) => basename(target))));
  const waiting = [...places];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await makeOnce(next.recipe, next.target);
    }
  };
  await Promise.all([work(), work()]);
  return places.map(({ recipe, target }) => ({
    name: recipe.name,
    path: join(target, recipe.image ?? 'disk.qcow2'),
    folder: target,
    options: recipe.options ?? [],
    mapOptions: recipe.mapOptions ?? [],
  }));
}

/** Does the steps of one recipe in `folder`, which must exist. */
export async function follow(recipe: Recipe, folder: string): Promise<void> {
  for (const step of recipe.steps) {
    try {
      await doStep(step, folder);
    } catch (error) {
      throw new Error(`image "${recipe.name}": ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function usesQemu(recipe: Recipe): boolean {
  return recipe.steps.some((step) => 'run' in step);
}

function folderName(recipe: Recipe, version: string): string {
  const hash = createHash('sha256').update(JSON.stringify([recipe, usesQemu(recipe) ? version : '']));
  const readable = recipe.name.replace(/[^a-z0-9]+/gi, '-').slice(0, 40);
  return `${readable}-${hash.digest('hex').slice(0, 10)}`;
}

async function makeOnce(recipe: Recipe, target: string): Promise<void> {
  if (await exists(target)) {
    return;
  }
  const draft = `${target}.${process.pid}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft);
  await follow(recipe, draft);
  try {
    await rename(draft, target);
  } catch (error) {
    // Another process was faster with the same recipe.
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(target))) {
      throw error;
    }
  }
}

async function removeOthers(folder: string, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    // A draft belongs to a process that may be at work; one that is dead leaves it for an hour.
    const old = name.endsWith('.draft')
      ? Date.now() - (await modified(join(folder, name))) > 3600_000
      : !keep.has(name);
    if (old) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

async function doStep(step: Step, folder: string): Promise<void> {
  if ('run' in step) {
    return doRun(step, folder);
  }
  if ('raw' in step) {
    return withFile(join(folder, step.raw), 'w', async (file) => {
      await file.truncate(step.size);
      for (const [offset, length, byte] of step.runs) {
        await file.write(new Uint8Array(length).fill(byte), 0, length, offset);
      }
    });
  }
  if ('sparse' in step) {
    return withFile(join(folder, step.sparse), 'w', async (file) => {
      await file.truncate(Number(step.size));
      for (const [offset, base64] of step.parts) {
        const bytes = Buffer.from(base64, 'base64');
        await file.write(bytes, 0, bytes.length, Number(offset));
      }
    });
  }
  if ('truncate' in step) {
    return withFile(join(folder, step.truncate), 'r+', (file) => file.truncate(step.size));
  }
  return withFile(join(folder, step.patch), 'r+', async (file) => {
    const field = Buffer.alloc(8);
    if (step.pointer !== undefined) {
      await file.read(field, 0, 8, step.pointer);
    }
    const bytes = Buffer.from(step.hex.replaceAll(' ', ''), 'hex');
    await file.write(bytes, 0, bytes.length, Number(field.readBigUInt64BE()) + step.at);
  });
}

async function doRun(step: Extract<Step, { run: string }>, folder: string): Promise<void> {
  let result = await runProgram(step.run, step.args, folder);
  // QEMU measures the CPU's speed for LUKS, and gives up where the kernel's clock ticks too coarsely for it.
  for (let again = 0; again < 20 && result.stderr.includes('Unable to get accurate CPU usage'); again += 1) {
    result = await runProgram(step.run, step.args, folder);
  }
  const said = `${result.stdout}\n${result.stderr}`;
  const expected = step.killed ? 137 : 0;
  // qemu-io exits with 0 although a command failed.
  const failed = /^.*\b(failed|error|invalid argument|not found|expects|non-numeric)\b.*$/im.exec(
    step.run === 'qemu-io' ? said : '',
  );
  if (result.code !== expected || failed) {
    throw new Error(`${step.run} ${step.args.join(' ')}: exit ${result.code}: ${failed?.[0] ?? said.trim()}`);
  }
}

type OpenFile = Awaited<ReturnType<typeof open>>;

async function withFile(path: string, flags: string, work: (file: OpenFile) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  assert.ok(basename(path).length <= 255);
  const file = await open(path, flags);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return (await modified(path)) > 0;
}

async function modified(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}
