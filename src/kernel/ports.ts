/**
 * What the outside is, as the kernel and the modules see it. `src/platform` has the real bodies, `simulated.ts` the
 * ones for tests; modules require them as services, so that each gets only what it named.
 */
import type { Caller, ScopeRequest } from "./authority.ts";
import type { Answer, Call } from "./call.ts";
import type { ErrorCode } from "./error.ts";
import { service } from "./module.ts";
import type { Effect, Operation, SurfaceName } from "./operation.ts";

/** Time. `nowMs` is Unix time and may jump; `monotonicMs` never goes back and is for durations. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`, unless cancelled first. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void;
}
export const Clock = service<Clock>("port.clock");

/** Cryptographically strong in the real body. */
export interface Random {
  bytes(count: number): Uint8Array;
}
export const Random = service<Random>("port.random");

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Structured log. Fields are JSON; never put a secret, a token or file content into one. */
export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
export const Log = service<Log>("port.log");

export interface LogEntry {
  /** Unix time in milliseconds. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The log as it can be read back. The newest `entriesMax` lines are kept in memory. */
export interface LogBook {
  level(): LogLevel;
  setLevel(level: LogLevel): void;
  /** The newest entries, oldest first. */
  tail(count: number): readonly LogEntry[];
  /** Entries from now on until `signal` aborts; a reader that falls behind loses the oldest ones. */
  follow(signal: AbortSignal): AsyncIterable<LogEntry>;
}
export const LogBook = service<LogBook>("port.log-book");

/** Facts of the machine and this process that never change while it runs. */
export interface Host {
  readonly dataDirectory: string;
  readonly hostName: string;
  readonly os: "linux" | "darwin" | "win32" | string;
  readonly cpu: "x64" | "arm64" | string;
  readonly version: string;
  readonly pid: number;
  readonly startedAtMs: number;
}
export const Host = service<Host>("port.host");

/** What this node is called. */
export interface NodeNames {
  name(): string;
  /** All that means this node in a selector or a grant: its name, and its peer id when it has one. Live. */
  readonly all: ReadonlySet<string>;
  /**
   * Durable, from now on.
   *
   * @throws OperoneError `conflict` when the configuration gives the name, which is then the place to change it
   */
  rename(name: string): Promise<void>;
  setPeerId(peerId: string): void;
}
export const NodeNames = service<NodeNames>("port.node-names");

export interface FileFacts {
  readonly kind: "file" | "directory" | "other";
  readonly sizeBytes: number;
  /** Permission bits, e.g. 0o600; 0 where the system has none. */
  readonly mode: number;
  readonly modifiedMs: number;
  /** User id of the owner; absent where the system has none. */
  readonly ownerId?: number;
}

/** The node's own files below its data directory. Not for the user's files: those belong to the fs module. */
export interface Files {
  /** Undefined when it does not exist. @throws OperoneError `too_large` above `bytesMax`. */
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>;
  /** Atomic (temporary file, fsync, rename), readable by the owner alone (0600). */
  writePrivate(path: string, data: Uint8Array | string): Promise<void>;
  /** Makes the directory and its parents, 0700. */
  ensureDirectory(path: string): Promise<void>;
  facts(path: string): Promise<FileFacts | undefined>;
  /** Names in the directory, sorted; empty when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  remove(path: string): Promise<void>;
  /** A path's bytes in chunks. */
  stream(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Bytes that an ordinary user can still write on the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
}
export const Files = service<Files>("port.files");

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface SpawnOptions {
  /** The program and its arguments; never a shell string. At least one. */
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  /** The whole environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ended by closing it; "none" is an empty stdin. */
  readonly stdin: "none" | "pipe";
  /** A terminal as stdin, stdout and stderr, of this size in cells; then `stdin` means nothing. Absent: pipes. */
  readonly terminal?: TerminalSize;
  /** A pipe as descriptor 3, for what a launcher has to say beside the output. Absent: there is none. */
  readonly report?: true;
}

export interface ChildExit {
  /** The exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
}

/** A running child in a process group of its own. */
export interface Child {
  readonly pid: number;
  /**
   * Exact bytes with back-pressure: the child blocks while nobody reads. To be read to the end, or returned: an
   * iterator's `return()` closes the pipe even while `next()` waits. A process that the child left behind may keep
   * a pipe open after the child's exit.
   */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /**
   * There when a terminal was asked for. All output comes by `stdout`, without back-pressure; `closeStdin` types the end
   * of input (Ctrl-D).
   */
  readonly terminal?: { resize(size: TerminalSize): void };
  /** What came through the report; there when it was asked for, and to be read or returned as the others. */
  readonly report?: AsyncIterable<Uint8Array>;
  /** Resolves when the bytes were accepted by the pipe. Rejects with EPIPE when the child closed it. */
  writeStdin(bytes: Uint8Array): Promise<void>;
  closeStdin(): void;
  /**
   * To the whole process group, after the child's own exit too. True when some process got it. 0 sends nothing and
   * tells whether anybody is left.
   */
  kill(signal: "SIGTERM" | "SIGKILL" | "SIGINT" | "SIGHUP" | 0): boolean;
  readonly exited: Promise<ChildExit>;
}

export interface Processes {
  /**
   * @throws OperoneError `not_found` (no such program or directory), `forbidden` (not executable), `limited`;
   *   `unsupported` for a report where the system has no pipes to give
   */
  spawn(options: SpawnOptions): Child;
  /** The environment that a child gets when nothing is asked for: PATH, HOME, LANG, TZ...; never BUN_* or NODE_*. */
  cleanEnvironment(): Readonly<Record<string, string>>;
  /**
   * Kills what an earlier run of this node left behind when it was killed itself. Resolves to the number of groups.
   * For the start, before the first `spawn`.
   */
  endLeftovers(): Promise<number>;
}
export const Processes = service<Processes>("port.processes");

/** What a check of this machine or of the node found. */
export interface Finding {
  readonly verdict: "ok" | "warning" | "failure";
  /** What was seen. */
  readonly found: string;
  /** What to do; absent when it is ok. */
  readonly fix?: string;
}

export interface Check {
  /** A few words, unique: `data directory`. */
  readonly name: string;
  /** Undefined: it does not concern this node as it is now. */
  run(signal: AbortSignal): Finding | undefined | Promise<Finding | undefined>;
}

/** The checks of all modules, run together by whoever asks for a diagnosis. */
export interface Checks {
  add(check: Check): void;
  /** By name. */
  all(): readonly Check[];
}
export const Checks = service<Checks>("port.checks");

/** Consistent copies of the whole data directory. They hold its keys: whoever has one can be this node. */
export interface Backups {
  /** @returns a suggested name, and the tar stream: read to its end, or returned */
  create(): { readonly fileName: string; open(): AsyncIterable<Uint8Array> };
}
export const Backups = service<Backups>("port.backups");

/** What an `ask` puts before a person. */
export interface ApprovalRequest {
  readonly callId: string;
  readonly caller: Caller;
  /** As in the call: all callers of one other node share one. */
  readonly sharedBy?: string;
  readonly operation: string;
  readonly effect: Effect;
  /** The rights that only an `ask` grant covers. */
  readonly requests: readonly ScopeRequest[];
  /** Exactly what will happen: the operation's `preview` of the input. */
  readonly preview: unknown;
  /** SHA-256 of the canonical input, hex: the approval is bound to it. */
  readonly inputDigest: string;
}

/** Answers an `ask`. Filled by the access module. */
export interface Policy {
  /** Resolves when a person approved. @throws OperoneError `forbidden` (denied), `deadline` (nobody answered), `limited`. */
  approve(request: ApprovalRequest, signal: AbortSignal): Promise<void>;
}
export const Policy = service<Policy>("port.policy");

export interface AuditRecord {
  /** `intent`: about to run. `outcome`: it ran. `denial`: it was refused before it ran. */
  readonly kind: "intent" | "outcome" | "denial";
  readonly callId: string;
  readonly caller: Caller;
  readonly surface: SurfaceName;
  readonly operation: string;
  readonly effect: Effect;
  /** SHA-256 of the canonical input, hex; empty when the input was not even looked at. */
  readonly inputDigest: string;
  readonly code: ErrorCode | "ok" | "pending";
  readonly durationMs: number;
  /** The selector of a call that was sent to other nodes. */
  readonly node?: string;
  /** So many calls of one other node, too many for a record each, are in this one. */
  readonly count?: number;
}

/** The audit. Filled by the access module. */
export interface Journal {
  /** Resolves when the record is on disk: it then survives `kill -9` at any moment. */
  record(record: AuditRecord): Promise<void>;
}
export const Journal = service<Journal>("port.journal");

/** A node that a call is to run on. */
export interface RouteTarget {
  readonly peerId: string;
  /** What it is called in the `nodes` of a grant: its peer id and its name. */
  readonly names: ReadonlySet<string>;
  /** Further names by which a grant that denies means it: those that it tells, or has told. */
  readonly alsoDenied?: ReadonlySet<string>;
}

export interface RoutedCall {
  readonly call: Call & { readonly callId: string };
  readonly operation: Operation;
  /** @throws OperoneError `forbidden` unless the caller holds the operation's permissions for that node */
  permit(target: RouteTarget): void;
}

/** Sends a call to other nodes. Filled by the networking module; without it every node is alone. */
export interface Router {
  /** True when the selector names this node alone. */
  isLocal(selector: string): boolean;
  /**
   * A selector that names many nodes gives items `{ node, value }` or `{ node, error }`, one for each value or item.
   *
   * @throws OperoneError `not_found` (no such node), `conflict` (two of that name), `unavailable`, or the node's own
   */
  route(selector: string, routed: RoutedCall): Promise<Answer>;
  /** Names of the other nodes that are connected now. Absent: it does not know. */
  connected?(): readonly string[];
}
export const Router = service<Router>("port.router");
