/** Remembers the answers of writes by the caller's own key, so that repeating a write runs nothing twice. */
import type { Caller } from "./authority.ts";
import { OperoneError } from "./error.ts";
import type { Clock } from "./ports.ts";

export interface IdempotencyLimits {
  readonly keptMs: number;
  readonly entriesMax: number;
  readonly keyLengthMax: number;
}

const idempotencyLimits: IdempotencyLimits = { keptMs: 600_000, entriesMax: 1_024, keyLengthMax: 128 };

interface Entry {
  readonly request: string;
  readonly answer: Promise<unknown>;
  settled: boolean;
  readonly expiresMs: number;
}

export interface IdempotentWork {
  run(): Promise<unknown>;
  /** Whether `run` may have had effects. */
  begun(): boolean;
}

export interface Idempotency {
  /**
   * Runs `run` unless the same caller has used `key` before; then the first answer, or failure, comes again.
   *
   * @param request what the key is bound to: operation and input digest
   * A failure before `begun` is forgotten: nothing has happened, so the same key may try again.
   *
   * @throws OperoneError `conflict` when the key was used for another request, `limited` when too many are running
   */
  once(caller: Caller, key: string, request: string, work: IdempotentWork): Promise<unknown>;
}

export function idempotency(clock: Clock, limits: IdempotencyLimits = idempotencyLimits): Idempotency {
  const entries = new Map<string, Entry>();
  const makeRoom = () => {
    for (const [name, entry] of entries) {
      if (entry.expiresMs <= clock.monotonicMs()) entries.delete(name);
    }
    if (entries.size < limits.entriesMax) return;
    const oldest = [...entries].find(([, entry]) => entry.settled);
    if (oldest === undefined) {
      throw new OperoneError(
        "limited",
        `${entries.size} writes with idempotency keys are running; repeat this one later`,
      );
    }
    entries.delete(oldest[0]);
  };
  return {
    async once(caller, key, request, { run, begun }) {
      if (key.length === 0 || key.length > limits.keyLengthMax) {
        throw new OperoneError(
          "invalid_input",
          `The idempotency key has ${key.length} characters; use 1 to ${limits.keyLengthMax}`,
        );
      }
      const name = `${caller.kind} ${caller.id} ${key}`;
      const known = entries.get(name);
      if (known !== undefined && known.expiresMs > clock.monotonicMs()) {
        if (known.request === request) return known.answer;
        throw new OperoneError(
          "conflict",
          `The idempotency key "${key}" was used for another request; use a new key`,
        );
      }
      entries.delete(name);
      makeRoom();
      const answer = run();
      const entry: Entry = {
        request,
        answer,
        settled: false,
        expiresMs: clock.monotonicMs() + limits.keptMs,
      };
      entries.set(name, entry);
      try {
        return await answer;
      } catch (error) {
        if (!begun()) entries.delete(name);
        throw error;
      } finally {
        entry.settled = true;
      }
    },
  };
}
