import type { Argument, Result } from '../../src/protocol/api.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { StructureSpan } from '../../src/protocol/hexApi.ts';
import type { OwnerRow } from '../../src/protocol/mapApi.ts';
import { type Loaded, load } from '../loaded.ts';

type Question = 'structures' | 'tableStructures' | 'ownersAt';

/** Bytes around the view that are asked about together. */
const alignment = 16_384n;
/** Milliseconds that the view must rest before owners are asked for. */
const rest = 120;

/**
 * What the bytes of the file in view belong to. Three questions, none of which anything waits for: structures that
 * opening has found, structures that other tables lead to, and the owners of clusters. Fires `change`.
 */
export class Structures extends EventTarget {
  /** The last of the questions that failed, or is still being answered. */
  slow: Loaded<unknown> = { state: 'waiting' };
  readonly #client: Client;
  readonly #hasTables: boolean;
  #range = { start: -1n, end: -1n };
  #opening: readonly StructureSpan[] = [];
  #tables: readonly StructureSpan[] = [];
  #owners: readonly OwnerRow[] = [];
  #cancels: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `tables`: whether the header says where tables are. */
  constructor(client: Client, tables: boolean) {
    super();
    this.#client = client;
    this.#hasTables = tables;
  }

  /** Says what is in view. */
  want(from: bigint, to: bigint): void {
    const start = from - (from % alignment);
    const end = to + alignment - (to % alignment);
    if (start === this.#range.start && end === this.#range.end) {
      return;
    }
    this.#range = { start, end };
    this.#stop();
    this.slow = { state: 'waiting' };
    const range = { start, length: end - start };
    this.#ask('structures', range, (spans) => {
      this.#opening = spans;
    });
    if (!this.#hasTables) {
      return;
    }
    this.#timer = setTimeout(() => {
      this.#ask('tableStructures', range, (spans) => {
        this.#tables = spans;
      });
      this.#ask('ownersAt', range, ({ owners }) => {
        this.#owners = owners;
      });
    }, rest);
  }

  /** Asks again. */
  retry(): void {
    const { start, end } = this.#range;
    this.#range = { start: -1n, end: -1n };
    this.slow = { state: 'waiting' };
    this.want(start, end - alignment);
  }

  /** The structures that a byte is in, the most exact one first. */
  at(offset: bigint): StructureSpan[] {
    const inside = ({ start, length }: StructureSpan): boolean => start <= offset && offset < start + length;
    const found = [...this.#opening.filter(inside), ...this.#tables.filter(inside)];
    // The header's own cluster is what is left of it.
    return found.length > 1 ? found.filter(({ part, name }) => part !== undefined || name === 'header padding') : found;
  }

  /** The owners of the cluster of a byte. */
  ownersAt(offset: bigint): OwnerRow[] {
    return this.#owners.filter(({ start, length }) => start <= offset && offset < start + length);
  }

  /** Asks for nothing any more. */
  close(): void {
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    for (const cancel of this.#cancels) {
      cancel();
    }
    this.#cancels = [];
  }

  #ask<M extends Question>(
    method: M,
    range: { readonly start: bigint; readonly length: bigint },
    take: (value: Result<M>) => void,
  ): void {
    this.#cancels.push(
      load(
        (signal, onProgress) => this.#client.call(method, range as Argument<M>, { signal, onProgress }),
        (loaded) => {
          if (loaded.state === 'cancelled') {
            return;
          }
          if (loaded.state === 'ready') {
            take(loaded.value);
          }
          // A failure stays until it is asked again, whatever the other question tells.
          if (method !== 'structures' && this.slow.state !== 'failed') {
            this.slow = loaded;
          }
          this.dispatchEvent(new Event('change'));
        },
      ),
    );
  }
}
