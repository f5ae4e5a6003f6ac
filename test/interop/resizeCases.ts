/** An image that is resized: made by qemu-img, written by qemu-io, in a folder of its own. */
export interface ResizeCase {
  readonly name: string;
  /** Options of `qemu-img create`. */
  readonly options?: string;
  readonly size: string;
  /** Commands of qemu-io, or of qemu-img where they begin with `img `. The image is `disk`. */
  readonly steps?: readonly string[];
  /** The backing file's size; it is full of sevens. */
  readonly backing?: string;
  /** What `resize` gets, before the image and its size. */
  readonly how?: string;
  readonly to: string;
  /** Why the map differs, where it does. */
  readonly mapDiffers?: string;
}

const mixed = ['write -P 1 0 300k', 'write -z 400k 64k', 'write -P 2 900k 100k', 'write -c -P 3 512k 64k'];
const spread = ['write -P 1 0 64k', 'write -P 2 700k 64k', 'write -P 3 5M 1M', 'write -z 7M 1M', 'write -P 4 9M 1M'];
const compressed = Array.from({ length: 12 }, (_, index) => `write -c -P ${index + 1} ${index * 64}k 64k`);
const taken = ['write -P 1 0 1M', 'img snapshot -c one disk', 'write -P 2 256k 512k'];

/** Clusters of each size, extended L2 entries, refcounts of each width, version 2: grown and shrunk. */
const formats: readonly ResizeCase[] = ['512', '1k', '4k', '64k', '2M']
  .map((cluster) => `cluster_size=${cluster}`)
  .concat(
    'compat=0.10',
    'extended_l2=on',
    'refcount_bits=1',
    'refcount_bits=8',
    'refcount_bits=64,cluster_size=4k',
    'lazy_refcounts=on',
    'compression_type=zstd',
  )
  .flatMap((options) => [
    {
      name: `${options} grows`,
      options,
      size: '1M',
      // Only whole clusters are compressed.
      steps: mixed.filter((step) => !(options === 'cluster_size=2M' && step.includes('-c'))),
      to: '+9M',
    },
    { name: `${options} shrinks`, options, size: '10M', steps: spread, how: '--shrink', to: '1M' },
  ]);

const preallocated: readonly ResizeCase[] = ['metadata', 'falloc', 'full'].flatMap((mode) => [
  { name: `grows with ${mode}`, size: '1M', steps: mixed, how: `--preallocation=${mode}`, to: '5M' },
  {
    name: `grows with ${mode} from within a cluster`,
    size: '1000k',
    steps: ['write -P 1 0 100k'],
    how: `--preallocation=${mode}`,
    to: '3000k',
  },
  {
    name: `small clusters grow with ${mode}, over many tables and refcount blocks`,
    options: 'cluster_size=512',
    size: '100k',
    steps: ['write -P 1 0 10k'],
    how: `--preallocation=${mode}`,
    to: '9M',
  },
  {
    name: `extended L2 grows with ${mode}`,
    options: 'extended_l2=on',
    size: '1M',
    steps: mixed,
    how: `--preallocation=${mode}`,
    to: '3M',
  },
  {
    name: `an overlay of a longer file grows with ${mode}`,
    size: '1M',
    backing: '2M',
    how: `--preallocation=${mode}`,
    to: '3M',
  },
]);

const backed: readonly ResizeCase[] = [
  { name: 'an overlay of a shorter file grows', size: '2M', backing: '1M', steps: ['write -P 1 0 64k'], to: '4M' },
  { name: 'an overlay of a longer file grows', size: '1M', backing: '4M', steps: ['write -P 1 0 64k'], to: '3M' },
  { name: 'an overlay grows past the end of its longer file', size: '1M', backing: '2M', to: '700M' },
  { name: 'an overlay grows within one cluster', size: '1000k', backing: '4M', to: '1010k' },
  { name: 'an overlay that ends within a cluster grows', size: '1000k', backing: '4M', to: '3M' },
  {
    name: 'an overlay that ends within a written cluster grows',
    size: '1000k',
    backing: '4M',
    steps: ['write -P 5 990k 10k'],
    to: '3M',
  },
  {
    name: 'an overlay that ends within a compressed cluster grows',
    size: '1000k',
    backing: '4M',
    steps: ['write -c -P 5 960k 40k'],
    to: '3M',
  },
  {
    name: 'an overlay that ends within a zero cluster grows',
    size: '1000k',
    backing: '4M',
    steps: ['write -z 960k 40k'],
    to: '3M',
    mapDiffers: 'QEMU allocates the cluster, and writes zeros into it; here it stays a zero cluster',
  },
  {
    name: 'an overlay of extended L2 grows from the end of a subcluster',
    options: 'extended_l2=on',
    size: '1000k',
    backing: '4M',
    to: '3M',
  },
  {
    name: 'an overlay shrinks, and the backing file comes up',
    size: '4M',
    backing: '4M',
    steps: ['write -P 1 0 4M'],
    how: '--shrink',
    to: '1000k',
  },
  {
    name: 'an overlay of version 2 shrinks',
    options: 'compat=0.10',
    size: '4M',
    backing: '4M',
    steps: ['write -P 1 1M 2M'],
    how: '--shrink',
    to: '2M',
  },
];

