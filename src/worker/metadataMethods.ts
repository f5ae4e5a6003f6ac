import type { Image } from '../engine/image/image.ts';
import type { MetadataApi } from '../protocol/metadataApi.ts';
import type { Handlers } from './server.ts';

/** Comparing and copying the metadata, for which code is loaded that few threads ever need. */
export function metadataMethods(image: Image, path: string): Pick<Handlers, keyof MetadataApi> {
  return {
    compareMetadata: async (request, { progress }) => {
      const { compareMetadata } = await import('./compareMetadata.ts');
      return compareMetadata(image, path, request.path, progress);
    },
    copyMetadata: async (request, { progress }) => {
      const { saveMetadata } = await import('./saveMetadata.ts');
      return saveMetadata(image, request, progress);
    },
  };
}
