/**
 * The node's log: to stderr while it runs in the foreground, to a file that is rotated, and to memory, from where it
 * can be read back. Nothing in here throws or waits: a full disk or a closed terminal must not stop the node.
 */
import { OperoneError } from "../kernel/error.ts";
import type { Clock, Log, LogBook, LogEntry, LogLevel } from "../kernel/ports.ts";
import { type LogFile, type LogFileLimits, logFile, logFileLimits } from "./log-file.ts";
import { safeFields, safeText } from "./log-redact.ts";
import { humanLine, jsonLine } from "./log-text.ts";

/** Where lines for the person or program that started the node go. */
export interface LogStream {
  write(text: string): void;
  readonly isTTY: boolean;
}

export interface LogOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  /** `<data>/log/node.log`. Absent: no file. Opened with the first line. */
  readonly file?: string;
  /** Absent: nothing is written there, as for a node in the background. */
  readonly stream?: LogStream;
  readonly limits?: Partial<LogLimits>;
}

export interface LogLimits extends LogFileLimits {
  /** Newest entries that are kept in memory. */
  readonly entriesMax: number;
  /** Entries that wait for one reader of `follow`. */
  readonly followerEntriesMax: number;
  readonly followersMax: number;
}

const logLimits: LogLimits = {
  ...logFileLimits,
  entriesMax: 1_000,
  followerEntriesMax: 1_000,
  followersMax: 32,
};

export interface OpenLog {
  readonly log: Log;
  readonly book: LogBook;
  /** Writes what waits. For the moments before the process ends. */
  flush(): void;
  close(): void;
}

const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function openLog(options: LogOptions): OpenLog {
  const limits = { ...logLimits, ...options.limits };
  const ring = new Ring(limits.entriesMax);
  const followers = new Set<Follower>();
  let level = options.level;
  let file: LogFile | undefined;

  const write = (entryLevel: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    if (logLevels.indexOf(entryLevel) < logLevels.indexOf(level)) return;
    const entry = makeEntry(options.clock, entryLevel, message, fields);
    ring.add(entry);
    for (const follower of followers) follower.add(entry);
    options.stream?.write(options.stream.isTTY ? humanLine(entry, true) : jsonLine(entry));
    file?.add(jsonLine(entry));
    // What is said before a crash is what matters most; the rest is gathered.
    if (entryLevel === "error") file?.flush();
  };
  if (options.file !== undefined) {
    file = logFile(options.file, limits, options.clock.monotonicMs, (lines, reason) =>
      write("warn", "Lines of the log could not be written", { lines, reason }),
    );
  }
  const writer =
    (entryLevel: LogLevel): Log["info"] =>
    (message, fields) =>
      write(entryLevel, message, fields);
  return {
    log: { debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") },
    book: {
      level: () => level,
      setLevel: (next) => {
        level = next;
      },
      tail: (count) => ring.newest(count),
      follow: (signal) => follow(followers, limits, options.clock, signal),
    },
    flush: () => file?.flush(),
    close: () => file?.close(),
  };
}

/** Something may go wrong while a field is read (a getter, a proxy); then the message is kept without the fields. */
function makeEntry(
  clock: Clock,
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): LogEntry {
  const head = { atMs: clock.nowMs(), level, message: safeText(message) };
  try {
    return { ...head, fields: safeFields(fields) };
  } catch {
    return { ...head, fields: { fields: "could not be read" } };
  }
}

class Ring {
  readonly #slots: LogEntry[] = [];
  readonly #entriesMax: number;
  #next = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  add(entry: LogEntry): void {
    this.#slots[this.#next] = entry;
    this.#next = (this.#next + 1) % this.#entriesMax;
  }

  newest(count: number): readonly LogEntry[] {
    const inOrder = [...this.#slots.slice(this.#next), ...this.#slots.slice(0, this.#next)];
    const wanted = Math.max(0, Math.min(count, inOrder.length));
    return inOrder.slice(inOrder.length - wanted);
  }
}

class Follower {
  readonly #entriesMax: number;
  #waiting: LogEntry[] = [];
  #dropped = 0;
  #wake = () => {};

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  add(entry: LogEntry): void {
    if (this.#waiting.length >= this.#entriesMax) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#waiting.push(entry);
    this.#wake();
  }

  /** What waits, with a note in front when something was lost. */
  take(clock: Clock): readonly LogEntry[] {
    const entries = this.#waiting;
    const dropped = this.#dropped;
    this.#waiting = [];
    this.#dropped = 0;
    if (dropped === 0) return entries;
    const fields = { entries: dropped };
    return [
      { atMs: clock.nowMs(), level: "warn", message: "This reader was too slow and lost entries", fields },
      ...entries,
    ];
  }

  /** Resolves when there is something to take, or when the signal aborts. */
  waitFor(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener("abort", wake);
        this.#wake = () => {};
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** Entries count from the call on, not from the first read. */
function follow(
  followers: Set<Follower>,
  limits: LogLimits,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<LogEntry> {
  if (followers.size >= limits.followersMax) {
    throw new OperoneError(
      "limited",
      `${followers.size} readers follow the log, and no more are served at once; end one of them first`,
    );
  }
  const follower = new Follower(limits.followerEntriesMax);
  followers.add(follower);
  signal.addEventListener("abort", () => followers.delete(follower), { once: true });
  if (signal.aborted) followers.delete(follower);
  return entriesOf(follower, clock, signal, () => followers.delete(follower));
}

async function* entriesOf(
  follower: Follower,
  clock: Clock,
  signal: AbortSignal,
  end: () => void,
): AsyncGenerator<LogEntry, void> {
  try {
    while (!signal.aborted) {
      await follower.waitFor(signal);
      if (!signal.aborted) yield* follower.take(clock);
    }
  } finally {
    end();
  }
}

/** Characters that may wait for a terminal that was stopped or a pipe that nobody reads. */
const streamCharsMax = 1024 * 1024;

/** The process's stderr as a log stream: never throws, and drops lines rather than keep them without bound. */
export function stderrStream(): LogStream {
  let opened: typeof process.stderr | undefined;
  // By the first line and not before: it is a large part of Bun's runtime, and a node has its doors to open first.
  const stderr = () => {
    opened ??= process.stderr.on("error", () => {});
    return opened;
  };
  return {
    get isTTY() {
      return stderr().isTTY === true;
    },
    write(text) {
      if (stderr().writableLength < streamCharsMax) stderr().write(text);
    },
  };
}
