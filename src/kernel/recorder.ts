/** What is kept of each call: the counters for the metrics, and the audit. */
import type { AuthorityContext } from "./authority.ts";
import type { Call } from "./call.ts";
import { OperoneError } from "./error.ts";
import type { Operation } from "./operation.ts";
import type { AuditRecord, Clock, Journal, Log } from "./ports.ts";
import type { Running } from "./running.ts";
import type { Statistics } from "./statistics.ts";

/** A call that was let in: its operation exists on its surface, and it counts as running. */
export interface Admitted {
  readonly call: Call;
  readonly operation: Operation;
  readonly run: Running;
  readonly authority: AuthorityContext;
  readonly startedMs: number;
}

/** An admitted call with its validated input. */
export interface Prepared extends Admitted {
  readonly input: unknown;
  /** SHA-256 of the input, computed when first needed: most reads never need it. */
  digest(): string;
}

export interface Recorder {
  /** Resolves when the intent is on disk. @throws OperoneError `unavailable`: then the operation must not run. */
  intent(prepared: Prepared): Promise<void>;
  /** Does not wait: a refusal must not be slowed down by its own record. */
  denial(admitted: Admitted, inputDigest: string): void;
  /**
   * Counts the call once, however many ways lead to its end, and audits its outcome if it had begun to run and
   * wrote, or came from an agent or another node. Resolves when the record is on disk; never rejects.
   */
  finish(admitted: Admitted, failure: OperoneError | undefined): Promise<void>;
  /** From here on the call may have effects, so its outcome is audited. */
  begin(prepared: Prepared): void;
}

interface RecorderPorts {
  readonly clock: Clock;
  readonly log: Log;
  journal(): Journal | undefined;
}

export function createRecorder({ clock, log, journal }: RecorderPorts, counts: Statistics): Recorder {
  const finished = new WeakSet<Running>();
  const begun = new WeakMap<Running, Prepared>();
  const write = async (record: AuditRecord) => {
    try {
      await journal()?.record(record);
    } catch (error) {
      const { callId, operation, kind } = record;
      log.error("An audit record could not be written", { callId, operation, kind, error: String(error) });
      throw error;
    }
  };
  const base = ({ call, operation, run, startedMs }: Admitted) => ({
    callId: run.callId,
    caller: call.caller,
    surface: call.surface,
    operation: operation.id,
    effect: operation.effect,
    durationMs: clock.monotonicMs() - startedMs,
  });
  return {
    begin: (prepared) => void begun.set(prepared.run, prepared),
    denial(admitted, inputDigest) {
      void write({ ...base(admitted), inputDigest, kind: "denial", code: "forbidden" }).catch(() => {});
    },
    async intent(prepared) {
      const refuse = (why: string) =>
        new OperoneError("unavailable", `"${prepared.operation.id}" was not run: ${why}`);
      if (journal() === undefined) throw refuse("there is no audit to record it in");
      const record = {
        ...base(prepared),
        inputDigest: prepared.digest(),
        kind: "intent",
        code: "pending",
      } as const;
      const written = write(record).catch(() => {
        throw refuse("its audit record could not be written; the node's log has the cause");
      });
      await prepared.run.race(written);
    },
    async finish(admitted, failure) {
      if (finished.has(admitted.run)) return;
      finished.add(admitted.run);
      const code = failure?.code ?? "ok";
      counts.add(
        admitted.operation.id,
        admitted.call.surface,
        code,
        clock.monotonicMs() - admitted.startedMs,
      );
      const prepared = begun.get(admitted.run);
      if (prepared === undefined || !isAudited(prepared)) return;
      const record = { ...base(prepared), inputDigest: prepared.digest(), kind: "outcome", code } as const;
      await write(record).catch(() => {});
    },
  };
}

function isAudited({ operation, call }: Prepared): boolean {
  return operation.effect !== "read" || call.caller.kind === "agent" || call.caller.kind === "node";
}
