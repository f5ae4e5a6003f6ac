import { fileURLToPath } from 'node:url';

/** Where generated test files are kept: `.cache` in the repository, which git ignores. */
export const cacheFolder = fileURLToPath(new URL('../../.cache', import.meta.url));
