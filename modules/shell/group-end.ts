/** Ends a command's process group: asks, waits, and then insists. */
import type { Child, Clock, Log } from "../../src/kernel/ports.ts";

/** After SIGKILL only the kernel itself can hold a process back, for example in a read from a dead network disk. */
const forceMsMax = 5_000;
/** SIGKILL is sent again in this rhythm: what was just being forked did not get the first one. */
const forceEveryMs = 100;
const pollMsMin = 2;
const pollMsMax = 100;

export class GroupEnd {
  readonly #child: Child;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #settle: (gone: boolean) => void;
  /** Resolves when nobody of the group is left: true; or false when it could not be ended. */
  readonly gone: Promise<boolean>;
  #exited = false;
  #begun = false;
  #hurried = false;
  #wake = () => {};

  constructor(child: Child, clock: Clock, log: Log) {
    this.#child = child;
    this.#clock = clock;
    this.#log = log;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.gone = promise;
    this.#settle = resolve;
    void child.exited.then(() => {
      this.#exited = true;
      this.#wake();
    });
  }

  /** SIGTERM now, SIGKILL after the grace; the first call counts. */
  begin(graceMs: number): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#wake();
    void this.#end(graceMs);
  }

  /** Leaves those that outlived the command the grace to end by themselves, and then ends them. */
  async linger(graceMs: number): Promise<void> {
    if (await this.#goneWithin(graceMs, () => this.#begun)) this.#settle(true);
    else this.begin(graceMs);
  }

  /** The grace is over. */
  hurry(): void {
    this.#hurried = true;
    this.#wake();
  }

  #isGone(): boolean {
    return this.#exited && !this.#child.kill(0);
  }

  async #end(graceMs: number): Promise<void> {
    // A shell at a terminal takes no notice of SIGTERM; this is what a terminal that goes away says.
    if (this.#child.terminal !== undefined) this.#child.kill("SIGHUP");
    this.#child.kill("SIGTERM");
    let gone = await this.#goneWithin(graceMs, () => this.#hurried);
    for (let waitedMs = 0; !gone && waitedMs < forceMsMax; waitedMs += forceEveryMs) {
      this.#child.kill("SIGKILL");
      gone = await this.#goneWithin(forceEveryMs, () => false);
    }
    if (!gone) this.#log.error("A command could not be ended, even by SIGKILL", { pid: this.#child.pid });
    this.#settle(gone);
  }

  /** The system tells of the child's own end only, so the others are asked for. */
  async #goneWithin(timeMs: number, cut: () => boolean): Promise<boolean> {
    const endMs = this.#clock.monotonicMs() + timeMs;
    for (let pollMs = pollMsMin; ; pollMs = Math.min(pollMs * 2, pollMsMax)) {
      if (this.#isGone()) return true;
      const leftMs = endMs - this.#clock.monotonicMs();
      if (leftMs <= 0 || cut()) return false;
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(Math.min(pollMs, leftMs), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }
}
