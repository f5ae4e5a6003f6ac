/** The options of `create` that are tried, as qemu-img takes them. */
export interface CreateCase {
  /** `-o`: name and value. */
  readonly options: Readonly<Record<string, string>>;
  readonly size: string;
}

const clusterSizes = ['512', '1k', '2k', '4k', '8k', '16k', '32k', '64k', '128k', '256k', '512k', '1M', '2M'];
const refcountBits = ['1', '2', '4', '8', '16', '32', '64'];
const sizes = ['0', '1', '512', '65537', '1000000', '1M', '10M', '513M'];

/** Combinations that cover every pair of values that can be together, and more of those that move tables. */
export function createCases(): CreateCase[] {
  const cases: CreateCase[] = [];
  const add = (size: string, options: Readonly<Record<string, string>>): void => {
    cases.push({ size, options });
  };
  for (const cluster_size of clusterSizes) {
    for (const compat of ['0.10', '1.1']) {
      add('10M', { cluster_size, compat });
    }
    for (const preallocation of ['metadata', 'falloc', 'full']) {
      add('3M', { cluster_size, preallocation });
      add('5000000', { cluster_size, preallocation, compat: 'v2' });
    }
    add('12M', { cluster_size, preallocation: 'metadata', refcount_bits: '64' });
    add('20M', { cluster_size, preallocation: 'falloc', refcount_bits: '1', lazy_refcounts: 'on' });
    add('100M', { cluster_size, compression_type: 'zstd', lazy_refcounts: 'on' });
  }
  for (const refcount_bits of refcountBits) {
    for (const preallocation of ['off', 'metadata', 'falloc']) {
      add('2M', { refcount_bits, preallocation, cluster_size: '512' });
      add('9M', { refcount_bits, preallocation, cluster_size: '4k', compat: 'v3' });
      add('1G', { refcount_bits, preallocation, cluster_size: '64k' });
    }
  }
  for (const size of sizes) {
    for (const preallocation of ['off', 'metadata', 'falloc', 'full']) {
      add(size, { preallocation });
    }
  }
  for (const cluster_size of ['16k', '64k', '2M']) {
    for (const preallocation of ['off', 'metadata', 'falloc', 'full']) {
      add('33M', { cluster_size, preallocation, extended_l2: 'on' });
    }
  }
  add('1000000', { preallocation: 'metadata', cluster_size: '512' });
  add('10M', { preallocation: 'metadata', cluster_size: '512' });
  // L1 tables that take refcount blocks of their own.
  add('6G', { cluster_size: '512' });
  add('3G', { cluster_size: '512', refcount_bits: '64' });
  add('100G', { cluster_size: '1k', compat: '0.10' });
  add('1T', {});
  add('6G', { preallocation: 'metadata' });
  return cases;
}
