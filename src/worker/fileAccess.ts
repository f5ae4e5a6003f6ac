import { Qcow2Error } from '../engine/error.ts';
import { closedGate, type Gate } from '../engine/ports.ts';
import type { ChainBlock, Consent } from '../protocol/chainApi.ts';

/** What a thread is told of what it may open. */
export interface AccessStart {
  /** Of the image: names in it are relative to it. */
  readonly path: string;
  /** Whether the image is in a virtual file system, which has no paths. */
  readonly virtual: boolean;
  readonly trusted: boolean;
  /** What the user has said before to an earlier thread of the image. */
  readonly consent?: Consent;
}

const refusals: Readonly<Record<ChainBlock, string>> = {
  untrusted:
    'In Restricted Mode no file is opened that an image names. Trust the folder (command “Workspaces: Manage Workspace Trust”), then open the chain.',
  virtual:
    'The image is in a virtual file system, where the names in it are no paths. Copy it and the files that it names to a disk, and open it there.',
};

/**
 * What the thread of an image may open besides the image: nothing, unless the workspace is trusted and the user has
 * said so. It outlives the image's being read anew.
 */
export class FileAccess {
  readonly path: string;
  /** Opens files as long as nothing is in the way; asked for each of them. */
  readonly gate: Gate;
  readonly #virtual: boolean;
  readonly #changed: (consent: Consent | undefined) => void;
  #trusted: boolean;
  #consent: Consent | undefined;
  // No number that an earlier thread of the image has told.
  #generation = Date.now();

  /**
   * @param gate - what opens files, once they may be
   * @param changed - is told what the user has said, whenever another answer about the chain can be had
   */
  constructor(
    { path, virtual, trusted, consent }: AccessStart,
    gate: Gate,
    changed: (consent: Consent | undefined) => void,
  ) {
    this.path = path;
    this.gate = { open: (name, from) => (this.blocked === undefined ? gate : closedGate).open(name, from) };
    this.#virtual = virtual;
    this.#trusted = trusted;
    this.#consent = consent;
    this.#changed = changed;
  }

  /** What is in the way, whatever the user says to the image. */
  get blocked(): ChainBlock | undefined {
    return this.#virtual ? 'virtual' : this.#trusted ? undefined : 'untrusted';
  }

  /** Grows whenever files were allowed or no longer. */
  get generation(): number {
    return this.#generation;
  }

  /** The user's word on files with these names; undefined for none. */
  consentTo(names: string): Consent | undefined {
    return this.blocked === undefined && this.#consent?.names === names ? this.#consent : undefined;
  }

  /** Says that the workspace is trusted now, or not. */
  trust(trusted: boolean): void {
    if (trusted !== this.#trusted) {
      this.#trusted = trusted;
      this.#tell();
    }
  }

  /** Takes the user's word. Throws `not-allowed` where something is in the way. */
  allow(consent: Consent): void {
    if (this.blocked !== undefined) {
      throw new Qcow2Error('not-allowed', refusals[this.blocked]);
    }
    this.#consent = consent;
    this.#tell();
  }

  /** Takes the word back. */
  forbid(): void {
    if (this.#consent !== undefined) {
      this.#consent = undefined;
      this.#tell();
    }
  }

  #tell(): void {
    this.#generation++;
    this.#changed(this.#consent);
  }
}

/** Allows nothing, ever. */
export function noAccess(path = ''): FileAccess {
  return new FileAccess({ path, virtual: false, trusted: false }, closedGate, () => undefined);
}
