/** Items as server-sent events, as NDJSON, as frames with bytes, or as one JSON array. */
import { Buffer } from "node:buffer";
import { errorBody, OperoneError } from "../kernel/error.ts";
import type { Progress } from "../kernel/operation.ts";
import { encodeFrame, encodeItem, encodeItems, heartbeatFrame } from "./frames.ts";
import { gathered } from "./gathered.ts";
import { eventName, mediaType } from "./http-wire.ts";

const encoder = new TextEncoder();

/** How a stream of items is written. */
export interface Framing {
  readonly mediaType: string;
  readonly heartbeat: Uint8Array;
  /** A string goes through `together`, alone or with its neighbours; bytes are sent as they are. */
  item(item: unknown): string | Uint8Array;
  together(items: readonly string[]): Uint8Array;
  /** Undefined where progress has no place. */
  progress(progress: Progress): Uint8Array | undefined;
  error(error: unknown, callId: string): Uint8Array;
  readonly end: Uint8Array | undefined;
}

export const eventFraming: Framing = {
  mediaType: mediaType.sse,
  heartbeat: encoder.encode(":\n\n"),
  item: (item) => event(eventName.item, item),
  together: (items) => encoder.encode(items.join("")),
  progress: (progress) => encoder.encode(event(eventName.progress, progress)),
  error: (error, callId) => encoder.encode(event(eventName.error, errorBody(error, callId))),
  end: encoder.encode(event(eventName.end, {})),
};

/** A client sees the end by the end of the body: what is cut off is never ended properly. */
export const lineFraming: Framing = {
  mediaType: mediaType.ndjson,
  heartbeat: encoder.encode("\n"),
  item: (item) => `${json(item)}\n`,
  together: (items) => encoder.encode(items.join("")),
  progress: () => undefined,
  error: (error, callId) => encoder.encode(`${json({ error: errorBody(error, callId) })}\n`),
  end: undefined,
};

/** The fastest, for clients of our own: see frames.ts. */
export const byteFraming: Framing = {
  mediaType: mediaType.frames,
  heartbeat: heartbeatFrame,
  item: encodeItem,
  together: encodeItems,
  progress: (progress) => encodeFrame("progress", progress),
  error: (error, callId) => encodeFrame("error", errorBody(error, callId)),
  end: encodeFrame("end", true),
};

/** The events of an operation that gives one value, for clients that want to see its progress. */
export const valueFraming: Framing = { ...eventFraming, item: (value) => event(eventName.value, value) };

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${json(data)}\n\n`;
}

/** `undefined`, which an operation without output gives, has no JSON of its own. */
export function json(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** Items that are ready at once are sent together up to here. A larger one goes as it is. */
const gatheredBytesMax = 64 * 1024;

/**
 * The whole stream, with all items that are ready in one turn as one chunk. A failure is its last frame, so this never
 * throws one.
 */
export async function* framesOf(
  items: AsyncIterable<unknown>,
  framing: Framing,
  callId: string,
): AsyncGenerator<Uint8Array, void> {
  const gathering = {
    part: framing.item,
    sizeOf: (item: string | Uint8Array) => item.length,
    sizeMax: gatheredBytesMax,
  };
  try {
    for await (const together of gathered(items, gathering)) yield* chunksOf(together, framing);
  } catch (error) {
    yield framing.error(error, callId);
    return;
  }
  if (framing.end !== undefined) yield framing.end;
}

function* chunksOf(
  items: readonly (string | Uint8Array)[],
  framing: Framing,
): Generator<Uint8Array, void, undefined> {
  let texts: string[] = [];
  for (const item of items) {
    if (typeof item === "string") texts.push(item);
    else {
      if (texts.length > 0) yield framing.together(texts);
      texts = [];
      yield item;
    }
  }
  if (texts.length > 0) yield framing.together(texts);
}

/** @throws OperoneError `too_large`, and whatever `items` throws: an array has no place for an error at its end */
export async function arrayOf(items: AsyncIterable<unknown>, bytesMax: number): Promise<Uint8Array> {
  const texts: string[] = [];
  let sizeBytes = 2;
  for await (const item of items) {
    const text = json(item);
    sizeBytes += Buffer.byteLength(text) + 1;
    if (sizeBytes > bytesMax) {
      throw new OperoneError(
        "too_large",
        `The items are more than ${bytesMax} bytes as one JSON array; ask for "accept: ${mediaType.ndjson}" and read them line by line`,
        { limitBytes: bytesMax },
      );
    }
    texts.push(text);
  }
  return encoder.encode(`[${texts.join(",")}]`);
}
