/**
 * HTTP as a door to the operations: a request in, a response out. It opens no socket and authenticates nobody; who
 * calls it has done both. `POST /v1/<module>/<operation>` takes JSON; operations that only read also answer GET.
 *
 * Shapes: a value is JSON; items are server-sent events, NDJSON or one JSON array, as `accept` says; bytes are raw,
 * with ranges; messages go over a WebSocket. Every failure is a problem document.
 */
import type { Answer, Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Operation } from "../kernel/operation.ts";
import type { KernelView } from "../kernel/view.ts";
import { preferred } from "./http-accept.ts";
import {
  bytesResponse,
  itemsResponse,
  type Outgoing,
  ProgressBox,
  valueEventsResponse,
  valueResponse,
} from "./http-answer.ts";
import { documentFor } from "./http-documents.ts";
import type { Engine, HttpIdentity } from "./http-engine.ts";
import { type HttpLimits, httpLimits, type Timer } from "./http-limits.ts";
import { type MessageCall, messageCall } from "./http-messages.ts";
import { problemResponse } from "./http-problem.ts";
import { type Asked, methodsOf, operationIdOf, readAsked, surfaceOf, targetOf } from "./http-request.ts";
import { headerName, mediaType } from "./http-wire.ts";

export interface HttpSurfaceOptions {
  readonly view: Pick<KernelView, "table" | "call">;
  /** Of this node, for the API documents. */
  readonly version?: string;
  readonly limits?: Partial<HttpLimits>;
  readonly timer?: Timer;
  newCallId?(): string;
  /** Told of errors that are no OperoneError: defects of the node, whose text no caller sees. */
  unexpected?(error: unknown, callId: string): void;
}

export interface HttpHooks {
  /**
   * Called when an answer may go on after `fetch` has resolved, because its body is made while it is read. What it
   * returns is called once, just before the last byte or the break.
   */
  streams?(): () => void;
}

export interface HttpSurface {
  /** Answers every request; never rejects. */
  fetch(request: Request, identity: HttpIdentity, hooks?: HttpHooks): Promise<Response>;
  /** A call with messages, for a WebSocket that the caller of this function has opened. */
  messages(request: Request, identity: HttpIdentity): MessageCall;
}

export function httpSurface(options: HttpSurfaceOptions): HttpSurface {
  const engine: Engine = {
    view: options.view,
    version: options.version ?? "0.0.0",
    limits: { ...httpLimits, ...options.limits },
    timer: options.timer ?? systemTimer,
    newCallId: options.newCallId ?? (() => crypto.randomUUID().replaceAll("-", "")),
    unexpected: options.unexpected ?? (() => {}),
  };
  return {
    async fetch(request, identity, hooks = {}) {
      const callId = engine.newCallId();
      try {
        return await respondTo(engine, request, identity, hooks, callId);
      } catch (error) {
        if (!(error instanceof OperoneError)) engine.unexpected(error, callId);
        return problemResponse(error, { callId });
      }
    },
    messages: (request, identity) => messageCall(engine, request, identity),
  };
}

const systemTimer: Timer = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

async function respondTo(
  engine: Engine,
  request: Request,
  identity: HttpIdentity,
  hooks: HttpHooks,
  callId: string,
): Promise<Response> {
  const { path, query } = targetOf(request.url);
  const document = documentFor({ table: engine.view.table, version: engine.version }, path, request, callId);
  if (document !== undefined) return document;
  const surface = surfaceOf(request);
  const operation = engine.view.table.get(operationIdOf(path) ?? "");
  if (operation === undefined || !operation.surfaces.includes(surface)) throw notFound(path);
  const methods = methodsOf(operation);
  if (operation.takes === "messages" || !methods.includes(request.method)) {
    return methodRefused(request, operation, methods, callId);
  }
  let asked: Asked;
  try {
    asked = await readAsked(request, operation, query, engine.limits, engine.timer);
  } catch (error) {
    // The rest of a body that was refused would be taken for the next request.
    return problemResponse(error, { callId, ...(request.method === "POST" ? { headers: closing } : {}) });
  }
  const key = request.headers.get(headerName.idempotencyKey);
  const call: Omit<Call, "signal"> = {
    surface,
    operation: operation.id,
    input: asked.input,
    caller: identity.caller,
    sets: identity.sets,
    callId,
    ...(asked.node === undefined ? {} : { node: asked.node }),
    ...(key === null ? {} : { idempotencyKey: key }),
    ...(asked.upload === undefined ? {} : { bytes: asked.upload.bytes }),
  };
  return perform(engine, request, operation, asked, call, identity.signal, hooks);
}

