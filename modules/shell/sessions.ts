/** Long-lived commands: started, read, written to and ended by calls that come and go. */
import { join } from "node:path";
import type { ScopeRequest } from "../../src/kernel/authority.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Child, Random } from "../../src/kernel/ports.ts";
import { outputLogBytesMin } from "../../src/platform/output-log.ts";
import { boundOf, type CommandPorts, type CommandStart, type ShellConfig, stopped } from "./command-start.ts";
import { stopGraceMs } from "./commands.ts";
import { RunningCommand, type StartedCommand } from "./running-command.ts";
import { rightsOf } from "./script-rights.ts";
import type { Session } from "./session.ts";
import { feedSession, resizeTo, writeTo } from "./session-input.ts";
import { sessionItems } from "./session-output.ts";
import { assertMayDrive, rightsLeft, watchRights } from "./session-rights.ts";
import type {
  AttachInput,
  AttachMessage,
  OutputInput,
  SessionEnd,
  SessionInput,
  SessionItem,
  SessionPlan,
  SessionView,
  WriteInput,
} from "./session-shapes.ts";
import type { SessionFacts } from "./session-store.ts";
import { SessionTable } from "./session-table.ts";
import { argvOf } from "./shapes.ts";
import { Slots } from "./slots.ts";

export interface SessionPorts extends CommandPorts {
  readonly random: Random;
}

const usualSize = { columns: 80, rows: 24 };
/** What whoever attaches sees of what was before, unless it asks otherwise: about a screen. */
const attachTailBytes = 16 * 1024;

export class Sessions {
  readonly #ports: SessionPorts;
  readonly #config: ShellConfig;
  readonly #commandStart: CommandStart;
  readonly #slots: Slots;
  #table: Promise<SessionTable> | undefined;
  #stopping = false;

  constructor(ports: SessionPorts, config: ShellConfig, commandStart: CommandStart) {
    this.#ports = ports;
    this.#config = config;
    this.#commandStart = commandStart;
    this.#slots = new Slots("sessions", config.sessionsMax, config.sessionsPerCallerMax);
  }

