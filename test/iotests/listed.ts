/**
 * The tests of QEMU's suite that need no more of qemu-img than create, info, map, amend, resize, snapshot, bitmap and
 * rebase, and what they are about. Each passes with Debian's qemu-img 7.2.
 */
export const listed: readonly (readonly [name: string, about: string])[] = [
  ['002', 'plain reads and writes of a new image'],
  ['003', 'vectored reads and writes of a new image'],
  ['005', 'an image of a 5 TB disk'],
  ['008', 'asynchronous reads and writes of a new image'],
  ['012', 'a new image that is then made read-only'],
  ['027', 'writes of less than a cluster'],
  ['033', 'zeros of odd places and lengths, in clusters of 4 KiB too'],
  ['052', 'a new image behind a temporary overlay'],
  ['065', 'info, for people and as JSON, compared with what a guest monitor tells'],
  ['069', 'an overlay whose backing file is then removed'],
  ['095', 'a chain of images of different sizes, committed while a guest runs; info'],
  ['107', 'updates of the L1 table of a new image'],
  ['111', 'an overlay of a file that is not there: the message'],
  ['126', 'file names with a colon, with `file:` before them and without; info'],
  ['130', 'backing file names after a guest monitor has changed the chain; info'],
  ['137', 'new images, one with clusters of 256 KiB, reopened with other options'],
  ['187', 'a new image, reopened read-only and back'],
  ['250', 'preallocated metadata; map; resize --shrink, which gives the blocks of the file back'],
  ['290', 'map after discards over a backing file, compat 0.10 and 1.1'],
  ['303', 'bitmap --add and --disable; then each field of the header and of the bitmap directory'],
];
