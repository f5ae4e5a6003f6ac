import { bitmapHasReserved, bitmapUnaligned } from '../format/bitmapTable.ts';
import { l1HasReserved, l1Place, l1Unaligned } from '../format/l1.ts';
import { refcountTableReserved, refcountTableUnaligned } from '../format/refcounts.ts';
import { type Flaw, flaws } from './reference.ts';

/** What is wrong with an L1 entry, in the order in which a scan reports it. L2 entries: `l2Flaws`. */
export function l1Flaws(hi: number, lo: number, clusterBits: number): Flaw[] {
  const found = placeFlaws(l1HasReserved(hi, lo), l1Unaligned(lo, clusterBits));
  return (hi | lo) !== 0 && l1Place(hi, lo) === 0 ? [...found, flaws.flagsAlone] : found;
}

/** What is wrong with an entry of the refcount table. */
export function refcountTableFlaws(lo: number, clusterBits: number): Flaw[] {
  return placeFlaws(refcountTableReserved(lo), refcountTableUnaligned(lo, clusterBits));
}

/** What is wrong with an entry of a bitmap table. */
export function bitmapFlaws(hi: number, lo: number, clusterBits: number): Flaw[] {
  return placeFlaws(bitmapHasReserved(hi, lo), bitmapUnaligned(lo, clusterBits));
}

function placeFlaws(reserved: boolean, unaligned: boolean): Flaw[] {
  return [...(reserved ? [flaws.reserved] : []), ...(unaligned ? [flaws.unaligned] : [])];
}
