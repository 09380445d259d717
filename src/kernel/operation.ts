/**
 * An operation is one typed verb of a module. It is defined once; HTTP, OpenAPI, the command line, mesh RPC and
 * MCP tools are projections of the definition, so they cannot drift apart.
 *
 * ```ts
 * const op = operationsOf<FileStore>("fs");
 * export const read = op({
 *   name: "read", summary: "Read a file", effect: "read", needs: ["fs.read"],
 *   input: v.strictObject({ path: v.string() }),
 *   output: v.strictObject({ text: v.string() }),
 *   scope: ({ path }) => [{ permission: "fs.read", request: { path } }],
 *   cli: { positional: ["path"] },
 *   examples: [{ input: { path: "a.txt" }, output: { text: "hi" } }],
 *   run: (files, { path }, { signal }) => files.read(path, signal),
 * });
 * ```
 *
 * Shapes. `gives` is a `value`, `items` (an async generator; `output` is the schema of one item) or `bytes`.
 * `takes` is nothing, `bytes` or `messages` beside the JSON input; then the input must be flat, because it
 * travels in a query string.
 */
import * as v from "valibot";
import type { Authority, Caller, Rights, ScopeRequest } from "./authority.ts";
import type { ByteText } from "./byte-text.ts";
import type { Answer } from "./call.ts";
import { type ErrorCode, OperoneError } from "./error.ts";
import type { Asker } from "./question.ts";

export type Effect = "read" | "write" | "destroy";
export type SurfaceName = "http" | "cli" | "mesh" | "mcp";
export type Takes = "nothing" | "bytes" | "messages";
export type Gives = "value" | "items" | "bytes";
export type Schema = v.GenericSchema;
export type Awaitable<T> = T | Promise<T>;

/** How far a long call has come. `total` is absent when it is not known. */
export interface Progress {
  readonly done: number;
  readonly total?: number;
  readonly unit?: string;
  readonly note?: string;
}

