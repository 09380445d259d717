/** What is kept of each call: the counters for the metrics, and the audit. */
import type { AuthorityContext } from "./authority.ts";
import type { Call } from "./call.ts";
import { digestOf } from "./digest.ts";
import { OperoneError } from "./error.ts";
import type { Operation } from "./operation.ts";
import type { AuditRecord, Clock, Journal, Log } from "./ports.ts";
import { RecordBudget } from "./record-budget.ts";
import type { Running } from "./running.ts";
import type { Statistics } from "./statistics.ts";

/** A call that was let in: its operation exists on its surface, and it counts as running. */
export class Admitted {
  readonly call: Call;
  readonly operation: Operation;
  readonly run: Running;
  readonly authority: AuthorityContext;
  readonly startedMs: number;
  /** Undefined until it was validated. */
  input: unknown;
  /** The selector, when it is sent to other nodes instead of being run here. */
  sentTo: string | undefined;
  #digest: string | undefined;

  constructor(
    call: Call,
    operation: Operation,
    run: Running,
    authority: AuthorityContext,
    startedMs: number,
  ) {
    this.call = call;
    this.operation = operation;
    this.run = run;
    this.authority = authority;
    this.startedMs = startedMs;
  }

  /** SHA-256 of the validated input, computed when first needed: most reads never need it. */
  digest(): string {
    this.#digest ??= digestOf(this.input);
    return this.#digest;
  }
}

export interface Recorder {
  /** Resolves when the intent is on disk. @throws OperoneError `unavailable`: then the operation must not run. */
  intent(admitted: Admitted): Promise<void>;
  /** Does not wait: a refusal must not be slowed down by its own record. */
  denial(admitted: Admitted, inputDigest: string): void;
  /**
   * Counts the call once, however many ways lead to its end, and audits its outcome if it had begun to run and
   * wrote, or came from an agent or another node. Resolves when the record is on disk, for a read when it is on its
   * way there; never rejects.
   */
  finish(admitted: Admitted, failure: OperoneError | undefined): Promise<void>;
}

interface RecorderPorts {
  readonly clock: Clock;
  readonly log: Log;
  journal(): Journal | undefined;
}

export function createRecorder({ clock, log, journal }: RecorderPorts, counts: Statistics): Recorder {
  const write = async (record: AuditRecord) => {
    try {
      await journal()?.record(record);
    } catch (error) {
      const { callId, operation, kind } = record;
      log.error("An audit record could not be written", { callId, operation, kind, error: String(error) });
      throw error;
    }
  };
  const base = (admitted: Admitted) => baseOf(admitted, clock);
  const budget = new RecordBudget(clock, (sharedBy, count) => {
    void write(summaryOf(sharedBy, count)).catch(() => {});
  });
  /** Reads and refusals of another node; what it writes or destroys has its record always. */
  const hasRecord = ({ call: { surface, sharedBy, caller } }: Admitted) =>
    surface !== "mesh" || budget.take(sharedBy ?? `${caller.kind} ${caller.id}`);
  return {
    denial(admitted, inputDigest) {
      if (!hasRecord(admitted)) return;
      void write({ ...base(admitted), inputDigest, kind: "denial", code: "forbidden" }).catch(() => {});
    },
    async intent(admitted) {
      const refuse = (why: string) =>
        new OperoneError("unavailable", `"${admitted.operation.id}" was not run: ${why}`);
      if (journal() === undefined) throw refuse("there is no audit to record it in");
      const record = {
        ...base(admitted),
        inputDigest: admitted.digest(),
        kind: "intent",
        code: "pending",
      } as const;
      const written = write(record).catch(() => {
        throw refuse("its audit record could not be written; the node's log has the cause");
      });
      await admitted.run.race(written);
    },
    async finish(admitted, failure) {
      if (admitted.run.recorded) return;
      admitted.run.recorded = true;
      const code = failure?.code ?? "ok";
      counts.add(
        admitted.operation.id,
        admitted.call.surface,
        code,
        clock.monotonicMs() - admitted.startedMs,
      );
      if (!admitted.run.begun || !isAudited(admitted)) return;
      if (admitted.operation.effect === "read" && !hasRecord(admitted)) return;
      const record = { ...base(admitted), inputDigest: admitted.digest(), kind: "outcome", code } as const;
      const written = write(record).catch(() => {});
      // A read has changed nothing: its record goes to the disk beside its answer, and not before it.
      if (admitted.operation.effect !== "read") await written;
    },
  };
}

function baseOf({ call, operation, run, startedMs, sentTo }: Admitted, clock: Clock) {
  return {
    callId: run.callId,
    caller: call.caller,
    surface: call.surface,
    operation: operation.id,
    effect: operation.effect,
    durationMs: clock.monotonicMs() - startedMs,
    ...(sentTo === undefined ? {} : { node: sentTo }),
  };
}

function summaryOf(sharedBy: string, count: number): AuditRecord {
  return {
    kind: "outcome",
    callId: "",
    caller: { kind: "node", id: sharedBy, name: sharedBy },
    surface: "mesh",
    operation: "access.audit",
    effect: "read",
    inputDigest: "",
    code: "limited",
    durationMs: 0,
    count,
  };
}

function isAudited({ operation, call, sentTo }: Admitted): boolean {
  if (sentTo !== undefined) return true;
  if (!operation.audited && call.surface === "mesh") return false;
  if (operation.effect !== "read" || call.surface === "mcp") return true;
  return call.caller.kind === "agent" || call.caller.kind === "node";
}
