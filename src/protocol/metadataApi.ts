/** The metadata of an image, compared with another one's and copied. Only the host may ask for it (`hostMethods`). */
export interface MetadataApi {
  /** Compares the image, which is A, with another one by the metadata: lines for a person. Reports progress. */
  compareMetadata(request: CompareRequest): string;
  /**
   * Copies the metadata, and nothing of the guest's data, to a new file: lines for a person that say what is in it and what
   * was left out. Reports progress.
   */
  copyMetadata(request: CopyMetadataRequest): readonly string[];
}

/** What the image is compared with. */
export interface CompareRequest {
  /** Path of the other image, which the user has named. */
  readonly path: string;
}

/** Where the metadata goes, and which of it. */
export interface CopyMetadataRequest {
  /** Path of the file; one that is there is replaced once all is written. */
  readonly path: string;
  /** Whether names inside of the image are replaced by ones that tell nothing. */
  readonly anonymous: boolean;
  /** Whether the bits of bitmaps are copied, which tell where the guest has written. */
  readonly bitmapData: boolean;
}
