/**
 * What two nodes say on `/operone/roster/1`: frames of four bytes of length (big endian) and a JSON object. Every
 * field is checked, and unknown ones are refused; whoever breaks a rule here is no node of ours.
 */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { rosterLimits } from "./roster-limits.ts";
import { HashText, PeerIdText } from "./signed-record.ts";

const { summaryItemsMax, hashesMax, envelopeBytesMax, frameBytesMax, entriesPerIssuerMax } = rosterLimits;
const headBytes = 4;
/** Around and between the envelopes of a batch. */
const batchBytesMax = frameBytesMax - 1_024;

const Sequence = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(entriesPerIssuerMax));
const list = <S extends v.GenericSchema>(item: S, lengthMax: number) =>
  v.pipe(v.array(item), v.maxLength(lengthMax));
const Envelopes = list(
  v.pipe(v.string(), v.maxLength(Math.ceil(envelopeBytesMax / 3) * 4), v.base64("must be base64")),
  1_024,
);

const Message = v.variant("type", [
  /** One page of what the sender has. */
  v.strictObject({
    type: v.literal("summary"),
    issuers: list(
      v.strictObject({ issuer: PeerIdText, sequence: Sequence, digest: HashText }),
      summaryItemsMax,
    ),
    facts: list(
      v.strictObject({ peer: PeerIdText, sequence: v.pipe(v.number(), v.safeInteger()), hash: HashText }),
      summaryItemsMax,
    ),
    last: v.boolean(),
  }),
  /** Signed envelopes, base64. */
  v.strictObject({ type: v.literal("entries"), envelopes: Envelopes }),
  v.strictObject({ type: v.literal("facts"), envelopes: Envelopes }),
  /** Hashes of the entries of an issuer whose histories differ; the receiver sends others, and asks for what it lacks. */
  v.strictObject({
    type: v.literal("have"),
    issuer: PeerIdText,
    from: Sequence,
    to: Sequence,
    hashes: list(HashText, hashesMax),
  }),
  v.strictObject({ type: v.literal("want"), hashes: list(HashText, hashesMax) }),
  /** Everything that the summary of the receiver asked for was sent before this. */
  v.strictObject({ type: v.literal("done") }),
]);
export type RosterMessage = v.InferOutput<typeof Message>;

export function encodeMessage(message: RosterMessage): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(message));
  if (body.length > frameBytesMax)
    throw new OperoneError("internal", `A frame of type "${message.type}" came to ${body.length} bytes`);
  const frame = new Uint8Array(headBytes + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, headBytes);
  return frame;
}

/** In as few frames as fit. */
export function* batches(
  type: "entries" | "facts",
  records: Iterable<{ readonly envelope: Uint8Array }>,
): Generator<RosterMessage> {
  let envelopes: string[] = [];
  let bytes = 0;
  for (const { envelope } of records) {
    const text = envelope.toBase64();
    if (bytes + text.length + 3 > batchBytesMax) {
      yield { type, envelopes };
      envelopes = [];
      bytes = 0;
    }
    envelopes.push(text);
    bytes += text.length + 3;
  }
  if (envelopes.length > 0) yield { type, envelopes };
}

/**
 * The messages in a stream of bytes. Never holds more than one frame.
 *
 * @throws OperoneError `invalid_input` or `too_large` at the first byte that cannot be right
 */
export async function* readMessages(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly message: RosterMessage; readonly bytes: number }> {
  const head = new Uint8Array(headBytes);
  let part = head;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + part.length - filled);
      part.set(taken, filled);
      filled += taken.length;
      at += taken.length;
      if (filled < part.length) continue;
      if (part !== head) yield { message: parseMessage(part), bytes: headBytes + part.length };
      part = part === head ? new Uint8Array(bodyLength(head)) : head;
      filled = 0;
    }
  }
  if (filled > 0 || part !== head) throw broken("the stream ended within a frame");
}

function bodyLength(head: Uint8Array): number {
  const length = new DataView(head.buffer).getUint32(0);
  if (length === 0) throw broken("a frame is empty");
  if (length <= frameBytesMax) return length;
  throw new OperoneError(
    "too_large",
    `A frame of ${length} bytes was announced; ${frameBytesMax} are allowed`,
  );
}

function parseMessage(body: Uint8Array): RosterMessage {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw broken("a frame is no JSON");
  }
  const parsed = v.safeParse(Message, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw broken(`a frame is of no known form (${v.getDotPath(issue) ?? "the whole"})`);
}

export function broken(why: string): OperoneError {
  return new OperoneError("invalid_input", `The peer broke the roster protocol: ${why}`);
}
