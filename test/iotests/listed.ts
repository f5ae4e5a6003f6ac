/**
 * The tests of QEMU's suite that need no more of qemu-img than create, info, map, check, amend, resize, snapshot, bitmap
 * and rebase, and what they are about. Each passes with Debian's qemu-img 7.2. `seconds`: that one may take, where that is
 * more than the others.
 *
 * One that needs no more is left out, since it does not pass, on purpose: 112 (widths of refcounts).
 *
 * - Where a refcount of 1 or 2 bits has no room for a snapshot, qemu-img leaks the cluster of the new L1 table, and the
 *   test expects "Leaked cluster 6", "7" and "6" in three places. Ours plans first, refuses with the same words, and
 *   leaks nothing (test/interop/snapshotCommand.test.ts).
 * - After `amend` to 2 bits, two guest clusters share one host cluster of refcount 1. The test expects `check -r all` to
 *   raise it to 2 and to call the image clean, though at least one of the guest clusters has data that is not its own.
 *   Ours says "nothing is repaired", and leads to `repair`, which gives each its own copy
 *   (test/interop/checkRepair.test.ts, "blesses two guest clusters on one host cluster with refcount 2").
 * - `amend -p` goes over the refcounts once, where qemu-img goes over them several times: two lines of progress less.
 */
export const listed: readonly (readonly [name: string, about: string, seconds?: number])[] = [
  ['002', 'plain reads and writes of a new image'],
  ['003', 'vectored reads and writes of a new image'],
  ['005', 'an image of a 5 TB disk'],
  ['007', 'an old case of refcounts that are wrong after writes between snapshots; check'],
  ['008', 'asynchronous reads and writes of a new image'],
  ['009', 'an old case of clusters in use that count as free; check'],
  ['011', 'concurrent writes to one cluster; check'],
  ['012', 'a new image that is then made read-only'],
  ['025', 'images that are made larger; check'],
  [
    '026',
    'writes, snapshots and discards while each write of a table fails in turn: at worst leaks; check, 300 times',
    900,
  ],
  ['027', 'writes of less than a cluster'],
  ['033', 'zeros of odd places and lengths, in clusters of 4 KiB too'],
  ['035', 'concurrent requests to a disk of 6 GiB in clusters of 512; check'],
  ['037', 'copies from backing files when less than a cluster is written; check'],
  ['043', 'chains that loop, made with rebase -u: info --backing-chain refuses them'],
  ['049', 'sizes, options and messages of create; encryption among them'],
  ['052', 'a new image behind a temporary overlay'],
  ['062', 'a snapshot of zeros that have no cluster; check'],
  ['065', 'info, for people and as JSON, compared with what a guest monitor tells'],
  ['066', 'zeros that have a cluster, written, read and discarded; check'],
  ['069', 'an overlay whose backing file is then removed'],
  ['073', 'reads over clusters of different kinds, compressed ones too; check'],
  ['079', 'metadata preallocated in clusters of 16 KiB to 2 MiB; 4 MiB refused'],
  ['095', 'a chain of images of different sizes, committed while a guest runs; info'],
  ['103', 'limits of the caches of tables, on an image with a snapshot'],
  ['104', 'sizes that are no whole sectors; info'],
  ['107', 'updates of the L1 table of a new image'],
  ['108', 'refcounts that have to be built anew, on a file that can not grow too: check -r all, to the line'],
  ['111', 'an overlay of a file that is not there: the message'],
  ['117', 'one image behind two trees of a guest monitor; check'],
  ['121', 'refcount tables that have to grow; check'],
  ['126', 'file names with a colon, with `file:` before them and without; info'],
  ['130', 'backing file names after a guest monitor has changed the chain; info'],
  ['137', 'new images, one with clusters of 256 KiB, reopened with other options'],
  ['177', 'disks and requests of unusual sizes; check'],
  ['179', 'zeros written with the right to give the space back; map and check'],
  ['187', 'a new image, reopened read-only and back'],
  ['195', 'info after a guest monitor has changed the name of a backing file'],
  ['214', 'compressed clusters whose size is too large: read, and check -r all'],
  ['242', 'bitmaps that a guest has made, sound and broken ones; info'],
  ['243', 'preallocation of each kind, with a data file too: how much of the disk it takes'],
  ['250', 'preallocated metadata; map; resize --shrink, which gives the blocks of the file back'],
  ['270', 'one large write; check'],
  ['279', 'info --backing-chain, by path and with --image-opts'],
  ['286', 'snapshot -l of a snapshot with a long name, made by a guest monitor'],
  ['289', 'a first read after the image was reopened; check'],
  ['290', 'map after discards over a backing file, compat 0.10 and 1.1'],
  ['298', 'preallocation beyond the end by a filter of a guest monitor; check'],
  ['303', 'bitmap --add and --disable; then each field of the header and of the bitmap directory'],
  ['image-fleecing', 'bitmap --add, then backups by it while a guest writes'],
  ['remove-bitmap-from-backing', 'bitmap --add in a backing file, and what info tells of it'],
];