const closing = { connection: "close" };

async function perform(
  engine: Engine,
  request: Request,
  operation: Operation,
  { upload }: Asked,
  call: Omit<Call, "signal">,
  signal: AbortSignal,
  hooks: HttpHooks,
): Promise<Response> {
  const callId = call.callId ?? "";
  const wantsEvents = operation.gives === "value" && asksForEvents(request);
  if (operation.gives === "value" && upload === undefined && !wantsEvents) {
    const answer = await engine.view.call({ ...call, signal });
    return valueResponse(outgoingOf(engine, request, callId, hooks), givenValue(answer));
  }
  const linked = linkedAbort(signal);
  const plain = outgoingOf(engine, request, callId, hooks);
  const outgoing: Outgoing = {
    ...plain,
    conditional: operation.effect === "read" && upload === undefined,
    // An answer may be over before the client has sent all: the rest must not count as the next request.
    headers: upload === undefined ? {} : closing,
    abort: linked.abort,
    ended() {
      linked.release();
      if (upload?.ended() === false) upload.stop();
      plain.ended();
    },
  };
  try {
    const progress = new ProgressBox();
    const answering = engine.view.call({ ...call, signal: linked.signal, onProgress: progress.note });
    if (wantsEvents) return await valueEventsResponse(outgoing, answering, progress);
    const answer = await answering;
    if (answer.gives === "items") return await itemsResponse(outgoing, answer.items, progress);
    if (answer.gives === "bytes") return await bytesResponse(outgoing, answer);
    return valueResponse(outgoing, answer.value);
  } catch (error) {
    linked.abort(
      error instanceof OperoneError ? error : new OperoneError("internal", "The answer could not be made"),
    );
    outgoing.ended();
    if (!(error instanceof OperoneError)) engine.unexpected(error, callId);
    return problemResponse(error, { callId, ...(upload === undefined ? {} : { headers: closing }) });
  }
}

function outgoingOf({ limits, timer }: Engine, request: Request, callId: string, hooks: HttpHooks): Outgoing {
  let onEnd: (() => void) | undefined;
  return {
    request,
    callId,
    limits,
    timer,
    conditional: false,
    headers: {},
    abort: () => {},
    lasts() {
      onEnd = hooks.streams?.();
    },
    ended() {
      onEnd?.();
      onEnd = undefined;
    },
  };
}

function givenValue(answer: Answer): unknown {
  if (answer.gives === "value") return answer.value;
  throw new Error(`An operation that gives a value gave ${answer.gives}`);
}

function asksForEvents(request: Request): boolean {
  const accept = request.headers.get("accept");
  if (accept === null || request.method === "HEAD") return false;
  return preferred(accept, [mediaType.json, mediaType.sse]) === mediaType.sse;
}

/** A signal that follows `outer` and can be aborted on its own. */
function linkedAbort(outer: AbortSignal) {
  const controller = new AbortController();
  const follow = () => controller.abort(outer.reason);
  if (outer.aborted) follow();
  else outer.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason: OperoneError) => controller.abort(reason),
    release: () => outer.removeEventListener("abort", follow),
  };
}

function notFound(path: string): OperoneError {
  return new OperoneError(
    "not_found",
    `There is nothing at ${JSON.stringify(path)}; /docs and /openapi.json list the operations`,
  );
}

function methodRefused(
  request: Request,
  { id, takes }: Operation,
  methods: readonly string[],
  callId: string,
): Response {
  const how = takes === "messages" ? "a WebSocket" : methods.join(" or ");
  return problemResponse(new OperoneError("unsupported", `"${id}" takes ${how}, not ${request.method}`), {
    callId,
    status: 405,
    headers: { allow: methods.join(", "), ...(request.body === null ? {} : closing) },
  });
}
