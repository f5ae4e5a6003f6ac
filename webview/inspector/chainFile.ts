import { showSize } from '../../src/engine/format/show.ts';
import { type ChainPlace, fileAt } from '../../src/protocol/chainApi.ts';
import { readyValue } from '../loaded.ts';
import { stateWords } from '../panes/chainFiles.ts';
import type { Session } from '../session.ts';

/** Whether a file that the image names is open, and how large it is; undefined until that is known. */
export function chainFileState(session: Session, place: ChainPlace): string | undefined {
  const picture = readyValue(session.chain.picture);
  const file = picture && fileAt(picture, place);
  if (file === undefined) {
    return undefined;
  }
  const { words } = stateWords[file.state];
  return file.fileSize === undefined ? words : `${words}, ${showSize(file.fileSize)}`;
}
