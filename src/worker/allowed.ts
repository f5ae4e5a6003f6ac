import type { Consent } from '../protocol/chainApi.ts';

/** What the user allows the threads of all images to open: kept by the host, in memory only. */
export class Allowed {
  /** Whether the user trusts the workspace. */
  trusted = false;
  /** The user's word on the files of an image, by its path. It outlives the image's thread, which a hidden tab ends. */
  readonly consents = new Map<string, Consent>();

  /** Keeps the user's word, or forgets it. */
  keep(path: string, consent: Consent | undefined): void {
    if (consent === undefined) {
      this.consents.delete(path);
    } else {
      this.consents.set(path, consent);
    }
  }
}
