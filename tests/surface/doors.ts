/** Every way to call an operation, and what came of it in one form. */
import assert from "node:assert/strict";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import type { Answer } from "../../src/kernel/call.ts";
import { type ErrorCode, errorCodes, isErrorCode, OperoneError } from "../../src/kernel/error.ts";
import type { BytesAnswer, Operation, SurfaceName } from "../../src/kernel/operation.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { argumentsFromInput } from "../../src/surface/arguments.ts";
import { runCli } from "../../src/surface/cli.ts";
import type { OperationClient } from "../../src/surface/client.ts";
import { linesOf } from "../../src/surface/event-stream.ts";
import { httpClient } from "../../src/surface/http-client.ts";
import { operationPath } from "../../src/surface/http-wire.ts";
import { capturedIo, joined } from "./captured-io.ts";
import { memoryHttp } from "./memory-http.ts";
import { sampleMesh } from "./sample-mesh.ts";
import { directClient } from "./sample-node.ts";

export interface Attempt {
  readonly operation: string;
  readonly input: unknown;
  readonly bytes?: Uint8Array;
  readonly messages?: readonly unknown[];
  /** The caller's: Ctrl-C at the command line. */
  readonly signal?: AbortSignal;
}

export interface Outcome {
  readonly code: ErrorCode | "ok";
  /** A value alone, or the items that came before the end. */
  readonly given: readonly unknown[];
  /** Undefined also when they failed: how many had come by then is chance. */
  readonly bytes: Uint8Array | undefined;
  /** Type, size, validator and name of bytes; undefined where the door does not show them. */
  readonly facts: Omit<BytesAnswer, "open"> | undefined;
}

export interface Door {
  readonly name: string;
  readonly surface: SurfaceName;
  /** False for what cannot go through it. */
  fits(attempt: Attempt, operation: Operation | undefined): boolean;
  call(attempt: Attempt): Promise<Outcome>;
}

export interface DoorOptions {
  readonly view: KernelView;
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Another node, on which all calls are to run. */
  readonly through?: Through;
}

export interface Through {
  /** As a selector. */
  readonly node: string;
  /** Calls that node over the mesh itself, with no door of this one between. */
  mesh(sets: readonly GrantSet[]): OperationClient;
}

export function doorsOf(options: DoorOptions): readonly Door[] {
  const { view, caller, sets, through } = options;
  const node = through?.node;
  const http = memoryHttp(view, { caller, sets });
  const overHttp = { baseUrl: "http://operone", table: view.table };
  const streams = { openWebSocket: http.openWebSocket };
  return [
    clientDoor("http", "http", httpClient({ ...overHttp, ...streams, fetch: http.fetch }), node),
    {
      ...clientDoor("http get", "http", httpClient({ ...overHttp, fetch: http.getFetch }), node),
      fits: ({ input }, operation) =>
        operation?.effect === "read" && operation.takes === "nothing" && isObject(input),
    },
    {
      ...clientDoor("http ndjson", "http", ndjsonClient(http.fetch), node),
      fits: (_, operation) => operation?.gives === "items" && operation.takes === "nothing",
    },
    {
      ...clientDoor(
        "http frames",
        "http",
        httpClient({ ...overHttp, fetch: http.fetch, frames: true }),
        node,
      ),
      fits: ({ input, bytes }, operation) =>
        operation?.gives === "items" &&
        operation.takes !== "messages" &&
        (bytes === undefined || isObject(input)),
    },
    clientDoor("mesh", "mesh", through?.mesh(sets) ?? sampleMesh(view, { sets }).client),
    cliDoor(
      options,
      httpClient({ ...overHttp, ...streams, fetch: http.fetch, surface: "cli", frames: true }),
    ),
  ];
}

/** The dispatcher itself, as the measure of the others. */
export function directDoor({ view, caller, sets }: DoorOptions, surface: SurfaceName): Door {
  return clientDoor("direct", surface, directClient(view, surface, sets, caller));
}

function clientDoor(name: string, surface: SurfaceName, client: OperationClient, node?: string): Door {
  return {
    name,
    surface,
    fits: ({ input, bytes, messages }) => isObject(input) || (bytes === undefined && messages === undefined),
    async call({ operation, input, bytes, messages, signal }) {
      const taking: Taking = { given: [], chunks: [], facts: undefined };
      let code: Outcome["code"] = "ok";
      try {
        const answer = await client.call(operation, input, {
          ...(node === undefined ? {} : { node }),
          ...(signal === undefined ? {} : { signal }),
          ...(bytes === undefined ? {} : { bytes: once(bytes) }),
          ...(messages === undefined ? {} : { messages: each(messages) }),
        });
        await take(answer, taking);
      } catch (error) {
        code = codeOf(error);
      }
      const { given, chunks, facts } = taking;
      return { code, given, bytes: code === "ok" && facts !== undefined ? joined(chunks) : undefined, facts };
    },
  };
}

