/** A time limit that does not run while a person is waited for. */
import type { Clock } from "../../src/kernel/ports.ts";

export class Deadline {
  readonly #clock: Clock;
  readonly #onPassed: () => void;
  #leftMs: number;
  #startedAtMs = 0;
  #stop: (() => void) | undefined;
  #passed = false;

  /** Runs from now on. `onPassed` is called once at most. */
  constructor(clock: Clock, limitMs: number, onPassed: () => void) {
    this.#clock = clock;
    this.#leftMs = limitMs;
    this.#onPassed = onPassed;
    this.resume();
  }

  get passed(): boolean {
    return this.#passed;
  }

  pause(): void {
    if (this.#stop === undefined) return;
    this.#stop();
    this.#stop = undefined;
    this.#leftMs -= this.#clock.monotonicMs() - this.#startedAtMs;
  }

  resume(): void {
    if (this.#stop !== undefined || this.#passed) return;
    this.#startedAtMs = this.#clock.monotonicMs();
    this.#stop = this.#clock.after(Math.max(0, this.#leftMs), () => {
      this.#passed = true;
      this.#onPassed();
    });
  }
}
