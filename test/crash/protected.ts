/**
 * Where the format has no safe order of writes: the change sets the corrupt bit meanwhile (version 3), or only its
 * journal protects the image (version 2). Everything else is safe at every moment without the journal. `change: image`.
 */
export const protectedChanges: readonly string[] = [
  // The unknown extension behind it moves, from one sector into another.
  'add the first bitmap: an unknown extension at the end',
  'remove the last bitmap: an unknown extension at the end',
];