interface Taking {
  readonly given: unknown[];
  readonly chunks: Uint8Array[];
  facts: Outcome["facts"];
}

async function take(answer: Answer, taking: Taking): Promise<void> {
  if (answer.gives === "value") taking.given.push(asJson(answer.value));
  if (answer.gives === "items") for await (const item of answer.items) taking.given.push(asJson(item));
  if (answer.gives !== "bytes") return;
  const { open, ...facts } = answer.bytes;
  taking.facts = facts;
  for await (const chunk of open()) taking.chunks.push(new Uint8Array(chunk));
}

/** Through the words of a command line, the HTTP client and the terminal's output. */
function cliDoor({ view, through }: DoorOptions, client: OperationClient): Door {
  return {
    name: "command line",
    surface: "cli",
    fits: () => true,
    async call(attempt) {
      const operation = view.table.get(attempt.operation);
      const stdin =
        attempt.bytes ?? attempt.messages?.map((message) => `${JSON.stringify(message)}\n`).join("");
      const { signal } = attempt;
      const io = capturedIo({
        ...(stdin === undefined ? {} : { stdin }),
        ...(signal === undefined ? {} : { signal }),
      });
      const [module = "", ...name] = attempt.operation.split(".");
      const node = through === undefined ? [] : [`--node=${through.node}`];
      const argv = [module, name.join("."), "--json", ...node, ...wordsOf(operation, attempt.input)];
      const exit = await runCli({ argv, table: view.table, modules: [], commands: [], client, io });
      const code = io.err() === "" ? "ok" : codeIn(io.err());
      const bytes = operation?.gives === "bytes" && operation.surfaces.includes("cli");
      const given = bytes
        ? []
        : io
            .out()
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => JSON.parse(line));
      const expected =
        signal?.aborted === true ? errorCodes.cancelled.exit : exitFor(operation, code, given.at(-1));
      assert.equal(exit, expected, `exit code of ${argv.join(" ")} (${code})`);
      return { code, given, bytes: bytes && code === "ok" ? io.outBytes() : undefined, facts: undefined };
    },
  };
}

function wordsOf(operation: Operation | undefined, input: unknown): readonly string[] {
  if (operation !== undefined && isObject(input)) return argumentsFromInput(operation, input);
  return [`--input=${JSON.stringify(input)}`];
}

function exitFor(operation: Operation | undefined, code: Outcome["code"], last: unknown): number {
  if (code === "ok") return (last === undefined ? undefined : operation?.cli.exit?.(last)) ?? 0;
  const known = operation?.surfaces.includes("cli") === true;
  return (known ? operation.cli.failureExit : undefined) ?? errorCodes[code].exit;
}

function codeIn(stderr: string): ErrorCode {
  const { error } = JSON.parse(stderr) as { readonly error: { readonly code: unknown } };
  return isErrorCode(error.code) ? error.code : assert.fail(stderr);
}

/** Items as any HTTP client would read them that knows nothing of Operone. */
function ndjsonClient(fetch: Parameters<typeof httpClient>[0]["fetch"]): OperationClient {
  return {
    async call(operation, input, { signal, node } = {}) {
      const query = node === undefined ? "" : `?node=${encodeURIComponent(node)}`;
      const response = await fetch(`http://operone${operationPath(operation)}${query}`, {
        method: "POST",
        headers: { accept: "application/x-ndjson", "content-type": "application/json" },
        redirect: "error",
        body: JSON.stringify(input),
        ...(signal === undefined ? {} : { signal }),
      }).catch((error: unknown) => {
        throw signal?.aborted === true ? new OperoneError("cancelled", "") : error;
      });
      const body = response.body ?? assert.fail("no body");
      if (!response.ok) {
        const problem: unknown = await response.json();
        throw new OperoneError(
          isObject(problem) && isErrorCode(problem.code) ? problem.code : "internal",
          "",
        );
      }
      return { gives: "items", callId: "", items: ndjsonItems(linesOf(body)) };
    },
  };
}

async function* ndjsonItems(lines: AsyncIterable<string>): AsyncGenerator<unknown> {
  for await (const line of lines) {
    if (line === "") continue;
    const item: unknown = JSON.parse(line);
    const error = isObject(item) && isObject(item.error) ? item.error.code : undefined;
    if (isErrorCode(error)) throw new OperoneError(error, "");
    yield item;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

async function* each(values: readonly unknown[]): AsyncGenerator<unknown> {
  yield* values;
}

function codeOf(error: unknown): ErrorCode {
  return error instanceof OperoneError ? error.code : assert.fail(`no OperoneError: ${error}`);
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
