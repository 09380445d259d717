/** One command while it runs: its output as items, and the reasons for which it ends. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child, ChildExit, Clock, Log } from "../../src/kernel/ports.ts";
import type { Feed } from "./command-input.ts";
import { ItemWriter, MergedOutput } from "./command-output.ts";
import { GroupEnd } from "./group-end.ts";
import type { CommandItem, EndReason } from "./shapes.ts";

export interface CommandBounds {
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  readonly killGraceMs: number;
}

/** A pipe that stays open although the whole group is gone is read until nothing has come for this long. */
const drainMs = 200;
/** And after the command's time is over no longer than this. */
const drainMsMax = 5_000;

/** Of what a command says after nobody reads it any more. */
const discardBytesMax = 16 * 1024 * 1024;

export class RunningCommand {
  readonly #child: Child;
  readonly #bounds: CommandBounds;
  readonly #clock: Clock;
  readonly #output: MergedOutput;
  readonly #group: GroupEnd;
  readonly #startedMs: number;
  #exit: ChildExit | undefined;
  #endedMs = 0;
  #reason: EndReason = "exited";
  #failure: unknown;
  #timers: (() => void)[] = [];

  constructor(child: Child, bounds: CommandBounds, clock: Clock, log: Log) {
    this.#child = child;
    this.#bounds = bounds;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#output = new MergedOutput(child);
    this.#group = new GroupEnd(child, clock, log);
    this.#after(bounds.timeoutMs, () => this.#timeOut());
    void child.exited.then((exit) => this.#exited(exit));
    void this.#group.gone.then((gone) => this.#groupGone(gone));
  }

  /** Nobody of its group runs any more, or nobody can be made to end. */
  get gone(): Promise<boolean> {
    return this.#group.gone;
  }

  /** Ends the group and the items; `reason` is thrown at whoever reads them. */
  cancel(reason: unknown): void {
    this.#failure ??= reason;
    this.#end();
  }

  /** Cancels, with no more patience than `graceMs`. */
  async stop(reason: unknown, graceMs: number): Promise<void> {
    this.cancel(reason);
    const cut = this.#clock.after(graceMs, () => this.#group.hurry());
    await this.gone;
    cut();
  }

  async *items(feed: Feed): AsyncGenerator<CommandItem, void> {
    // Half of a stdin must not be taken for the whole, so a caller that breaks off ends the command.
    feed.done.catch((error) => this.cancel(error));
    const writers = { stdout: new ItemWriter("stdout"), stderr: new ItemWriter("stderr") };
    let bytesLeft = this.#bounds.outputBytesMax;
    try {
      for (let chunk = await this.#output.next(); chunk !== undefined; chunk = await this.#output.next()) {
        const bytes = chunk.bytes.subarray(0, bytesLeft);
        bytesLeft -= bytes.length;
        if (bytes.length < chunk.bytes.length) this.#limitReached();
        yield* writers[chunk.stream].items(bytes);
      }
      for (const writer of Object.values(writers)) yield* writer.end();
      yield { exit: await this.#exitItem() };
    } finally {
      feed.stop();
      for (const cancel of this.#timers) cancel();
      this.#timers = [];
      if (this.#exit === undefined) this.#end();
      else this.#output.close();
    }
  }

  async #exitItem() {
    const exit = this.#exit ?? (await this.#exitOrGone());
    if (this.#failure !== undefined) throw this.#failure;
    if (exit === undefined) {
      throw new OperoneError(
        "internal",
        `The command (process ${this.#child.pid}) could not be ended, even by SIGKILL; the kernel holds it`,
      );
    }
    const durationMs = Math.round((this.#endedMs - this.#startedMs) * 1_000) / 1_000;
    return { ...exit, reason: this.#reason, durationMs };
  }

  /** Undefined when it was cancelled before its exit, or could not be ended. */
  async #exitOrGone(): Promise<ChildExit | undefined> {
    if (this.#failure !== undefined) return undefined;
    return await Promise.race([this.#child.exited, this.gone.then(() => this.#exit)]);
  }

  #exited(exit: ChildExit): void {
    this.#exit = exit;
    this.#endedMs = this.#clock.monotonicMs();
    // What still runs in the group may be about to finish, as the last part of a pipeline.
    void this.#group.linger(this.#bounds.killGraceMs);
  }

  #groupGone(gone: boolean): void {
    if (gone) this.#output.closeWhenIdle(this.#clock, drainMs);
    else this.#output.close();
    if (this.#reason === "timeout") this.#after(drainMsMax, () => this.#output.close());
  }

  #timeOut(): void {
    this.#reason = "timeout";
    // Somebody outside the group holds the pipes, or nobody reads what the command has said.
    if (this.#exit !== undefined) this.#output.close();
    this.#group.begin(this.#bounds.killGraceMs);
  }

  #limitReached(): void {
    this.#reason = "output_limit";
    this.#end();
  }

  /** Nobody waits for what it says any more. */
  #end(): void {
    this.#output.discard(discardBytesMax);
    this.#group.begin(this.#bounds.killGraceMs);
    void this.gone.then(() => this.#output.close());
  }

  #after(delayMs: number, run: () => void): void {
    this.#timers.push(this.#clock.after(delayMs, run));
  }
}
