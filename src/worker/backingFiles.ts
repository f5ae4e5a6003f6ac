import { Qcow2Error } from '../engine/error.ts';
import type { ByteSource } from '../engine/image/byteRuns.ts';
import { type Chain, closeChain, openChain, type StopReason } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import { fileGate } from '../platform/gate.ts';
import { backingBytes } from './byteSources.ts';

/** Why a file of the chain is not read, where there is no error that tells. */
const reasons: Readonly<Record<StopReason, string>> = {
  'not-opened': 'it was not opened.',
  'refused-name': 'such names are never followed.',
  failed: 'it can’t be opened.',
  loop: 'the chain comes back to a file that is in it.',
  'too-deep': 'the chain has more than 64 files.',
  'no-format': 'the image does not say its format. Name it first (“Rebase…”).',
  'unknown-format': 'its format is neither qcow2 nor raw.',
};

/** The files that an image of which a change is planned is based on: opened once the user has allowed it. */
export class BackingFiles {
  readonly #image: Image;
  readonly #path: string;
  #chain: Chain | undefined;

  /** `path`: of the image, to which the names are relative. */
  constructor(image: Image, path: string) {
    this.#image = image;
    this.#path = path;
  }

  /**
   * The guest's bytes of the backing file; undefined where none is named. Throws `not-found` where a file of the chain
   * can't be opened: what the guest would see is not known then.
   */
  async open(): Promise<ByteSource | undefined> {
    this.#chain ??= await openChain(this.#image, this.#path, fileGate, { probe: false, dataFiles: true });
    const [stop] = this.#chain.stops.filter(({ role, depth }) => role === 'backing' || depth > 0);
    if (stop !== undefined) {
      const name = JSON.stringify(stop.name);
      throw new Qcow2Error(
        'not-found',
        `The image is not changed. What it is based on must be read, and ${name} can’t be: ${stop.error?.message ?? reasons[stop.reason]}`,
      );
    }
    return backingBytes(this.#chain.layers);
  }

  /** Gives the files back. */
  async close(): Promise<void> {
    if (this.#chain !== undefined) {
      await closeChain(this.#chain);
    }
  }
}
