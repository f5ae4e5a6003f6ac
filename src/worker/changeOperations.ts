import type { ChangeSet } from '../engine/change/changeSet.ts';
import { encodeText } from '../engine/format/text.ts';
import type { Image } from '../engine/image/image.ts';
import { planRebase } from '../engine/operations/rebase.ts';
import type { FileState, Progress, Storage } from '../engine/ports.ts';
import type { OperationRequest } from '../protocol/changeApi.ts';

/** An image of which a change is planned. */
interface Target {
  readonly image: Image;
  readonly storage: Storage;
  /** The file that it is planned for. */
  readonly from: FileState;
  readonly progress: Progress;
}

/** Plans an operation. Undefined where there is nothing to change. Throws `Qcow2Error` with all that is in the way. */
type Plan<Verb extends OperationRequest['verb']> = (
  target: Target,
  request: Extract<OperationRequest, { verb: Verb }>,
) => Promise<ChangeSet | undefined>;

/** How each operation is planned. */
const plans: { readonly [Verb in OperationRequest['verb']]: Plan<Verb> } = {
  rebase: ({ image, storage, from }, { backing }) =>
    planRebase(
      image,
      storage,
      from,
      backing && {
        name: encodeText(backing.name),
        ...(backing.format === undefined ? {} : { format: encodeText(backing.format) }),
      },
    ),
};

/** Plans what is requested. Undefined where there is nothing to change. Throws `Qcow2Error` with all that is in the way. */
export function planOperation<Verb extends OperationRequest['verb']>(
  target: Target,
  request: Extract<OperationRequest, { verb: Verb }>,
): Promise<ChangeSet | undefined> {
  return plans[request.verb as Verb](target, request);
}
