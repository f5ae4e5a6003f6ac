/** An image that is amended, and how. */
export interface AmendCase {
  readonly clusterSize: string;
  /** Options of `create`, as for `-o`. */
  readonly create: string;
  readonly content: keyof typeof contents;
  /** Options of `amend`, as for `-o`. */
  readonly amend: string;
}

/**
 * What is in an image: commands of qemu-io, or of qemu-img where they begin with `img `; IMAGE stands for the path, C for
 * a number of clusters (`2C` is two).
 */
export const contents = {
  empty: [],
  written: ['write -P 1 0 5C', 'write -P 2 8C 1C', 'write -P 3 1C 512'],
  compressed: ['write -c -P 1 0 1C', 'write -c -P 2 1C 1C', 'write -P 3 3C 1C'],
  zeros: ['write -P 1 0 8C', 'write -z 2C 2C', 'write -z 12C 3C', 'write -z 5C 512'],
  snapshots: [
    'write -P 1 0 6C',
    'img snapshot -c one IMAGE',
    'write -P 2 4C 4C',
    'img snapshot -c two IMAGE',
    'write -c -P 3 20C 1C',
  ],
  zerosAndSnapshots: [
    'write -P 1 0 4C',
    'write -z 2C 1C',
    'write -z 10C 2C',
    'img snapshot -c one IMAGE',
    'write -P 2 12C 2C',
  ],
} as const;

const clusterSizes = ['512', '1k', '2k', '4k', '8k', '16k', '32k', '64k', '128k', '256k', '512k', '1M', '2M'];
const widths = ['1', '2', '4', '8', '16', '32', '64'];

/** Every cluster size with every kind of content, up and down; every width of refcounts to every other. */
export function amendCases(): AmendCase[] {
  const cases: AmendCase[] = [];
  const add = (clusterSize: string, create: string, content: AmendCase['content'], amend: string): void => {
    cases.push({ clusterSize, create, content, amend });
  };
  const kinds = Object.keys(contents) as AmendCase['content'][];
  for (const [index, clusterSize] of clusterSizes.entries()) {
    const kind = (by: number): AmendCase['content'] => kinds[(index + by) % kinds.length] ?? 'empty';
    add(clusterSize, 'compat=0.10', kind(0) === 'zeros' ? 'snapshots' : kind(0), 'compat=1.1');
    add(clusterSize, 'lazy_refcounts=on', kind(1), 'compat=0.10');
    add(clusterSize, 'refcount_bits=32', kind(2), 'compat=0.10,refcount_bits=16');
    add(clusterSize, '', kind(3), 'lazy_refcounts=on,refcount_bits=8');
  }
  for (const content of kinds) {
    add('4k', '', content, 'compat=v2');
    add('64k', 'backing', content, 'compat=v2');
    add('1k', 'backing', content, 'compat=v2');
  }
  for (const from of widths) {
    for (const to of widths.filter((width) => width !== from)) {
      add(
        '4k',
        `refcount_bits=${from}`,
        Math.min(Number(from), Number(to)) < 4 ? 'written' : 'snapshots',
        `refcount_bits=${to}`,
      );
    }
  }
  return cases;
}
