/**
 * What a contained child and the node say to each other. To the child: one frame with the request, then the bytes of
 * its input until their end. From the child: frames, the last of them `end` or `error`. A frame is four bytes of length,
 * the highest first, and so many of JSON.
 */
import { isErrorCode, OperoneError } from "./error.ts";

/** The node reads a frame in one turn of its event loop. */
const frameBytesMax = 1024 * 1024;
const headBytes = 4;

export type ChildFrame =
  | { readonly message: unknown }
  | { readonly end: true }
  | { readonly error: { readonly code: string; readonly message: string } };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws OperoneError `too_large` */
export function encodedFrame(value: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(value));
  if (body.length > frameBytesMax) {
    throw new OperoneError(
      "too_large",
      `A message of ${body.length} bytes is longer than the ${frameBytesMax} that a child may send at once`,
    );
  }
  const frame = new Uint8Array(headBytes + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, headBytes);
  return frame;
}

/** Takes bytes as they come, gives whole frames, and keeps no more than one. */
export class FrameReader {
  #parts: Uint8Array[] = [];
  #held = 0;

  /** The frames that are whole now. @throws OperoneError `invalid_input` for what is none */
  *push(chunk: Uint8Array): Generator<unknown> {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    for (let body = this.#take(); body !== undefined; body = this.#take()) yield parsed(body);
  }

  /** One frame alone, when it is whole: what follows it may be none. */
  first(chunk: Uint8Array): { readonly value: unknown } | undefined {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    const body = this.#take();
    return body === undefined ? undefined : { value: parsed(body) };
  }

  /** What came after the last whole frame, once it is asked for; then nothing is held any more. */
  rest(): Uint8Array {
    const bytes = this.#joined();
    this.#parts = [];
    this.#held = 0;
    return bytes;
  }

  #take(): Uint8Array | undefined {
    if (this.#held < headBytes) return undefined;
    const first = this.#parts[0];
    const head = first !== undefined && first.length >= headBytes ? first : this.#joined();
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    if (length > frameBytesMax) throw noFrame(`it says that it has ${length} bytes`);
    if (this.#held < headBytes + length) return undefined;
    const bytes = this.#joined();
    const left = bytes.subarray(headBytes + length);
    this.#parts = left.length === 0 ? [] : [left];
    this.#held = left.length;
    return bytes.subarray(headBytes, headBytes + length);
  }

  #joined(): Uint8Array {
    const [first, ...others] = this.#parts;
    if (first === undefined) return new Uint8Array();
    if (others.length === 0) return first;
    const bytes = new Uint8Array(this.#held);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#parts = [bytes];
    return bytes;
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body));
  } catch {
    throw noFrame("it is no JSON");
  }
}

function noFrame(why: string): OperoneError {
  return new OperoneError("invalid_input", `What came is no frame of this program: ${why}`);
}

/** @throws OperoneError `invalid_input` for what no child of this program says */
export function childFrame(value: unknown): ChildFrame {
  const record = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  if ("message" in record) return { message: record.message };
  if (record.end === true) return { end: true };
  const error = record.error as { code?: unknown; message?: unknown } | undefined;
  if (isErrorCode(error?.code) && typeof error?.message === "string")
    return { error: { code: error.code, message: error.message } };
  throw noFrame("it is neither a message nor an end");
}
