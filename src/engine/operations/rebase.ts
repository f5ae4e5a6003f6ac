import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import { extensionTypes } from '../format/extensions.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { FileState, Storage } from '../ports.ts';

/** The backing file that an image is to name, as bytes. */
export interface BackingNames {
  readonly name: Uint8Array;
  readonly format?: Uint8Array;
}

/**
 * Plans to change the names of the backing file and its format in the header, and nothing else (qemu-img rebase -u). The
 * guest sees another disk where the new file's content differs.
 *
 * @param backing - undefined: the image has no backing file any more
 * @throws `Qcow2Error` `refused`, `bad-argument` for a name that is too long, `too-large` where there is no room
 */
export async function planRebase(
  image: Image,
  storage: Storage,
  from: FileState,
  backing: BackingNames | undefined,
): Promise<ChangeSet> {
  requireChangeable(image, { clusters: false });
  if (backing && backing.name.length > limits.backingNameBytes) {
    throw new Qcow2Error(
      'bad-argument',
      `The backing file's name has ${backing.name.length} bytes: at most ${limits.backingNameBytes} can be stored.`,
      { qemu: 'Invalid argument' },
    );
  }
  if (backing && image.dataFile?.raw) {
    throw new Qcow2Error('refused', 'An image whose data file is raw (data_file_raw) can have no backing file.', {
      qemu: 'Invalid argument',
    });
  }
  const draft = new Draft(storage);
  const change: HeaderChange = {
    backing: backing?.name ?? 'none',
    extensions: new Map([[extensionTypes.backingFormat, backing?.format]]),
  };
  draft.caution(
    'The backing file itself is not looked at: the guest sees what the new one holds where this image has nothing.',
  );
  await changeHeader(draft, change, backing ? 'Name the backing file' : 'Take the backing file’s name out');
  return draft.changeSet('Rebase (names only)', from);
}
