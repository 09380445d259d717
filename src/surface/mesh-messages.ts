/**
 * The messages of `/operone/rpc/1`, each one body.
 *
 * A caller begins with a Request. On a channel of its own (call 0) bytes follow in frames, or messages as bodies
 * `{ message }`, then `inputEnd`. The node answers `{ progress }` as often as it likes, then `{ accepted }` with what
 * the call gives, then `{ item }` bodies or bytes in frames, and at last `{ end: true }` or `{ error }`. Bytes wait for
 * the caller's `{ open }`, unless the call takes something too. A unary call shares a channel with others and is
 * answered by one `{ value, callId }` or `{ error }`.
 *
 * New fields may come: both sides pass over what they do not know.
 */
import * as v from "valibot";
import { MeshProtocolError } from "./mesh-frames.ts";

const Text = v.pipe(v.string(), v.maxLength(1_024));
/** It is remembered, audited and shown. */
const CallId = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const Size = v.pipe(v.number(), v.integer(), v.minValue(0));

const Request = v.object({
  operation: Text,
  input: v.unknown(),
  callId: v.optional(CallId),
  /** From the arrival of the request. */
  deadlineMs: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(2_147_483_647))),
  idempotencyKey: v.optional(Text),
  /** Bytes or messages follow, until `inputEnd`. An operation that takes some is otherwise run without any. */
  streams: v.optional(v.boolean(), false),
  /** Whether anybody looks at progress. */
  progress: v.optional(v.boolean(), false),
  /** Who the caller says it is and what it may do. Believed by nobody as it stands: `identityOf` judges it. */
  claims: v.optional(v.unknown()),
});
export type Request = v.InferOutput<typeof Request>;

const Open = v.object({ open: v.nullable(v.object({ start: Size, end: Size })) });

const Accepted = v.variant("gives", [
  v.object({ gives: v.literal("value"), callId: Text }),
  v.object({ gives: v.literal("items"), callId: Text }),
  v.object({
    gives: v.literal("bytes"),
    callId: Text,
    mediaType: Text,
    sizeBytes: v.optional(Size),
    etag: v.optional(Text),
    fileName: v.optional(Text),
    /** The bytes come at once; no part of them can be asked for. */
    opened: v.optional(v.boolean(), false),
  }),
]);
export type Accepted = v.InferOutput<typeof Accepted>;

export type Body = Readonly<Record<string, unknown>>;

export function readRequest(body: unknown): Request {
  return checked(Request, body, "request");
}

export function readOpen(body: unknown): { readonly start: number; readonly end: number } | undefined {
  return checked(Open, body, "opening of bytes").open ?? undefined;
}

export function readAccepted(value: unknown): Accepted {
  return checked(Accepted, value, "acceptance");
}

export function readBody(value: unknown): Body {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Body;
  throw new MeshProtocolError("a body that is no map");
}

function checked<S extends v.GenericSchema>(schema: S, value: unknown, what: string): v.InferOutput<S> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  throw new MeshProtocolError(`no ${what}: ${v.summarize(parsed.issues)}`);
}
