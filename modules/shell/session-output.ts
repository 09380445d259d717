/** A session's output from a cursor on, as items that say where to go on. */
import { textLength } from "../../src/kernel/byte-text.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { Place } from "../../src/platform/output-log.ts";
import { ItemWriter, type StreamName, streamNames } from "./command-output.ts";
import type { Session } from "./session.ts";
import type { SessionItem } from "./session-shapes.ts";
import type { CommandItem } from "./shapes.ts";

export interface Reading {
  readonly cursor?: number | undefined;
  /** Bytes before the end of what there is now. */
  readonly tail?: number | undefined;
  readonly follow: boolean;
  /** How long to wait for a first byte. */
  readonly waitMs?: number | undefined;
}

/** @throws OperoneError `range` for a cursor behind the end */
export async function* sessionItems(
  session: Session,
  reading: Reading,
  signal: AbortSignal,
  clock: Clock,
): AsyncGenerator<SessionItem, void> {
  const reader = new ItemReader(session, startOf(session, reading));
  let mayWaitMs = reading.waitMs;
  for (;;) {
    for (let items = reader.next(); items.length > 0; items = reader.next()) {
      yield* items;
      mayWaitMs = undefined;
    }
    const { outcome } = session;
    if (outcome !== undefined) {
      yield* reader.end();
      return yield { exit: outcome.exit, cursor: reader.cursor };
    }
    if (!reading.follow && mayWaitMs === undefined) {
      yield* reader.end();
      return yield { state: "running", cursor: reader.cursor };
    }
    await changed(session, signal, clock, reading.follow ? undefined : mayWaitMs);
    signal.throwIfAborted();
    mayWaitMs = undefined;
  }
}

function startOf({ log, facts }: Session, { cursor, tail }: Reading): number {
  if (cursor === undefined) return tail === undefined ? 0 : Math.max(log.start, log.end - tail);
  if (cursor <= log.end) return cursor;
  throw new OperoneError(
    "range",
    `The cursor ${cursor} is behind the output of the session "${facts.id}", which ends at ${log.end}; take the cursor of the last item`,
    { end: log.end },
  );
}

/** Resolves at the next byte, the end, an abort, or when the time is over. */
async function changed(
  { log }: Session,
  signal: AbortSignal,
  clock: Clock,
  timeMs: number | undefined,
): Promise<void> {
  if (timeMs === undefined) return await log.changed(signal);
  const over = new AbortController();
  const onAbort = () => over.abort();
  const cancel = clock.after(timeMs, onAbort);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  await log.changed(over.signal);
  cancel();
  signal.removeEventListener("abort", onAbort);
}

class ItemReader {
  readonly #session: Session;
  /** Of the next byte to read. */
  #at: number;
  /** Behind what was given; a begun character is read and not yet given. */
  cursor: number;
  #near: Place | undefined;
  #stream: StreamName = "stdout";
  #writer = new ItemWriter("stdout");

  constructor(session: Session, cursor: number) {
    this.#session = session;
    this.#at = cursor;
    this.cursor = cursor;
  }

  /** Empty when there is no more now. */
  next(): readonly SessionItem[] {
    const { log } = this.#session;
    for (;;) {
      if (this.#at < log.start) return this.#missing(log.start);
      if (this.#at >= log.end) return [];
      const read = log.read(this.#at, this.#near);
      // The disk had no room for it, or it is damaged.
      if (read === undefined) return this.#missing(log.after(this.#at));
      this.#near = read.place;
      const stream = streamNames[read.stream] ?? "stdout";
      const items = [...this.#switched(stream), ...this.#placed(this.#writer.items(read.bytes))];
      this.#at += read.bytes.length;
      if (items.length > 0) return items;
    }
  }

  end(): readonly SessionItem[] {
    return this.#placed(this.#writer.end());
  }

  /** A character that one stream began is not finished by the other: what comes between must not overtake it. */
  #switched(stream: StreamName): readonly SessionItem[] {
    if (stream === this.#stream) return [];
    const items = this.end();
    this.#stream = stream;
    this.#writer = new ItemWriter(stream);
    return items;
  }

  #missing(to: number): readonly SessionItem[] {
    const before = this.end();
    const missing = to - this.#at;
    this.#at = to;
    this.cursor = to;
    return [...before, { missing, cursor: to }];
  }

  #placed(items: Iterable<CommandItem>): readonly SessionItem[] {
    return Array.from(items, (item): SessionItem => {
      if (!("stream" in item)) throw new Error("A stream has nothing but output");
      this.cursor += "text" in item ? textLength(item.text, "utf8") : textLength(item.base64, "base64");
      return { ...item, cursor: this.cursor };
    });
  }
}
