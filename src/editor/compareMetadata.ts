import { basename } from 'node:path';
import { CallFailed } from '../protocol/client.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';
import { withProgress } from './progress.ts';
import { callThread } from './threadCall.ts';

/**
 * How two images differ in their metadata, or why that can't be told, as a text to be shown.
 *
 * @param query - JSON: the two paths, as the document of the comparison keeps them
 */
export async function compareMetadata(threads: ImageThreads, query: string): Promise<string> {
  const paths: unknown = JSON.parse(query);
  const [a, b] = Array.isArray(paths) ? paths.map(String) : [];
  if (a === undefined || b === undefined) {
    throw new Error(`A comparison is of two images, not of ${query}`);
  }
  try {
    const text = await withProgress(`Comparing ${basename(a)} with ${basename(b)}`, (options) =>
      callThread(threads, a, 'compareMetadata', { path: b }, options),
    );
    return text ?? 'The comparison was stopped.\n';
  } catch (error) {
    if (!(error instanceof CallFailed)) {
      throw error;
    }
    return `The images can’t be compared: ${error.message}\n`;
  }
}
