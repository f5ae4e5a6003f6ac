import { Qcow2Error } from '../engine/error.ts';
import type { Storage } from '../engine/ports.ts';
import type { FromWorker, ToWorker, VirtualLook } from '../protocol/messages.ts';
import type { ImageSource } from './liveImage.ts';

/** A file of a virtual file system: the host reads it as a whole and sends its bytes. */
export class VirtualSource implements ImageSource {
  /** Each look may be a call over a network. */
  readonly lookEvery = 10_000;
  readonly #name: string;
  readonly #send: (message: FromWorker) => void;
  readonly #pending = new Map<number, (answer: Extract<ToWorker, { answer: number }>) => void>();
  #last = 0;
  #heard: () => void = () => undefined;

  /** @param send - asks the host, which answers with a message for `answer` */
  constructor(name: string, send: (message: FromWorker) => void) {
    this.#name = name;
    this.#send = send;
  }

  async open(): Promise<Storage> {
    const answer = await this.#ask('bytes');
    if ('error' in answer) {
      throw new Qcow2Error('read-failed', answer.error);
    }
    if (!(answer.value instanceof Uint8Array)) {
      throw new Qcow2Error('read-failed', `${this.#name}: the host sent no bytes.`);
    }
    return bytesStorage(answer.value);
  }

  async look(): Promise<VirtualLook> {
    const answer = await this.#ask('look');
    if ('error' in answer) {
      return { state: 'lost', message: answer.error };
    }
    return answer.value instanceof Uint8Array
      ? { state: 'lost', message: `${this.#name}: the host does not know its date.` }
      : answer.value;
  }

  watch(heard: () => void): () => void {
    this.#heard = heard;
    return () => {
      this.#heard = () => undefined;
    };
  }

  async locks(): Promise<Awaited<ReturnType<ImageSource['locks']>>> {
    return { state: 'unknown', message: 'It is in a virtual file system, which has no locks.' };
  }

  /** Takes what the host has to say. */
  hear(message: Extract<ToWorker, { heard: true } | { answer: number }>): void {
    if ('heard' in message) {
      this.#heard();
    } else {
      this.#pending.get(message.answer)?.(message);
      this.#pending.delete(message.answer);
    }
  }

  #ask(asks: 'bytes' | 'look'): Promise<Extract<ToWorker, { answer: number }>> {
    return new Promise((resolve) => {
      const number = ++this.#last;
      this.#pending.set(number, resolve);
      this.#send({ asks, number });
    });
  }
}

/** Bytes as a file. */
export function bytesStorage(bytes: Uint8Array): Storage {
  let held: Uint8Array = bytes;
  return {
    size: BigInt(bytes.length),
    read: async (at, into) => {
      if (at >= BigInt(held.length)) {
        return 0;
      }
      const part = held.subarray(Number(at), Number(at) + into.length);
      into.set(part);
      return part.length;
    },
    close: async () => {
      held = new Uint8Array(0);
    },
  };
}
