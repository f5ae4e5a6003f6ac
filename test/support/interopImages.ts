import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { type MadeImage, makeImages } from './imageRecipe.ts';
import { interopRecipes } from './interopRecipes.ts';

let made: Promise<readonly MadeImage[]> | undefined;

/**
 * The images over which our answers are held against qemu-img's, made by qemu-img and qemu-io when they are not there
 * yet. Fails when QEMU's tools are missing. Nobody may write to them.
 */
export function interopImages(): Promise<readonly MadeImage[]> {
  made ??= makeImages(interopRecipes, join(cacheFolder, 'interop'));
  return made;
}
