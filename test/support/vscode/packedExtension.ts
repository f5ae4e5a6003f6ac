import { join } from 'node:path';
import { packVsix, thisTarget } from '../vsix.ts';
import { temporaryFolder } from './ending.ts';

/** Packs the sources as `npm run package` does, for this platform; gives the path of the VSIX. */
export async function packedExtension(): Promise<string> {
  const vsix = join(temporaryFolder('vsix'), 'extension.vsix');
  await packVsix(thisTarget(), vsix);
  return vsix;
}