  async start(input: SessionInput, context: CallContext): Promise<SessionView> {
    const table = await this.#opened();
    const profile = this.#commandStart.profileOf(input);
    const bounds = boundsOf(input, this.#config, profile?.sessionMsMax);
    table.assertFree(input.name, context.caller);
    const leave = this.#slots.take(context.caller);
    try {
      const { terminal, columns = usualSize.columns, rows = usualSize.rows } = input;
      const size = terminal ? { columns, rows } : undefined;
      const requests = await rightsOf(input, rightsLeft(context.authority));
      const started = await this.#commandStart.spawn(
        input,
        context,
        size === undefined ? {} : { terminal: size },
      );
      const facts = this.#factsOf(input, context, requests, bounds.outputBytesMax, table);
      const session = this.#begin(facts, started, bounds, table, context);
      void session.gone.then(leave);
      return session.view();
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** @throws OperoneError as `start`, but for what only the start shows */
  async planned(input: SessionInput, context: CallContext): Promise<SessionPlan> {
    const table = await this.#opened();
    boundsOf(input, this.#config, this.#commandStart.profileOf(input)?.sessionMsMax);
    table.assertFree(input.name, context.caller);
    await this.#commandStart.rehearse(input);
    const rights = await rightsOf(input, rightsLeft(context.authority));
    return {
      ...{ argv: [...argvOf(input)], profile: input.profile, terminal: input.terminal },
      rights: rights.map(({ permission, request }) => ({ permission, request })),
      started: false,
    };
  }

  async list({ running }: { readonly running: boolean }, context: CallContext): Promise<SessionView[]> {
    const table = await this.#opened();
    const all = table.for(context).filter(({ outcome }) => !running || outcome === undefined);
    return all.map((session) => session.view());
  }

  async *output(input: OutputInput, context: CallContext): AsyncGenerator<SessionItem, void> {
    const session = await this.#find(input, context);
    yield* sessionItems(session, input, context.signal, this.#ports.clock);
  }

  async *attach(input: AttachInput, context: CallContext<AttachMessage>): AsyncGenerator<SessionItem, void> {
    const session = await this.#drivable(input, context);
    const broken = new AbortController();
    const follow = () => broken.abort(context.signal.reason);
    if (context.signal.aborted) follow();
    else context.signal.addEventListener("abort", follow, { once: true });
    feedSession(session, context.messages).catch((error) => broken.abort(error));
    const { cursor, tail = attachTailBytes } = input;
    try {
      yield* sessionItems(session, { cursor, tail, follow: true }, broken.signal, this.#ports.clock);
    } finally {
      context.signal.removeEventListener("abort", follow);
    }
  }

  /** @returns how many bytes its stdin has taken */
  async write(input: WriteInput, context: CallContext): Promise<{ bytes: number }> {
    const session = await this.#drivable(input, context);
    let bytes = 0;
    const chunks = input.text === undefined ? context.bytes : [new TextEncoder().encode(input.text)];
    for await (const chunk of chunks) {
      context.signal.throwIfAborted();
      await writeTo(session, chunk);
      bytes += chunk.length;
    }
    if (input.end) session.child?.closeStdin();
    return { bytes };
  }

  /** @returns whether some process got it */
  async signal(
    { session: ref, signal }: { readonly session: string; readonly signal: Parameters<Child["kill"]>[0] },
    context: CallContext,
  ): Promise<{ delivered: boolean }> {
    const session = await this.#find({ session: ref }, context);
    return { delivered: session.child?.kill(signal) ?? false };
  }

  async resize(
    input: { readonly session: string; readonly columns: number; readonly rows: number },
    context: CallContext,
  ): Promise<Record<string, never>> {
    resizeTo(await this.#drivable(input, context), input);
    return {};
  }

  /** Until it ends, or the time is over. */
  async wait(
    input: { readonly session: string; readonly waitMs?: number | undefined },
    context: CallContext,
  ): Promise<SessionView> {
    const session = await this.#find(input, context);
    const over = Promise.withResolvers<void>();
    const cancel =
      input.waitMs === undefined ? () => {} : this.#ports.clock.after(input.waitMs, over.resolve);
    context.signal.addEventListener("abort", () => over.resolve(), { once: true });
    await Promise.race([session.gone, over.promise]);
    cancel();
    context.signal.throwIfAborted();
    return session.view();
  }

  /** Ends it when it runs, and forgets it with its output. */
  async remove(input: { readonly session: string }, context: CallContext): Promise<SessionView> {
    const session = await this.#find(input, context);
    session.end("removed");
    await session.gone;
    const table = await this.#opened();
    const view = session.view();
    table.remove(session);
    return view;
  }

  /** Ends all of them, and resolves when that is stored. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#commandStart.stop();
    const table = await this.#table?.catch(() => undefined);
    await Promise.all((table?.running() ?? []).map((session) => session.endWithin("stopped", stopGraceMs)));
    table?.close();
  }

  /** Looks after what an earlier run left, if it left anything. */
  async wake(): Promise<void> {
    if (this.#stopping) return;
    if ((await this.#ports.files.facts(this.#path)) !== undefined) await this.#opened();
  }

  #begin(
    facts: SessionFacts,
    started: StartedCommand,
    bounds: SessionBounds,
    table: SessionTable,
    context: CallContext,
  ): Session {
    const { clock, log } = this.#ports;
    const { timeoutMs, killGraceMs } = bounds;
    const running = new RunningCommand<SessionEnd>(started, { timeoutMs, killGraceMs }, clock, log);
    let session: Session;
    try {
      // Another start may have taken it while this one was under way.
      table.assertFree(facts.name, facts.creator);
      session = table.add(facts, table.beginLog(facts.id, facts.outputBytesMax), {
        child: started.child,
        running,
      });
    } catch (error) {
      // It could not be told of later, so it must not run.
      running.cancel(error);
      throw error;
    }
    const unwatch = watchRights(facts, context, clock, () => session.end("revoked"));
    void session.gone.then(unwatch);
    // The node began to stop meanwhile, and did not know of this one.
    if (this.#stopping) session.end("stopped");
    return session;
  }

  #factsOf(
    input: SessionInput,
    { caller }: CallContext,
    requests: readonly ScopeRequest[],
    outputBytesMax: number,
    table: SessionTable,
  ): SessionFacts {
    let id = this.#newId();
    while (table.has(id)) id = this.#newId();
    return {
      id,
      name: input.name,
      creator: caller,
      argv: argvOf(input),
      requests,
      profile: input.profile,
      terminal: input.terminal,
      outputBytesMax,
      startedAtMs: this.#ports.clock.nowMs(),
    };
  }

  /** Ten letters and digits without those that look alike. */
  #newId(): string {
    return Array.from(this.#ports.random.bytes(10), (byte) => idLetters[byte % idLetters.length]).join("");
  }

  async #find({ session }: { readonly session: string }, context: CallContext): Promise<Session> {
    return (await this.#opened()).find(session, context);
  }

  /** Of those that the caller may see, one whose command it may run too. */
  async #drivable(input: { readonly session: string }, context: CallContext<unknown>): Promise<Session> {
    const session = (await this.#opened()).find(input.session, context);
    assertMayDrive(session.facts, context);
    return session;
  }

  get #folder(): string {
    return join(this.#ports.host.dataDirectory, "shell", "sessions");
  }

  get #path(): string {
    return join(this.#folder, "sessions.db");
  }

  #opened(): Promise<SessionTable> {
    if (this.#stopping) return Promise.reject(stopped());
    this.#table ??= this.#open();
    // A disk that is full now may have room later.
    this.#table.catch(() => {
      this.#table = undefined;
    });
    return this.#table;
  }

  async #open(): Promise<SessionTable> {
    const { SessionStore } = await import("./session-store.ts");
    const { clock, log } = this.#ports;
    const config = this.#config;
    return new SessionTable({
      store: SessionStore.open(this.#path),
      folder: this.#folder,
      clock,
      log,
      limits: {
        outputBytesMax: config.sessionsOutputBytesMax,
        keptMax: config.sessionsKeptMax,
        keepMs: config.sessionKeepMs,
      },
    });
  }
}

const idLetters = "abcdefghjkmnpqrstuvwxyz23456789";

interface SessionBounds {
  readonly timeoutMs: number | undefined;
  readonly outputBytesMax: number;
  readonly killGraceMs: number;
}

/** @throws OperoneError `invalid_input` beyond the configured most */
function boundsOf(input: SessionInput, config: ShellConfig, msMax: number | undefined): SessionBounds {
  const outputBytesMax = boundOf(
    "outputBytesMax",
    input.outputBytesMax,
    config.sessionOutputBytesDefault,
    config.sessionOutputBytesMax,
  );
  return {
    timeoutMs: msMax === undefined ? input.timeoutMs : boundOf("timeoutMs", input.timeoutMs, msMax, msMax),
    outputBytesMax: Math.max(outputBytesMax, outputLogBytesMin),
    killGraceMs: boundOf("killGraceMs", input.killGraceMs, config.killGraceMsDefault, config.killGraceMsMax),
  };
}
