/** One command while it runs: its output as items, and the reasons for which it ends. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Child, ChildExit, Clock, Log } from "../../src/kernel/ports.ts";
import type { Feed } from "./command-input.ts";
import { type Chunk, ItemWriter, MergedOutput } from "./command-output.ts";
import { GroupEnd } from "./group-end.ts";
import { type LimitReason, ownExit } from "./limit-reason.ts";
import type { CommandExit, CommandItem, EndReason } from "./shapes.ts";
import type { TierName } from "./tier.ts";

export interface CommandBounds {
  /** Absent: it may run for ever. */
  readonly timeoutMs?: number | undefined;
  /** Absent: it may write for ever. */
  readonly outputBytesMax?: number;
  readonly killGraceMs: number;
}

export interface StartedCommand {
  /** What it wanted to connect to and could not, so far. Absent: nobody looks. */
  readonly refusals?: () => readonly string[];
  readonly child: Child;
  /** Absent: nothing confines it. */
  readonly tier?: TierName;
  /** The limit of its sandbox that ended it, if one did. Absent: it has no sandbox. */
  readonly limitReached?: (exit: ChildExit) => LimitReason | undefined;
}

/** What a command said, and at the end how it ended. */
export type CommandPart<Reason extends string> =
  | Chunk
  | { readonly exit: Omit<CommandExit, "reason"> & { readonly reason: EndReason | Reason } };

/** A pipe that stays open although the whole group is gone is read until nothing has come for this long. */
const drainMs = 200;
/** And after the command's time is over no longer than this. */
const drainMsMax = 5_000;

/** Of what a command says after nobody reads it any more. */
const discardBytesMax = 16 * 1024 * 1024;

/** @typeParam Reason for which whoever started it may end it, beside the limits */
export class RunningCommand<Reason extends string = never> {
  readonly #child: Child;
  readonly #bounds: CommandBounds;
  readonly #limitOf: StartedCommand["limitReached"];
  readonly #refusals: StartedCommand["refusals"];
  readonly #tier: TierName | "none";
  readonly #clock: Clock;
  readonly #output: MergedOutput;
  readonly #group: GroupEnd;
  readonly #startedMs: number;
  #exit: ChildExit | undefined;
  #endedMs = 0;
  #reason: EndReason | Reason = "exited";
  #limit: LimitReason | undefined;
  #failure: unknown;
  #timers: (() => void)[] = [];

  constructor(
    { child, limitReached, refusals, tier }: StartedCommand,
    bounds: CommandBounds,
    clock: Clock,
    log: Log,
  ) {
    this.#child = child;
    this.#limitOf = limitReached;
    this.#refusals = refusals;
    this.#tier = tier ?? "none";
    this.#bounds = bounds;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#output = new MergedOutput(child);
    this.#group = new GroupEnd(child, clock, log);
    if (bounds.timeoutMs !== undefined) this.#after(bounds.timeoutMs, () => this.end("timeout"));
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

  /** Ends the group; what it still says is read, and then the exit, with this reason. The first reason stays. */
  end(reason: EndReason | Reason): void {
    if (this.#reason !== "exited") return;
    this.#reason = reason;
    // Somebody outside the group holds the pipes, or nobody reads what the command has said.
    if (this.#exit !== undefined) this.#output.close();
    this.#group.begin(this.#bounds.killGraceMs);
  }

  /** Ends, with no more patience than `graceMs`. */
  async endWithin(reason: EndReason | Reason, graceMs: number): Promise<void> {
    this.end(reason);
    const cut = this.#clock.after(graceMs, () => this.#group.hurry());
    await this.gone;
    cut();
  }

  /** Cancels, with no more patience than `graceMs`. */
  async stop(reason: unknown, graceMs: number): Promise<void> {
    this.cancel(reason);
    const cut = this.#clock.after(graceMs, () => this.#group.hurry());
    await this.gone;
    cut();
  }

  async *items(this: RunningCommand, feed: Feed): AsyncGenerator<CommandItem, void> {
    // Half of a stdin must not be taken for the whole, so a caller that breaks off ends the command.
    feed.done.catch((error) => this.cancel(error));
    const writers = { stdout: new ItemWriter("stdout"), stderr: new ItemWriter("stderr") };
    try {
      for await (const part of this.parts()) {
        if ("bytes" in part) {
          yield* writers[part.stream].items(part.bytes);
          continue;
        }
        for (const writer of Object.values(writers)) yield* writer.end();
        yield part;
      }
    } finally {
      feed.stop();
    }
  }

  /** To be read to the end, or returned, which ends the command. The last part is the exit. */
  async *parts(): AsyncGenerator<CommandPart<Reason>, void> {
    let bytesLeft = this.#bounds.outputBytesMax ?? Number.POSITIVE_INFINITY;
    try {
      for (let chunk = await this.#output.next(); chunk !== undefined; chunk = await this.#output.next()) {
        const bytes = chunk.bytes.subarray(0, bytesLeft);
        bytesLeft -= bytes.length;
        if (bytes.length < chunk.bytes.length) this.#limitReached();
        yield { stream: chunk.stream, bytes };
      }
      yield { exit: await this.#exitItem() };
    } finally {
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
    const itself: EndReason = this.#limit ?? "exited";
    const reason = this.#reason === "exited" ? itself : this.#reason;
    const refused = [...(this.#refusals?.() ?? [])];
    return { ...exit, reason, tier: this.#tier, durationMs, ...(refused.length === 0 ? {} : { refused }) };
  }

  /** Undefined when it was cancelled before its exit, or could not be ended. */
  async #exitOrGone(): Promise<ChildExit | undefined> {
    if (this.#failure !== undefined) return undefined;
    return await Promise.race([this.#child.exited.then(() => this.#exit), this.gone.then(() => this.#exit)]);
  }

  #exited(exit: ChildExit): void {
    this.#limit = this.#limitOf?.(exit);
    this.#exit = ownExit(exit, this.#limit);
    this.#endedMs = this.#clock.monotonicMs();
    // What still runs in the group may be about to finish, as the last part of a pipeline.
    void this.#group.linger(this.#bounds.killGraceMs);
  }

  #groupGone(gone: boolean): void {
    if (gone) this.#output.closeWhenIdle(this.#clock, drainMs);
    else this.#output.close();
    if (this.#reason !== "exited") this.#after(drainMsMax, () => this.#output.close());
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
