/** Every session that is known, on disk and in memory, within the limits of what is kept. */
import { join } from "node:path";
import type { Caller } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Clock, Log } from "../../src/kernel/ports.ts";
import { OutputLog } from "../../src/platform/output-log.ts";
import { type LiveCommand, Session, type SessionWatch } from "./session.ts";
import { isCreator, isFor } from "./session-rights.ts";
import type { SessionFacts, SessionOutcome, SessionStore, StoredSession } from "./session-store.ts";

export interface TableLimits {
  readonly outputBytesMax: number;
  readonly keptMax: number;
  readonly keepMs: number;
}

export interface TableOptions {
  readonly store: SessionStore;
  /** Each session has a folder in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: TableLimits;
}

/** How often it is looked for sessions whose time is over. */
const sweepMs = 60_000;

export class SessionTable implements SessionWatch {
  readonly #use: TableOptions;
  /** In the order of their starts. */
  readonly #sessions = new Map<string, Session>();
  /** Of the kept output of all. */
  #outputBytes = 0;
  #stopSweep = () => {};

  /** Those that ran when the node was killed are marked. The ledger has ended their commands before. */
  constructor(use: TableOptions) {
    this.#use = use;
    for (const stored of use.store.all()) this.#adopt(stored);
    this.sweep();
  }

  has(id: string): boolean {
    return this.#sessions.has(id);
  }

  /** Those that the caller may see, the oldest first. */
  for(who: Pick<CallContext, "caller" | "authority">): readonly Session[] {
    return [...this.#sessions.values()].filter(({ facts }) => isFor(facts, who));
  }

  /** By id or name. @throws OperoneError `not_found`, for those of others too */
  find(ref: string, who: Pick<CallContext, "caller" | "authority">): Session {
    const visible = this.for(who);
    const all = visible.filter(({ facts }) => facts.name === ref);
    // An owner's own comes before another's of the same name.
    const own = all.filter(({ facts }) => isCreator(facts, who.caller));
    const named = own.length > 0 ? own : all;
    const found =
      visible.find(({ facts }) => facts.id === ref) ??
      named.findLast(({ outcome }) => outcome === undefined) ??
      named.at(-1);
    if (found !== undefined) return found;
    throw new OperoneError(
      "not_found",
      `There is no session ${JSON.stringify(ref)} of yours; "operone ps" lists them`,
    );
  }

  /** @throws OperoneError `conflict` while a running session of the caller has the name */
  assertFree(name: string | undefined, caller: Caller): void {
    if (name === undefined) return;
    for (const { facts, outcome } of this.#sessions.values()) {
      if (!isCreator(facts, caller) || facts.name !== name || outcome !== undefined) continue;
      throw new OperoneError(
        "conflict",
        `The session "${facts.id}" has the name "${name}" and is running; take another name, or remove that one`,
      );
    }
  }

  beginLog(id: string, bytesMax: number): OutputLog {
    return OutputLog.begin({ folder: this.#folderOf(id), bytesMax });
  }

  add(facts: SessionFacts, log: OutputLog, live: LiveCommand): Session {
    this.#use.store.insert(facts);
    const session = Session.begin(facts, log, live, this.#use.clock, this.#use.log, this);
    this.#sessions.set(facts.id, session);
    return session;
  }

  /** With its output. It must have ended. */
  remove(session: Session): void {
    const { id } = session.facts;
    if (!this.#sessions.delete(id)) return;
    this.#outputBytes -= session.outputBytes;
    session.log.remove();
    this.#use.store.remove(id);
  }

  grew(session: Session, bytes: number): void {
    this.#outputBytes += bytes;
    if (this.#outputBytes > this.#use.limits.outputBytesMax) this.#makeRoom(session);
  }

  ended({ facts }: Session, outcome: SessionOutcome): void {
    try {
      this.#use.store.end(facts.id, outcome);
    } catch (error) {
      this.#use.log.error("The end of a session could not be stored", {
        session: facts.id,
        error: String(error),
      });
    }
    this.#dropSurplus();
  }

  /** Removes those whose time is over, now and from now on. */
  sweep(): void {
    this.#stopSweep();
    const { clock, limits } = this.#use;
    const untilMs = clock.nowMs() - limits.keepMs;
    for (const session of this.#ended()) {
      if ((session.outcome?.endedAtMs ?? untilMs + 1) <= untilMs) this.remove(session);
    }
    this.#dropSurplus();
    this.#stopSweep = clock.after(Math.min(sweepMs, limits.keepMs), () => this.sweep());
  }

  running(): readonly Session[] {
    return [...this.#sessions.values()].filter(({ outcome }) => outcome === undefined);
  }

  close(): void {
    this.#stopSweep();
    this.#use.store.close();
  }

  /** First those that have ended, then the oldest output of whoever has most. */
  #makeRoom(writing: Session): void {
    const { outputBytesMax } = this.#use.limits;
    for (const session of this.#ended()) {
      if (this.#outputBytes <= outputBytesMax) return;
      if (session !== writing) this.remove(session);
    }
    while (this.#outputBytes > outputBytesMax) {
      const [largest] = this.running().toSorted((a, b) => b.outputBytes - a.outputBytes);
      const before = largest?.outputBytes ?? 0;
      if (largest?.log.dropOldest() !== true) return;
      this.#outputBytes -= before - largest.outputBytes;
    }
  }

  #dropSurplus(): void {
    const ended = this.#ended();
    for (const session of ended.slice(0, Math.max(0, ended.length - this.#use.limits.keptMax))) {
      this.remove(session);
    }
  }

  /** Whoever ended first comes first. */
  #ended(): readonly Session[] {
    return [...this.#sessions.values()]
      .filter(({ outcome }) => outcome !== undefined)
      .toSorted((a, b) => (a.outcome?.endedAtMs ?? 0) - (b.outcome?.endedAtMs ?? 0));
  }

  #adopt({ facts, outcome }: StoredSession): void {
    const kept = { folder: this.#folderOf(facts.id), bytesMax: facts.outputBytesMax };
    const open = () => OutputLog.left(kept, outcome?.outputEnd);
    const known = outcome ?? this.#lost(facts, open());
    this.#sessions.set(facts.id, Session.ended(facts, known, open));
    this.#outputBytes += known.outputBytes;
  }

  #lost({ id, startedAtMs }: SessionFacts, { end, sizeBytes }: OutputLog): SessionOutcome {
    const endedAtMs = this.#use.clock.nowMs();
    const outcome: SessionOutcome = {
      endedAtMs,
      exit: { code: null, signal: null, reason: "lost", durationMs: Math.max(0, endedAtMs - startedAtMs) },
      outputEnd: end,
      outputBytes: sizeBytes,
    };
    this.#use.store.end(id, outcome);
    return outcome;
  }

  #folderOf(id: string): string {
    return join(this.#use.folder, id);
  }
}
