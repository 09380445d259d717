/** One call on a channel of its own: items, bytes or messages, with the channel's back-pressure as flow control. */
import type { Answer } from "../kernel/call.ts";
import { errorBody, OperoneError } from "../kernel/error.ts";
import type { BytesAnswer, Progress } from "../kernel/operation.ts";
import type { KernelView } from "../kernel/view.ts";
import { decodeBody, encodeAnswer, encodeBody } from "./mesh.ts";
import type { OpenCall } from "./mesh-call.ts";
import type { MeshChannel } from "./mesh-channel.ts";
import {
  Bodies,
  type BodyBudget,
  type Frame,
  FrameWriter,
  frameKind,
  MeshProtocolError,
} from "./mesh-frames.ts";
import { type Body, type Request, readBody, readOpen, readRequest } from "./mesh-messages.ts";

export interface OneCall {
  readonly view: Pick<KernelView, "call" | "table">;
  readonly open: OpenCall;
  readonly channel: MeshChannel;
  readonly frames: AsyncGenerator<Frame, void>;
  readonly budget: BodyBudget;
  readonly requestMsMax: number;
}

/** @throws when the channel broke or the peer sent what it must not; the call has ended then */
export async function serveOne(one: OneCall, first: Frame): Promise<void> {
  const input = new CallerInput(first, one.frames, one.budget);
  try {
    await serveRequest(one, input, await requestOf(one, input));
  } finally {
    input.close();
  }
}

async function requestOf({ channel, requestMsMax }: OneCall, input: CallerInput): Promise<Request> {
  const timer = setTimeout(() => channel.reset(), requestMsMax);
  try {
    return readRequest(decodeBody(await input.body()));
  } finally {
    clearTimeout(timer);
  }
}

async function serveRequest(
  { view, open, channel }: OneCall,
  input: CallerInput,
  request: Request,
): Promise<void> {
  const writer = new FrameWriter(channel);
  // An item that cannot be sent fails here, and so ends the call with its error.
  const write = async (body: Body) =>
    writer.body(0, encodeBody(body, `The answer of "${request.operation}"`));
  const onProgress = (progress: Progress) => void write({ progress }).catch(() => {});
  const takes = view.table.get(request.operation)?.takes ?? "nothing";
  try {
    const { call, done } = await open(request, channel, onProgress);
    try {
      const answer = await view.call({
        ...call,
        ...(request.streams && takes === "bytes" ? { bytes: input.bytes() } : {}),
        ...(request.streams && takes === "messages" ? { messages: input.messages() } : {}),
      });
      await give(answer, { write, writer, input, opened: takes !== "nothing" });
    } finally {
      done();
    }
    await write({ end: true });
  } catch (error) {
    await writer.body(0, encodeAnswer(request.operation, { error: errorBody(error) }));
  }
  await writer.flushed();
}

interface Giving {
  write(body: Body): Promise<void>;
  readonly writer: FrameWriter;
  readonly input: CallerInput;
  readonly opened: boolean;
}

async function give(answer: Answer, { write, writer, input, opened }: Giving): Promise<void> {
  const { callId } = answer;
  if (answer.gives === "value") return await write({ value: answer.value, callId });
  if (answer.gives === "items") {
    await write({ accepted: { gives: "items", callId } });
    for await (const item of answer.items) await write({ item });
    return;
  }
  const { open, ...facts } = answer.bytes;
  await write({ accepted: { gives: "bytes", callId, ...facts, opened } });
  const chunks = await openedBytes(open, input, opened, answer.discard);
  for await (const chunk of chunks) await writer.bytes(0, chunk);
}

async function openedBytes(
  open: BytesAnswer["open"],
  input: CallerInput,
  opened: boolean,
  discard: (() => void) | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (opened) return open();
  try {
    return open(readOpen(decodeBody(await input.body())));
  } catch (error) {
    discard?.();
    throw error;
  }
}

/** What the caller sends after its request, read only when somebody asks for it. */
class CallerInput {
  readonly #bodies: Bodies;
  readonly #frames: AsyncGenerator<Frame, void>;
  #first: Frame | undefined;

  constructor(first: Frame, frames: AsyncGenerator<Frame, void>, budget: BodyBudget) {
    this.#bodies = new Bodies(budget);
    this.#first = first;
    this.#frames = frames;
  }

  /** What came of an unfinished body is forgotten. */
  close(): void {
    this.#bodies.close();
  }

  async body(): Promise<Uint8Array> {
    for (;;) {
      const frame = await this.#next();
      if (frame.kind !== frameKind.more && frame.kind !== frameKind.last) throw unexpected(frame);
      const body = this.#bodies.add(frame);
      if (body !== undefined) return body;
    }
  }

  async *bytes(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const frame = await this.#next();
      if (frame.kind === frameKind.inputEnd) return;
      if (frame.kind !== frameKind.bytes) throw unexpected(frame);
      yield frame.payload;
    }
  }

  async *messages(): AsyncGenerator<unknown, void> {
    for (;;) {
      const frame = await this.#next();
      if (frame.kind === frameKind.inputEnd) return;
      if (frame.kind !== frameKind.more && frame.kind !== frameKind.last) throw unexpected(frame);
      const body = this.#bodies.add(frame);
      if (body !== undefined) yield readBody(decodeBody(body)).message;
    }
  }

  /** Half of what was to come must not pass for the whole, so an early end is an error. */
  async #next(): Promise<Frame> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    const step = await this.#frames.next();
    if (step.done === true)
      throw new OperoneError("cancelled", "The caller went away before it had sent everything");
    if (step.value.call !== 0)
      throw new MeshProtocolError(`call ${step.value.call} on a channel of one call`);
    return step.value;
  }
}

function unexpected({ kind }: Frame): MeshProtocolError {
  return new MeshProtocolError(`a frame of kind ${kind} where none may come`);
}
