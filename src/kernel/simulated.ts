/** Bodies of the ports for tests: time that moves only when told, random from a seed, a log that is kept. */
import { OperoneError } from "./error.ts";
import type {
  ApprovalRequest,
  AuditRecord,
  Clock,
  Files,
  Host,
  Journal,
  Log,
  LogEntry,
  NodeNames,
  Policy,
  Random,
} from "./ports.ts";

export interface SimulatedClock extends Clock {
  /** Moves time on and runs the timers that fall due, in order, letting promises settle between them. */
  advance(ms: number): Promise<void>;
  readonly timers: number;
}

export function simulatedClock(startMs = 1_700_000_000_000): SimulatedClock {
  let elapsedMs = 0;
  let sequence = 0;
  const timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();
  const next = (untilMs: number) =>
    [...timers.entries()]
      .filter(([, timer]) => timer.atMs <= untilMs)
      .toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)[0];
  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    after(delayMs, run) {
      const id = sequence++;
      timers.set(id, { atMs: elapsedMs + Math.max(0, delayMs), run });
      return () => void timers.delete(id);
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      for (let due = next(untilMs); due !== undefined; due = next(untilMs)) {
        const [id, timer] = due;
        timers.delete(id);
        elapsedMs = Math.max(elapsedMs, timer.atMs);
        timer.run();
        await settle();
      }
      elapsedMs = untilMs;
      await settle();
    },
    get timers() {
      return timers.size;
    },
  };
}

/** A turn of the event loop: every promise that can settle without outside help has done so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Mulberry32: small, seeded, good enough to vary tests; never for keys. */
export function simulatedRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextByte = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) & 0xff;
  };
  return { bytes: (count) => Uint8Array.from({ length: count }, nextByte) };
}

export interface SimulatedLog extends Log {
  readonly entries: LogEntry[];
}

export function simulatedLog(): SimulatedLog {
  const entries: LogEntry[] = [];
  const writer =
    (level: LogEntry["level"]): Log["info"] =>
    (message, fields = {}) =>
      void entries.push({ atMs: 0, level, message, fields });
  return {
    entries,
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
  };
}

export function simulatedHost(overrides: Partial<Host> = {}): Host {
  return {
    dataDirectory: "/data",
    hostName: "testhost",
    os: "linux",
    cpu: "x64",
    version: "0.0.0-test",
    pid: 1,
    startedAtMs: 1_700_000_000_000,
    ...overrides,
  };
}

/** A file tree in memory. Parents need not exist; directories are known from their files and `ensureDirectory`. */
export function simulatedFiles(
  clock: Clock = simulatedClock(),
): Files & { readonly tree: Map<string, Uint8Array> } {
  const tree = new Map<string, Uint8Array>();
  const directories = new Set<string>();
  const isDirectory = (path: string) =>
    directories.has(path) || [...tree.keys()].some((name) => name.startsWith(`${path}/`));
  const read = (path: string, bytesMax: number) => {
    const bytes = tree.get(path);
    if (bytes !== undefined && bytes.length > bytesMax) {
      throw new OperoneError(
        "too_large",
        `"${path}" has ${bytes.length} bytes; ${bytesMax} are allowed here`,
      );
    }
    return bytes;
  };
  return {
    tree,
    read: async (path, bytesMax) => read(path, bytesMax),
    async writePrivate(path, data) {
      tree.set(path, typeof data === "string" ? new TextEncoder().encode(data) : data.slice());
    },
    async ensureDirectory(path) {
      directories.add(path);
    },
    async facts(path) {
      const bytes = tree.get(path);
      if (bytes !== undefined) {
        return { kind: "file", sizeBytes: bytes.length, mode: 0o600, modifiedMs: clock.nowMs() };
      }
      return isDirectory(path)
        ? { kind: "directory", sizeBytes: 0, mode: 0o700, modifiedMs: clock.nowMs() }
        : undefined;
    },
    async list(path) {
      const prefix = `${path}/`;
      const names = [...tree.keys(), ...directories]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length).split("/")[0] ?? "");
      return [...new Set(names)].toSorted();
    },
    async remove(path) {
      tree.delete(path);
      directories.delete(path);
    },
    async *stream(path) {
      const bytes = read(path, Number.POSITIVE_INFINITY);
      if (bytes === undefined) throw new OperoneError("not_found", `There is no file "${path}"`);
      yield bytes;
    },
    freeBytes: async () => 1e12,
  };
}

/** Keeps every record; `fail` makes the next writes reject, as a full disk would. */
export function simulatedJournal(): Journal & { readonly records: AuditRecord[]; fail: Error | undefined } {
  const records: AuditRecord[] = [];
  const journal = {
    records,
    fail: undefined as Error | undefined,
    async record(record: AuditRecord) {
      if (journal.fail !== undefined) throw journal.fail;
      records.push(record);
    },
  };
  return journal;
}

/** Answers each `ask` by `answer`; the requests that came are kept. */
export function simulatedPolicy(
  answer: (request: ApprovalRequest, signal: AbortSignal) => Promise<void>,
): Policy & { readonly requests: ApprovalRequest[] } {
  const requests: ApprovalRequest[] = [];
  return {
    requests,
    approve(request, signal) {
      requests.push(request);
      return answer(request, signal);
    },
  };
}

export function simulatedNames(first: string): NodeNames {
  const all = new Set([first]);
  let name = first;
  return {
    name: () => name,
    all,
    async rename(wanted) {
      all.delete(name);
      all.add(wanted);
      name = wanted;
    },
    setPeerId: (peerId) => void all.add(peerId),
  };
}