const kept: readonly ResizeCase[] = [
  { name: 'a disk with a snapshot grows', size: '1M', steps: taken, to: '3M' },
  { name: 'a disk with a snapshot shrinks', size: '1M', steps: taken, how: '--shrink', to: '300k' },
  {
    name: 'small clusters with a snapshot shrink',
    options: 'cluster_size=512',
    size: '1M',
    steps: taken,
    how: '--shrink',
    to: '400k',
  },
  {
    name: 'a disk with a snapshot grows with metadata',
    size: '1M',
    steps: taken,
    how: '--preallocation=metadata',
    to: '3M',
  },
  {
    name: 'an overlay with a snapshot that ends within a cluster grows',
    size: '1000k',
    backing: '4M',
    steps: ['write -P 1 900k 100k', 'img snapshot -c one disk'],
    to: '3M',
  },
  { name: 'compressed clusters share host clusters', size: '1M', steps: compressed, how: '--shrink', to: '300k' },
  {
    name: 'preallocated clusters shrink',
    options: 'preallocation=metadata',
    size: '9M',
    steps: ['write -P 1 0 1M'],
    how: '--shrink',
    to: '2M',
  },
  { name: 'an empty disk shrinks', size: '1G', how: '--shrink', to: '512' },
  { name: 'a disk grows until its L1 table must move', size: '1M', steps: mixed, to: '100T' },
  { name: 'a disk of no bytes grows', size: '0', to: '1M' },
  { name: 'a disk gets the size that it has', size: '1M', steps: mixed, to: '+0' },
];

/** QEMU shows what the last cluster had behind the end, but where it allocates the cluster anew. */
const cut: readonly ResizeCase[] = ['off', 'metadata', 'falloc', 'full'].flatMap((mode) =>
  ['cluster_size=4k', 'cluster_size=16k,extended_l2=on'].map((options) => ({
    name: `${options}: a disk that was cut within a written cluster grows with ${mode}`,
    options,
    size: '1M',
    steps: ['write -P 1 0 1M', 'img resize -q --shrink disk 70656'],
    how: `--preallocation=${mode}`,
    to: '438272',
    ...(options.includes('extended_l2') && (mode === 'falloc' || mode === 'full')
      ? { mapDiffers: 'QEMU writes zeros behind the end; here the subclusters behind are told to read as zeros' }
      : {}),
  })),
);

const bitmaps: readonly ResizeCase[] = [
  {
    name: 'bitmaps grow, and what is new is clean',
    size: '1M',
    steps: ['img bitmap --add disk one', 'img bitmap --add -g 512 --disable disk two', 'write 0 300k'],
    to: '40G',
  },
  {
    name: 'bitmaps of several clusters grow',
    options: 'cluster_size=512',
    size: '1M',
    steps: ['img bitmap --add -g 512 disk one', 'write 0 1M'],
    to: '9M',
  },
  {
    name: 'bitmaps of several clusters shrink',
    options: 'cluster_size=512',
    size: '9M',
    steps: ['img bitmap --add -g 512 disk one', 'img bitmap --add -g 64k disk two', 'write 0 9M'],
    how: '--shrink',
    to: '3000k',
  },
  {
    name: 'bitmaps shrink, and grow again, clean',
    size: '9M',
    steps: ['img bitmap --add -g 512 disk one', 'write 0 9M', 'img resize -q --shrink disk 2M'],
    to: '9M',
  },
  {
    name: 'the last bits of a bitmap go',
    size: '9M',
    steps: ['img bitmap --add -g 512 disk one', 'write 0 9M'],
    how: '--shrink',
    to: '1000k',
  },
];

const dataFiles: readonly ResizeCase[] = ['data_file=data', 'data_file=data,data_file_raw=on'].flatMap((options) => [
  { name: `${options} grows`, options, size: '1M', steps: ['write -P 1 0 1M'], to: '5M' },
  { name: `${options} grows with falloc`, options, size: '1M', how: '--preallocation=falloc', to: '3M' },
  { name: `${options} grows with full`, options, size: '1M', how: '--preallocation=full', to: '3M' },
  { name: `${options} shrinks`, options, size: '5M', steps: ['write -P 1 0 5M'], how: '--shrink', to: '1000k' },
]);

/** All of them. */
export const resizeCases: readonly ResizeCase[] = [
  ...formats,
  ...preallocated,
  ...backed,
  ...kept,
  ...cut,
  ...bitmaps,
  ...dataFiles,
];
