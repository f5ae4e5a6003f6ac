import type { Progress } from '../engine/ports.ts';
import type { Output } from './output.ts';

/** Percent by which a progress has to go on before it is printed again. */
const leastStep = 1;

/** QEMU's line of progress (qemu-progress.c): `    (50.00/100%)`, over and over on one line. */
export class ProgressLine implements Progress {
  readonly #out: Output;
  readonly #shown: boolean;
  #last = 0;
  #started = false;

  /** Prints nothing unless it is `shown`. */
  constructor(out: Output, shown: boolean) {
    this.#out = out;
    this.#shown = shown;
  }

  /** Prints 0 %. */
  start(): void {
    this.#started = true;
    this.#print(0);
  }

  async step(done: number, total: number): Promise<void> {
    const percent = total > 0 ? (done * 100) / total : 0;
    if (percent > this.#last + leastStep && percent < 100) {
      this.#print(percent);
    }
  }

  /** Prints 100 %, if it was started. */
  finish(): void {
    if (this.#started) {
      this.#print(100);
    }
  }

  /** Ends the line. */
  end(): void {
    if (this.#shown) {
      this.#out.text('\n');
    }
  }

  #print(percent: number): void {
    this.#last = percent;
    if (this.#shown) {
      this.#out.text(`    (${percent.toFixed(2)}/100%)\r`);
    }
  }
}
