import { Qcow2Error } from '../error.ts';
import { limits } from '../limits.ts';

/** What an action does to the bitmap. */
export type BitmapVerb = 'add' | 'remove' | 'clear' | 'enable' | 'disable' | 'merge';

/** Why an action can't be done. */
export type BitmapFault =
  | { readonly kind: 'no-name' }
  | { readonly kind: 'granularity'; readonly bytes: bigint }
  | { readonly kind: 'exists' }
  | { readonly kind: 'version-2' }
  | { readonly kind: 'empty-disk' }
  | { readonly kind: 'too-big' }
  | { readonly kind: 'name-too-long'; readonly bytes: number }
  | { readonly kind: 'too-many' }
  | { readonly kind: 'directory-full' }
  /** `bitmap`: which one, of the image or of the image that is merged from. */
  | { readonly kind: 'not-found'; readonly bitmap: string }
  | { readonly kind: 'inconsistent'; readonly bitmap: string }
  | { readonly kind: 'sizes'; readonly own: bigint; readonly other: bigint };

/**
 * The name that QEMU gives the image in its messages has digits at random. It has this form, so that scripts that filter
 * it out go on to do so.
 */
const nodeName = '#block000';

/** The error for an action on the bitmap `name`, with qemu-img's words beside ours. */
export function bitmapFault(verb: BitmapVerb, name: string, fault: BitmapFault): Qcow2Error {
  const { code, says, qemu } = textsOf(fault, name);
  return new Qcow2Error(code, `The image is not changed: ${says}`, {
    qemu: `Operation ${verb} on bitmap ${name} failed: ${qemu}`,
  });
}

/** Our half sentence, and QEMU's message. */
interface Texts {
  readonly code: 'bad-argument' | 'refused' | 'too-large' | 'not-found';
  readonly says: string;
  readonly qemu: string;
}

function textsOf(fault: BitmapFault, name: string): Texts {
  const notStored = (why: string): string => `Can't make bitmap '${name}' persistent in '${nodeName}': ${why}`;
  switch (fault.kind) {
    case 'no-name':
      return { code: 'bad-argument', says: 'a bitmap must have a name.', qemu: 'Bitmap name cannot be empty' };
    case 'granularity':
      return {
        code: 'bad-argument',
        says: `a bit of a bitmap can’t stand for ${fault.bytes} bytes. Give a power of 2 from 512 bytes to 2 GiB.`,
        qemu: 'Granularity must be power of 2 and at least 512',
      };
    case 'exists':
      return {
        code: 'bad-argument',
        says: `there is a bitmap '${name}' already. Remove it first, or take another name.`,
        qemu: `Bitmap already exists: ${name}`,
      };
    case 'version-2':
      return {
        code: 'refused',
        says: 'it is of compat 0.10, which has no bitmaps. Upgrade it to compat 1.1 first.',
        qemu: notStored('Cannot store dirty bitmaps in qcow2 v2 files'),
      };
    case 'empty-disk':
      // qemu-img fails only as it closes the image ("Lost persistent bitmaps […]: No memory"), and exits with 0.
      return {
        code: 'refused',
        says: 'its disk has a size of 0, and QEMU opens no image with a bitmap of nothing. Resize it first.',
        qemu: notStored('The disk has a size of 0: there is nothing to store'),
      };
    case 'too-big':
      return {
        code: 'too-large',
        says: `the bitmap would take more than ${limits.bitmapBytes} bytes. Use a larger granularity.`,
        qemu: notStored('Too much space will be occupied by the bitmap. Use larger granularity'),
      };
    case 'name-too-long':
      return {
        code: 'bad-argument',
        says: `the bitmap's name has ${fault.bytes} bytes: at most ${limits.bitmapNameBytes} can be stored.`,
        qemu: notStored(`Name length exceeds maximum (${limits.bitmapNameBytes} characters)`),
      };
    case 'too-many':
      return {
        code: 'too-large',
        says: `it has ${limits.bitmaps} bitmaps, which is the most. Remove one first.`,
        qemu: notStored('Maximum number of persistent bitmaps is already reached'),
      };
    case 'directory-full':
      return {
        code: 'too-large',
        says: `the bitmap directory would have more than ${limits.bitmapDirectoryBytes} bytes. Remove a bitmap first.`,
        qemu: notStored('Not enough space in the bitmap directory'),
      };
    case 'not-found':
      return {
        code: 'not-found',
        says: `there is no bitmap '${fault.bitmap}'.`,
        qemu: `Dirty bitmap '${fault.bitmap}' not found`,
      };
    case 'inconsistent':
      return {
        code: 'refused',
        says: `bitmap '${fault.bitmap}' was not saved properly (in use), so that what it says can’t be relied on. It can only be removed.`,
        qemu:
          `Bitmap '${fault.bitmap}' is inconsistent and cannot be used\n` +
          'Try block-dirty-bitmap-remove to delete this bitmap from disk',
      };
    case 'sizes':
      return {
        code: 'bad-argument',
        says: `the bitmap to merge is of a disk of ${fault.other} bytes, and this one of ${fault.own}. Only bitmaps of disks of one size can be merged.`,
        qemu: `Bitmaps are of different sizes (destination size is ${fault.own}, source size is ${fault.other}) and can't be merged`,
      };
  }
}
