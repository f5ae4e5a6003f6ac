import type { Random } from '../support/random.ts';
import type { DiskModel } from './diskModel.ts';

/** Something that is done to the image `disk` of a folder. */
export interface Move {
  /** Commands of `qcow2`, which are qemu-img's but for `bits`; where the first word is `io`, they are qemu-io's. */
  readonly commands: readonly (readonly string[])[];
  /** What becomes of the disk if all of them succeed. */
  effect(disk: DiskModel): void;
}

/** An image as it is made. */
export interface MadeDisk {
  /** Options of `create`. */
  readonly options: string;
  /** Bytes of a cluster. */
  readonly clusterSize: number;
  /** Whether it lies over a file that is full of a byte, which is there twice: `base` and `base2`. */
  readonly backed: boolean;
}

const unit = 512;
const kibi = 1024;

/** Kinds of images. */
export const madeDisks: readonly [MadeDisk, ...MadeDisk[]] = [
  { options: '', clusterSize: 64 * kibi, backed: false },
  { options: 'compat=0.10,cluster_size=4k', clusterSize: 4 * kibi, backed: false },
  { options: 'compat=0.10', clusterSize: 64 * kibi, backed: true },
  { options: 'cluster_size=512', clusterSize: 512, backed: false },
  { options: 'cluster_size=4k,lazy_refcounts=on', clusterSize: 4 * kibi, backed: true },
  { options: 'cluster_size=16k,extended_l2=on', clusterSize: 16 * kibi, backed: false },
  { options: 'extended_l2=on', clusterSize: 64 * kibi, backed: true },
  { options: 'cluster_size=4k,refcount_bits=8', clusterSize: 4 * kibi, backed: false },
  { options: 'cluster_size=2k,refcount_bits=64,compression_type=zstd', clusterSize: 2 * kibi, backed: false },
  { options: 'cluster_size=1k,preallocation=metadata', clusterSize: kibi, backed: false },
  { options: 'data_file=data', clusterSize: 64 * kibi, backed: false },
  { options: 'cluster_size=4k,data_file=data,data_file_raw=on', clusterSize: 4 * kibi, backed: false },
];

const bitmaps = ['one', 'two'] as const;

/**
 * Draws what is done next.
 *
 * @param number - of the move: names and bytes that are new are made of it
 */
export function drawMove(random: Random, made: MadeDisk, disk: DiskModel, number: number): Move {
  const draw = random.pick([
    () => writes(random, made, disk, number),
    () => writes(random, made, disk, number),
    () => snapshot(random, disk, number),
    () => snapshot(random, disk, number),
    () => bitmap(random),
    () => bitmap(random),
    () => resize(random, made, disk),
    () => resize(random, made, disk),
    () => amend(random, made, disk),
    () => amend(random, made, disk),
    () => rebase(random, made),
    () => bits(random, disk, number),
  ]);
  return draw();
}

function writes({ below, pick }: Random, { clusterSize, backed }: MadeDisk, { size }: DiskModel, number: number): Move {
  const commands: string[] = [];
  const effects: ((disk: DiskModel) => void)[] = [];
  const count = 1 + below(4);
  for (let one = 0; one < count; one++) {
    const kind = pick(['write', 'write', 'zero', 'discard']);
    // A backing file would come up under what is discarded, or not: that depends on the version. So would the rest of a
    // cluster that is discarded in part.
    const whole = kind === 'discard' ? clusterSize : unit;
    const at = below(Math.max(1, Math.floor(size / whole))) * whole;
    const length = Math.min(whole * (1 + below(kind === 'discard' ? 4 : 400)), Math.floor((size - at) / whole) * whole);
    if (length === 0 || (kind === 'discard' && backed)) {
      continue;
    }
    const byte = kind === 'write' ? (number * 8 + one) % 250 : 0;
    commands.push(`${{ write: `write -P ${byte}`, zero: 'write -z', discard: 'discard' }[kind]} ${at} ${length}`);
    effects.push((disk) => disk.fill(at, length, byte));
  }
  return {
    commands: commands.length > 0 ? [['io', ...commands]] : [],
    effect: (disk) => {
      for (const one of effects) {
        one(disk);
      }
    },
  };
}

