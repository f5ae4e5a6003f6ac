/**
 * Where our answer differs from qemu-img's on purpose: the image's name and the reason, one line each. The tests fail
 * for every other difference.
 */
export const infoDifferences: ReadonlyMap<string, string> = new Map([
  ['LUKS without a crypto extension', 'qemu-img 7.2 crashes (SIGSEGV); we say what is missing'],
  [
    'snapshot table past the end of the file',
    'QEMU reads zeros there and lists a snapshot without ID and name; there is none in the file',
  ],
]);

/** The same for `map`. */
export const mapDifferences: ReadonlyMap<string, string> = new Map([]);
