import type { FileState } from '../protocol/news.ts';
import type { RefreshOnChange } from '../protocol/settings.ts';

/** Milliseconds without a change after which a change counts as complete. */
export const quietTime = 300;
/** Milliseconds after which a change is read, complete or not. */
const longestWait = 1000;
/** Milliseconds between two readings of a file that changes all the time. */
export const refreshPeriod = 5000;

/** What the system says of the file: see `FileLook` of the platform. */
type Look = { readonly state: 'there'; readonly stamp: string } | { readonly state: 'lost'; readonly message: string };

/** What a refresh needs from around it. */
export interface RefreshPorts {
  readonly look: () => Promise<Look>;
  /** Reads the image again. Throws when that fails; then what was read before is still used. */
  readonly reopen: () => Promise<void>;
  /** Whether requests are being answered. */
  readonly busy: () => boolean;
  readonly tell: (state: FileState) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Decides when a changed file is read again. `step` is called every now and then, and a little after each hint that
 * something has happened. A single change is read once it is complete. A file that changes all the time is read every few
 * seconds, and not while there still is something to be answered: a walk over its tables would never end.
 */
export class Refresh {
  readonly #ports: RefreshPorts;
  mode: RefreshOnChange = 'on';
  paused = false;
  /** Stamp of what was read; undefined when it could not be read. */
  #read: string | undefined;
  #seen: string | undefined;
  #seenAt = 0;
  /** When the first change came that was not read yet. */
  #changedAt: number | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #lostAt: number | undefined;
  #state: FileState = { state: 'same' };

  constructor(ports: RefreshPorts) {
    this.#ports = ports;
  }

  /** How the file compares with what was read, as it was told the last time. */
  get state(): FileState {
    return this.#state;
  }

  /** Runs `open`, and takes what it reads for the file as it was before. Throws what `open` throws. */
  async reading(open: () => Promise<void>): Promise<void> {
    const look = await this.#ports.look();
    try {
      await open();
    } catch (error) {
      this.#set({
        state: 'lost',
        at: this.#ports.now(),
        message: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
    this.#read = look.state === 'there' ? look.stamp : undefined;
    this.#seen = this.#read;
    this.#lostAt = undefined;
    this.#changedAt = undefined;
    if (this.#state.state !== 'changing') {
      this.#set(this.#calm);
    }
  }

  /** Looks at the file, and does what is to be done. Gives the milliseconds after which to look again at the latest. */
  async step(): Promise<number> {
    if (this.mode === 'off' && this.#state.state !== 'lost') {
      this.#set({ state: 'unwatched' });
      return refreshPeriod;
    }
    const look = await this.#ports.look();
    const now = this.#ports.now();
    if (look.state === 'lost') {
      return this.#lost(now, look.message);
    }
    if (look.stamp !== this.#seen) {
      this.#seen = look.stamp;
      this.#seenAt = now;
    }
    if (look.stamp === this.#read) {
      return this.#unchanged(now);
    }
    if (this.#read !== undefined && (this.mode !== 'on' || this.paused)) {
      this.#set({ state: 'changed', at: this.#seenAt });
      return refreshPeriod;
    }
    return this.#changed(now);
  }

  /** A file that is replaced is away for a moment: only one that stays away is lost. */
  #lost(now: number, message: string): number {
    this.#lostAt ??= now;
    if (now - this.#lostAt < quietTime) {
      return quietTime;
    }
    this.#set({ state: 'lost', at: this.#lostAt, message });
    return refreshPeriod;
  }

  #unchanged(now: number): number {
    this.#lostAt = undefined;
    this.#changedAt = undefined;
    if (this.#state.state !== 'changing' || now - this.#seenAt > 2 * refreshPeriod) {
      this.#set(this.#calm);
    }
    return refreshPeriod;
  }

  async #changed(now: number): Promise<number> {
    this.#changedAt ??= now;
    const again = now - this.#refreshedAt < 2 * refreshPeriod;
    if (again && this.#state.state !== 'lost') {
      this.#set({ state: 'changing', at: this.#seenAt });
      const left = this.#refreshedAt + refreshPeriod - now;
      if (left > 0 || this.#ports.busy()) {
        return Math.max(left, quietTime);
      }
    } else if (now - this.#seenAt < quietTime && now - this.#changedAt < longestWait) {
      return quietTime;
    }
    this.#refreshedAt = now;
    try {
      await this.reading(this.#ports.reopen);
    } catch {
      // Told as lost; the next look tries again.
    }
    return refreshPeriod;
  }

  get #calm(): FileState {
    return this.mode === 'off' ? { state: 'unwatched' } : { state: 'same' };
  }

  /** A state is told once, with the time at which it began. */
  #set(state: FileState): void {
    const { state: before } = this.#state;
    const why = (one: FileState): string => (one.state === 'lost' ? one.message : '');
    if (state.state !== before || why(state) !== why(this.#state)) {
      this.#state = state;
      this.#ports.tell(state);
    }
  }
}
