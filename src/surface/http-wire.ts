/**
 * The words that the HTTP server and the HTTP client share, so that each is written once.
 *
 * `POST /v1/<module>/<operation>`, JSON both ways. With bytes coming in, the body is the bytes and the flat input
 * travels in the query. With messages coming in, the same path is opened as a WebSocket and the flat input travels
 * in the query.
 *
 * WebSocket, text frames of JSON with one key each. The caller sends `{"message": ...}` for each message and
 * `{"end": true}` after the last. The node first sends `{"callId": ...}` when it has accepted the call, then
 * `{"item": ...}`, `{"progress": ...}`, `{"value": ...}`, bytes as binary frames, and at last `{"end": true}` or `{"error": {code, message, details}}`; then it closes with 1000.
 * A refusal by the dispatcher (unknown, forbidden, invalid input) comes as `error` too, because a browser cannot
 * read the status of a refused upgrade. A socket that closes without `end` or `error` was cut off.
 */
import type { ErrorCode, ErrorDetails } from "../kernel/error.ts";

export const pathPrefix = "/v1/";

export const headerName = {
  callId: "operone-call-id",
  node: "operone-node",
  /** `cli` when the command line calls: the call's surface is then `cli`. */
  surface: "operone-surface",
  idempotencyKey: "idempotency-key",
  /** Whole size of a bytes answer. Bun's server drops `content-length` from streams (oven-sh/bun#10507). */
  sizeBytes: "operone-size-bytes",
} as const;

/**
 * A problem document (RFC 9457): `title` and `status` of the code, `detail` is the message; `code`, `details` and
 * `callId` are members of ours.
 */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly details?: ErrorDetails;
  readonly callId?: string;
}

export const mediaType = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  sse: "text/event-stream",
  frames: "application/vnd.operone.frames",
  bytes: "application/octet-stream",
  problem: "application/problem+json",
} as const;

/**
 * Events of a `text/event-stream` answer. Data is one line of JSON: an item, a value (for operations that give a
 * value, when asked for this media type), a Progress, an ErrorBody; `{}` for `end`. A stream without `end` or
 * `error` as its last event was cut off.
 */
export const eventName = {
  item: "item",
  value: "value",
  progress: "progress",
  error: "error",
  end: "end",
} as const;

/** Subprotocol that the node selects; a browser adds `bearer.<token>`, which is echoed only when it comes alone. */
export const webSocketProtocol = "operone.v1";
export const bearerProtocolPrefix = "bearer.";

export function operationPath(operation: string): string {
  const dot = operation.indexOf(".");
  const [module, name] = dot < 0 ? [operation, ""] : [operation.slice(0, dot), operation.slice(dot + 1)];
  return `${pathPrefix}${encodeURIComponent(module)}/${encodeURIComponent(name)}`;
}
