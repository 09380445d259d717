/** One session: what it is, its output, and its command while that runs. */
import type { Child, Clock, Log, TerminalSize } from "../../src/kernel/ports.ts";
import type { OutputLog } from "../../src/platform/output-log.ts";
import { type StreamName, streamNames } from "./command-output.ts";
import type { RunningCommand } from "./running-command.ts";
import type { SessionEnd, SessionExit, SessionView } from "./session-shapes.ts";
import type { SessionFacts, SessionOutcome } from "./session-store.ts";

export interface LiveCommand {
  readonly child: Child;
  readonly running: RunningCommand<SessionEnd>;
}

/** Told of everything that the table of sessions has to know. */
export interface SessionWatch {
  grew(session: Session, bytes: number): void;
  ended(session: Session, outcome: SessionOutcome): void;
}

export class Session {
  readonly facts: SessionFacts;
  #live: LiveCommand | undefined;
  #outcome: SessionOutcome | undefined;
  #log: OutputLog | undefined;
  readonly #openLog: () => OutputLog;
  readonly #gone = Promise.withResolvers<void>();

  private constructor(
    facts: SessionFacts,
    log: () => OutputLog,
    live: LiveCommand | undefined,
    outcome: SessionOutcome | undefined,
  ) {
    this.facts = facts;
    this.#openLog = log;
    this.#live = live;
    this.#outcome = outcome;
  }

  /** Its output is read, and told to `watch`, from now on. */
  static begin(
    facts: SessionFacts,
    log: OutputLog,
    live: LiveCommand,
    clock: Clock,
    journal: Log,
    watch: SessionWatch,
  ): Session {
    const session = new Session(facts, () => log, live, undefined);
    session.#log = log;
    void session.#read(live, clock, journal, watch);
    return session;
  }

  /** One that has ended. Its output is opened when somebody reads it. */
  static ended(facts: SessionFacts, outcome: SessionOutcome, log: () => OutputLog): Session {
    const session = new Session(facts, log, undefined, outcome);
    session.#gone.resolve();
    return session;
  }

  get outcome(): SessionOutcome | undefined {
    return this.#outcome;
  }

  get log(): OutputLog {
    this.#log ??= this.#openLog();
    return this.#log;
  }

  /** Kept output on disk. */
  get outputBytes(): number {
    return this.#log?.sizeBytes ?? this.#outcome?.outputBytes ?? 0;
  }

  /** Undefined when it has ended. */
  get child(): Child | undefined {
    return this.#live?.child;
  }

  /** Resolves when it has ended, and that was stored. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  end(reason: SessionEnd): void {
    this.#live?.running.end(reason);
  }

  async endWithin(reason: SessionEnd, graceMs: number): Promise<void> {
    await this.#live?.running.endWithin(reason, graceMs);
    await this.gone;
  }

  /** False when it has none. */
  resize(size: TerminalSize): boolean {
    const terminal = this.#live?.child.terminal;
    terminal?.resize(size);
    return this.facts.terminal;
  }

  view(): SessionView {
    const { id, name, argv, profile, terminal, creator, startedAtMs } = this.facts;
    const outcome = this.#outcome;
    return {
      id,
      ...(name === undefined ? {} : { name }),
      argv: [...argv],
      profile,
      terminal,
      creator: creator.name,
      startedAtMs,
      state: outcome === undefined ? "running" : "ended",
      ...(this.#live === undefined ? {} : { pid: this.#live.child.pid }),
      ...(outcome === undefined ? {} : { endedAtMs: outcome.endedAtMs, exit: outcome.exit }),
      cursor: outcome?.outputEnd ?? this.log.end,
    };
  }

  async #read(
    { running, child }: LiveCommand,
    clock: Clock,
    journal: Log,
    watch: SessionWatch,
  ): Promise<void> {
    const startedMs = clock.monotonicMs();
    let exit: SessionExit | undefined;
    let failed = false;
    try {
      for await (const part of running.parts()) {
        if ("exit" in part) exit = part.exit;
        else if (!this.#append(part, watch) && !failed) {
          failed = true;
          journal.error("Output of a session cannot be written", { session: this.facts.id });
        }
      }
    } catch (error) {
      journal.error("A session could not be followed to its end", {
        session: this.facts.id,
        pid: child.pid,
        error: String(error),
      });
    }
    const durationMs = clock.monotonicMs() - startedMs;
    this.#finish(exit ?? { code: null, signal: null, reason: "lost", durationMs }, clock.nowMs(), watch);
  }

  #append(part: { readonly stream: StreamName; readonly bytes: Uint8Array }, watch: SessionWatch): boolean {
    const before = this.log.sizeBytes;
    try {
      this.log.append({ stream: streamNames.indexOf(part.stream), bytes: part.bytes });
      return true;
    } catch {
      return false;
    } finally {
      watch.grew(this, this.log.sizeBytes - before);
    }
  }

  #finish(exit: SessionExit, endedAtMs: number, watch: SessionWatch): void {
    const { end, sizeBytes } = this.log;
    this.#outcome = { endedAtMs, exit, outputEnd: end, outputBytes: sizeBytes };
    this.#live = undefined;
    this.log.finish();
    watch.ended(this, this.#outcome);
    this.#gone.resolve();
  }
}
