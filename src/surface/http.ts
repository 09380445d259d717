/**
 * HTTP as a door to the operations: a request in, a response out. It opens no socket and authenticates nobody; who
 * calls it has done both. `POST /v1/<module>/<operation>` takes JSON; operations that only read also answer GET.
 *
 * Shapes: a value is JSON; items are server-sent events, NDJSON, frames or one JSON array, as `accept` says; bytes are raw,
 * with ranges; messages go over a WebSocket. Every failure is a problem document.
 */
import type { Answer, Call } from "../kernel/call.ts";
import { OperoneError } from "../kernel/error.ts";
import type { Operation, SurfaceName } from "../kernel/operation.ts";
import { selectsMany } from "../kernel/selector.ts";
import type { KernelView } from "../kernel/view.ts";
import { preferred } from "./http-accept.ts";
import {
  bytesResponse,
  isLarge,
  itemsResponse,
  jsonResponse,
  type Outgoing,
  ProgressBox,
  smallJsonResponse,
  valueEventsResponse,
} from "./http-answer.ts";
import type { Upload } from "./http-body.ts";
import { documentFor } from "./http-documents.ts";
import type { Engine, HttpIdentity } from "./http-engine.ts";
import { json } from "./http-items.ts";
import { type HttpLimits, httpLimits, type Timer } from "./http-limits.ts";
import { type MessageCall, messageCall } from "./http-messages.ts";
import { problemResponse } from "./http-problem.ts";
import {
  type Asked,
  answers,
  methodsOf,
  operationIdOf,
  queryAsked,
  readAsked,
  surfaceOf,
  targetOf,
} from "./http-request.ts";
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
    fetch: (request, identity, hooks = {}) => respond(engine, request, identity, hooks),
    messages: (request, identity) => messageCall(engine, request, identity),
  };
}

const systemTimer: Timer = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** One frame down to the dispatcher for the shortest call, because most calls are short. */
async function respond(
  engine: Engine,
  request: Request,
  identity: HttpIdentity,
  hooks: HttpHooks,
): Promise<Response> {
  const callId = engine.newCallId();
  let bodyRead = false;
  try {
    const { path, query } = targetOf(request.url);
    const id = operationIdOf(path);
    if (id === undefined) return await documentOr404(engine, path, request, callId);
    const surface = surfaceOf(request);
    const operation = engine.view.table.get(id);
    if (operation === undefined || !operation.surfaces.includes(surface)) throw notFound(path);
    if (!answers(operation, request.method)) return methodRefused(request, operation, callId);
    const asked =
      request.method === "POST"
        ? await readAsked(request, operation, query, engine.limits, engine.timer)
        : queryAsked(request, operation, query);
    bodyRead = true;
    const call = callOf(request, operation, asked, surface, identity, callId);
    const short = operation.gives === "value" && asked.upload === undefined && !selectsMany(asked.node);
    if (!short || asksForEvents(request)) {
      return await respondLong(engine, request, operation, call, asked.upload, hooks);
    }
    const text = json(givenValue(await engine.view.call(call)));
    return request.method === "HEAD" || isLarge(text)
      ? jsonResponse(outgoingOf(engine, request, callId, hooks), text)
      : smallJsonResponse(text, callId);
  } catch (error) {
    if (!(error instanceof OperoneError)) engine.unexpected(error, callId);
    return problemResponse(error, { callId, headers: bodyRead ? {} : refusalHeaders(request) });
  }
}

function documentOr404(
  { view, version }: Engine,
  path: string,
  request: Request,
  callId: string,
): Promise<Response> {
  const document = documentFor({ table: view.table, version }, path, request, callId);
  if (document === undefined) throw notFound(path);
  return document;
}

/** The rest of a body that was not read would keep the connection busy for nothing. */
function refusalHeaders(request: Request): Record<string, string> {
  return request.body === null ? {} : closing;
}

const closing = { connection: "close" };

/** A call that is being put together. */
type Draft = { -readonly [Key in keyof Call]: Call[Key] };

function callOf(
  request: Request,
  operation: Operation,
  { input, node, upload }: Asked,
  surface: SurfaceName,
  { caller, sets, signal, revoked }: HttpIdentity,
  callId: string,
): Draft {
  const call: Draft = { surface, operation: operation.id, input, caller, sets, signal, callId };
  const key = request.headers.get(headerName.idempotencyKey);
  if (node !== undefined) call.node = node;
  if (revoked !== undefined) call.revoked = revoked;
  if (key !== null) call.idempotencyKey = key;
  if (upload !== undefined) call.bytes = upload.bytes;
  return call;
}

/** Answers that may go on after their head: items, bytes, the progress of a value. */
async function respondLong(
  engine: Engine,
  request: Request,
  operation: Operation,
  call: Draft,
  upload: Upload | undefined,
  hooks: HttpHooks,
): Promise<Response> {
  const { callId = "" } = call;
  const linked = linkedAbort(call.signal);
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
    call.signal = linked.signal;
    call.onProgress = progress.note;
    const answering = engine.view.call(call);
    const oneValue = operation.gives === "value" && !selectsMany(call.node);
    if (oneValue && asksForEvents(request)) {
      return await valueEventsResponse(outgoing, answering, progress);
    }
    const answer = await answering;
    if (answer.gives === "items") {
      return await itemsResponse(outgoing, answer.items, progress, operation.gives === "value");
    }
    if (answer.gives === "bytes") return await bytesResponse(outgoing, answer);
    return jsonResponse(outgoing, json(answer.value));
  } catch (error) {
    linked.abort(
      error instanceof OperoneError ? error : new OperoneError("internal", "The answer could not be made"),
    );
    outgoing.ended();
    if (!(error instanceof OperoneError)) engine.unexpected(error, callId);
    return problemResponse(error, { callId, headers: upload === undefined ? {} : closing });
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

function methodRefused(request: Request, operation: Operation, callId: string): Response {
  const methods = methodsOf(operation);
  const how = operation.takes === "messages" ? "a WebSocket" : methods.join(" or ");
  const message = `"${operation.id}" takes ${how}, not ${request.method}`;
  return problemResponse(new OperoneError("unsupported", message), {
    callId,
    status: 405,
    headers: { allow: methods.join(", "), ...refusalHeaders(request) },
  });
}