function snapshot({ below, pick }: Random, { snapshots }: DiskModel, number: number): Move {
  const taken = [...snapshots.keys()];
  const name = taken[below(taken.length)];
  const kind = name === undefined ? 'create' : pick(['create', 'apply', 'delete']);
  if (kind === 'create' || name === undefined) {
    const fresh = `s${number}`;
    return { commands: [['snapshot', '-c', fresh, 'disk']], effect: (disk) => disk.take(fresh) };
  }
  return kind === 'apply'
    ? { commands: [['snapshot', '-a', name, 'disk']], effect: (disk) => disk.goBack(name) }
    : { commands: [['snapshot', '-d', name, 'disk']], effect: ({ snapshots: left }) => void left.delete(name) };
}

function bitmap({ pick }: Random): Move {
  const name = pick(bitmaps);
  const args = pick([
    ['--add'],
    ['--add'],
    ['--add', '-g', '512'],
    ['--add', '--disable', '-g', '4k'],
    ['--remove'],
    ['--clear'],
    ['--enable'],
    ['--disable'],
    ['--merge', pick(bitmaps)],
    ['--add', '--merge', pick(bitmaps)],
  ]);
  return { commands: [['bitmap', ...args, 'disk', name]], effect: () => undefined };
}

/**
 * A size for the disk: of whole sectors, since qemu-img reads no others. It is cut between clusters: what one that is cut
 * shows when the disk grows again depends on the preallocation (see resizeCases.ts).
 */
function drawSize({ below }: Random, { clusterSize }: MadeDisk, { size }: DiskModel): number {
  if (below(2) === 0) {
    return Math.min(size + below(2048) * unit, 2 ** 22);
  }
  const wanted = size - below(1024) * unit;
  return Math.min(size, Math.max(clusterSize, wanted - (wanted % clusterSize)));
}

function resize(random: Random, made: MadeDisk, disk: DiskModel): Move {
  const size = drawSize(random, made, disk);
  const how =
    size > disk.size
      ? random.pick([[], [], [], ['--preallocation=metadata'], ['--preallocation=falloc'], ['--preallocation=full']])
      : ['--shrink'];
  return { commands: [['resize', ...how, 'disk', String(size)]], effect: (now) => now.resize(size) };
}

function amend(random: Random, made: MadeDisk, disk: DiskModel): Move {
  const { below, pick } = random;
  const size = drawSize(random, made, disk);
  const all = [
    `compat=${pick(['0.10', '1.1'])}`,
    `lazy_refcounts=${pick(['on', 'off'])}`,
    `refcount_bits=${2 ** below(7)}`,
    `size=${size}`,
  ];
  const some = all.filter(() => below(3) === 0);
  const options = some.length > 0 ? some : [pick(['compat=0.10', 'compat=1.1'])];
  const resized = options.some((option) => option.startsWith('size='));
  return {
    commands: [['amend', '-o', options.join(','), 'disk']],
    effect: (now) => now.resize(resized ? size : now.size),
  };
}

function rebase({ pick }: Random, { backed }: MadeDisk): Move {
  // What is read through the other file is the same, so that the disk stays what it is.
  const names: [string[], ...string[][]] = backed
    ? [
        ['-b', 'base', '-F', 'raw'],
        ['-b', 'base2', '-F', 'raw'],
      ]
    : [
        ['-b', 'zeros', '-F', 'raw'],
        ['-b', ''],
      ];
  return { commands: [['rebase', '-u', ...pick(names), 'disk']], effect: () => undefined };
}

/** The corrupt bit comes and goes; after the dirty bit QEMU repairs the image when it opens it, and writes. */
function bits({ pick }: Random, { size }: DiskModel, number: number): Move {
  const set = (bit: string, verb: string): string[] => ['bits', `--${verb}`, bit, '--confirm', bit, 'disk'];
  const byte = number % 250;
  return pick(['corrupt', 'dirty']) === 'corrupt'
    ? { commands: [set('corrupt', 'set'), set('corrupt', 'clear')], effect: () => undefined }
    : {
        commands: [set('dirty', 'set'), ['io', `write -P ${byte} 0 ${Math.min(size, 4096)}`]],
        effect: (disk) => disk.fill(0, Math.min(disk.size, 4096), byte),
      };
}
