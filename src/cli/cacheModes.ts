import { bytesOfText } from './bytes.ts';
import { Failure } from './program.ts';

/**
 * How QEMU's own cache is used (bdrv_parse_cache_mode). Here files are read as they are, and every step of a change is
 * flushed, in any case.
 */
const modes = ['none', 'off', 'writeback', 'unsafe', 'writethrough', 'directsync'];

/** Throws QEMU's message for a mode that there is not. `option`: what it calls the option. */
export function requireCacheMode(option: 'cache' | 'source cache', mode: string | undefined): void {
  if (mode !== undefined && !modes.includes(mode)) {
    throw new Failure(`Invalid ${option} option: ${bytesOfText(mode)}`);
  }
}