/** An operation that a handler calls on behalf of its own caller. */
export interface OnwardCall {
  /** An operation's id; it must be there on the surface of the handler's own call. */
  readonly operation: string;
  readonly input: unknown;
  /** Node selector; absent means here. */
  readonly node?: string;
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** Ends it earlier than the handler's own call. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** What a handler knows about its call. */
export interface CallContext<Message = unknown> {
  readonly callId: string;
  readonly caller: Caller;
  /** Of a call of another node: all its callers have one. */
  readonly sharedBy?: string | undefined;
  readonly authority: Authority;
  /** Aborted when the caller leaves, the deadline passes or the node stops. Work must end then. */
  readonly signal: AbortSignal;
  /** Aborted when the caller's credential ends, for work that goes on after the call. Absent: nobody here can tell. */
  readonly revoked: AbortSignal | undefined;
  progress(progress: Progress): void;
  /** Of this call alone, not of those that it makes by `call`, and not from another node. */
  readonly asker: Asker;
  /**
   * Calls an operation as this call's own caller, with this call's rights and no more; it ends when this call does,
   * and has an audit of its own. What was approved for this call is not approved for that one.
   *
   * @throws OperoneError of that operation; `forbidden` for a call that has come over two nodes already
   */
  call(onward: OnwardCall): Promise<Answer>;
  /** The bytes that came with the call; empty unless the operation takes bytes. Read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The validated messages of the caller; empty unless the operation takes messages. Read once. */
  readonly messages: AsyncIterable<Message>;
}

/** Bytes going out. `open` may be called once; `range` is inclusive of `start`, exclusive of `end`. */
export interface BytesAnswer {
  /** An IANA media type. */
  readonly mediaType: string;
  /** Known size in bytes. Without it no Range is offered. */
  readonly sizeBytes?: number;
  /** An opaque validator without quotes; equal only for equal bytes. */
  readonly etag?: string;
  /** Suggested name when a person saves it. */
  readonly fileName?: string;
  open(range?: { readonly start: number; readonly end: number }): AsyncIterable<Uint8Array>;
}

/** What a person sees at the terminal for one value or item. Absent fields write nothing; a ByteText writes its bytes. */
export interface CliOutput {
  readonly stdout?: string | Uint8Array | ByteText;
  readonly stderr?: string | Uint8Array | ByteText;
}

/** How a person's terminal becomes messages. */
export interface TerminalHints {
  /** Bytes as the terminal sends them. */
  typed(bytes: Uint8Array): unknown;
  /** Size in cells; told at the beginning and at each change. */
  resized(columns: number, rows: number): unknown;
}

/** Another operation and its input, on the same node. */
export interface FurtherCall {
  readonly operation: string;
  readonly input: unknown;
}

/** Hints for the command line. All are optional: a verb without them already has a good command. */
export interface CliHints {
  /** Input keys taken by position. The last may be an array: it takes all remaining words, and all after `--`. */
  readonly positional?: readonly string[];
  /** Input keys that are paths of files: a relative one is completed where the person is, and `NODE:` may stand in front. */
  readonly paths?: readonly string[];
  /** Input keys that are a path here or `{ node, path }`: each may name a node of its own, as `NODE:/path`. */
  readonly places?: readonly string[];
  /** Shorter spellings, as words: `["status"]`, `["token create"]`. */
  readonly alias?: readonly string[];
  /** What other programs call it: `["ls"]`. It is no spelling; who types it is told the right one. */
  readonly knownAs?: readonly string[];
  /** Text for people instead of JSON; `--json` always gives the plain value. */
  render?(value: unknown): CliOutput;
  /** Exit code taken from a value or from the last item; undefined keeps 0. */
  exit?(value: unknown): number | undefined;
  /** Of many nodes: 0 as soon as one of them ends with that, unless another failed. Absent: the first that is not 0. */
  readonly oneNodeIsEnough?: boolean;
  /** For messages and items: a person at a terminal types into it. Absent: messages are JSON, one value a line. */
  readonly terminal?: TerminalHints;
  /** A further call after a value, made when a person sits at the terminal. */
  further?(value: unknown): FurtherCall | undefined;
  /** Exit code of the operation's own failures, where the table's codes could be taken for an answer. */
  readonly failureExit?: number;
}

/** A piece of what an agent is told. */
export type AgentContent =
  | { readonly type: "text"; readonly text: string }
  /** Something to be seen or heard; data in base64, of an IANA media type that begins with the type's own word. */
  | { readonly type: "image" | "audio"; readonly data: string; readonly mediaType: string }
  /** Something that has an address of its own. */
  | {
      readonly type: "resource";
      readonly uri: string;
      readonly mediaType: string;
      readonly text: string;
    };

/** Hints for agents. All are optional: a verb without them is a good tool already. */
export interface McpHints {
  /** What an agent is told of a value, or an item, instead of the text that a person would see. */
  content?(value: unknown): readonly AgentContent[];
}

/** A call that works, executed by a test. `output` compares as a subset: its keys must be there and equal. */
export interface Example {
  readonly input: Readonly<Record<string, unknown>>;
  readonly output?: unknown;
  readonly note?: string;
}

/** An operation as the kernel and the surfaces see it; `S` is the state that the module's `start` returns. */
export interface Operation<S = unknown> {
  /** `<module>.<name>`, for example `fs.read`. */
  readonly id: string;
  readonly module: string;
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly effect: Effect;
  /** Permissions that the caller must hold, all of them. Empty: every authenticated caller may call it. */
  readonly needs: readonly string[];
  /** Permissions of which the caller must hold one at least, where the input decides which. Empty: none of these. */
  readonly needsOneOf: readonly string[];
  readonly surfaces: readonly SurfaceName[];
  readonly takes: Takes;
  readonly gives: Gives;
  readonly input: Schema;
  /** Schema of the value or of one item; unused when it gives bytes. */
  readonly output: Schema;
  /** Schema of one incoming message; unused unless it takes messages. */
  readonly message: Schema;
  /** Codes beyond those any call can answer with. */
  readonly errors: readonly ErrorCode[];
  /** From the end of an `ask` to the answer. 0: no deadline, the handler has limits of its own. */
  readonly deadlineMs: number;
  /** False for a read that nodes ask of each other all the time and that tells nothing worth a record. */
  readonly audited: boolean;
  readonly cli: CliHints;
  readonly mcp: McpHints;
  readonly examples: readonly Example[];
  /** The concrete rights that this input asks for. Default: `needs` without a request. */
  scope(input: unknown, rights: Rights): Awaitable<readonly ScopeRequest[]>;
  /** Exactly what will happen, for the person who is asked to approve it. Default: the input. */
  preview(input: unknown): unknown;
  run(state: S, input: unknown, context: CallContext): unknown;
}

/** Deadline of operations that give a value and name none. */
const deadlineMsDefault = 30_000;

/** `node` selects where a call runs, on every surface, so no input may use the name. */
const reservedInputNames: readonly string[] = ["node"];

interface Definition<
  S,
  I extends Schema,
  O extends Schema,
  M extends Schema,
  G extends Gives,
  T extends Takes,
> {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly effect: Effect;
  readonly needs: readonly string[];
  readonly needsOneOf?: readonly string[];
  readonly surfaces?: readonly SurfaceName[];
  readonly takes?: T;
  readonly gives?: G;
  readonly input: I;
  readonly output?: O;
  readonly message?: M;
  readonly errors?: readonly ErrorCode[];
  readonly deadlineMs?: number;
  readonly audited?: boolean;
  readonly cli?: Omit<CliHints, "render" | "exit" | "further" | "terminal"> & {
    render?(value: v.InferOutput<O>): CliOutput;
    exit?(value: v.InferOutput<O>): number | undefined;
    further?(value: v.InferOutput<O>): FurtherCall | undefined;
    readonly terminal?: {
      typed(bytes: Uint8Array): v.InferInput<M>;
      resized(columns: number, rows: number): v.InferInput<M>;
    };
  };
  readonly mcp?: { content?(value: v.InferOutput<O>): readonly AgentContent[] };
  readonly examples?: readonly Example[];
  scope?(input: v.InferOutput<I>, rights: Rights): Awaitable<readonly ScopeRequest[]>;
  preview?(input: v.InferOutput<I>): unknown;
  run(
    state: S,
    input: v.InferOutput<I>,
    context: CallContext<v.InferOutput<M>>,
  ): {
    value: Awaitable<v.InferInput<O>>;
    items: AsyncIterable<v.InferInput<O>>;
    bytes: Awaitable<BytesAnswer>;
  }[G];
}

/**
 * Curried so that a module names its state once and the schemas are still inferred from each definition.
 *
 * @throws OperoneError `internal` when the definition itself is wrong (a programming error, found at load).
 */
export function operationsOf<S>(module: string) {
  return <
    I extends Schema,
    O extends Schema = v.UnknownSchema,
    M extends Schema = v.NeverSchema<undefined>,
    G extends Gives = "value",
    T extends Takes = "nothing",
  >(
    definition: Definition<S, I, O, M, G, T>,
  ): Operation<S> => {
    const { takes = "nothing", gives = "value", needs } = definition;
    const operation: Operation<S> = {
      ...definition,
      id: `${module}.${definition.name}`,
      module,
      takes,
      gives,
      needsOneOf: definition.needsOneOf ?? [],
      surfaces: definition.surfaces ?? ["http", "cli"],
      output: definition.output ?? v.unknown(),
      message: definition.message ?? v.never(),
      errors: definition.errors ?? [],
      deadlineMs: definition.deadlineMs ?? (gives === "value" ? deadlineMsDefault : 0),
      audited: definition.audited ?? true,
      cli: (definition.cli ?? {}) as CliHints,
      mcp: (definition.mcp ?? {}) as McpHints,
      examples: definition.examples ?? [],
      scope: definition.scope ?? (() => needs.map((permission) => ({ permission }))),
      preview: definition.preview ?? ((input) => input),
      run: definition.run,
    };
    const { output, message, scope } = definition;
    assertWellFormed(operation, output !== undefined, message !== undefined, scope !== undefined);
    return operation;
  };
}

function assertWellFormed(
  operation: Operation<never>,
  hasOutput: boolean,
  hasMessage: boolean,
  hasScope: boolean,
): void {
  const fail = (why: string) => {
    throw new OperoneError("internal", `Operation "${operation.id}" is defined wrongly: ${why}`);
  };
  if (!/^[a-z][a-z0-9-]*$/.test(operation.name)) fail("its name must be lower-case words joined by '-'");
  if (operation.gives !== "bytes" && !hasOutput)
    fail(`it gives ${operation.gives}, so it needs an output schema`);
  if (operation.needsOneOf.length > 0 && !hasScope)
    fail("it needs one of several permissions, so its scope must say which");
  if (operation.takes === "messages" && !hasMessage) fail("it takes messages, so it needs a message schema");
  const entries = inputEntries(operation.input);
  if (!operation.audited && operation.effect !== "read") fail("what writes is always audited");
  if (entries === undefined) fail("its input must be a v.strictObject");
  for (const name of reservedInputNames) {
    if (entries !== undefined && Object.hasOwn(entries, name)) fail(`the input name "${name}" is reserved`);
  }
}

/** The fields of an object schema by name, or undefined when the schema is no strict object (pipes are looked through). */
export function inputEntries(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const candidate = schema as Schema & { readonly entries?: Readonly<Record<string, Schema>> };
  return schema.type === "strict_object" ? candidate.entries : undefined;
}
