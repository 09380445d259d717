/** `operone __child <module>/<noun>`: one part of the program, for one task, by stdin and stdout alone. */
import { children } from "../children.ts";
import { type ChildFrame, encodedFrame, FrameReader } from "../kernel/child-frames.ts";
import { OperoneError } from "../kernel/error.ts";
import { channelInput, channelWrite, muteConsole } from "../platform/child-channel.ts";

/** The exit code tells nothing: the last frame does. */
export async function runChild([noun = ""]: readonly string[]): Promise<never> {
  muteConsole();
  await answer(noun, channelInput(), async (frame) => await channelWrite(encodedFrame(frame)));
  // What the part left open must not hold the process.
  process.exit(0);
}

type Send = (frame: ChildFrame) => Promise<void>;

/** The request comes first in the input; the last frame is an end or an error. */
export async function answer(noun: string, bytes: AsyncIterable<Uint8Array>, send: Send): Promise<void> {
  try {
    const load = Object.hasOwn(children, noun) ? children[noun] : undefined;
    if (load === undefined) throw new OperoneError("not_found", `There is no part "${noun}" of this program`);
    const { child } = await load();
    const input = bytes[Symbol.asyncIterator]();
    const { request, rest } = await requestOf(input);
    for await (const message of child({ request, bytes: bytesAfter(rest, input) })) await send({ message });
    await send({ end: true });
  } catch (error) {
    await send({ error: told(error) });
  }
}

const noMemory = /out of memory|array length|array buffer allocation|allocation failed/i;

/** The text of a library's error may quote the document; the kind of it may not. */
function told(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof OperoneError) return { code: error.code, message: error.message };
  // Where the system refuses more memory before anybody looks; libraries wrap that into errors of their own.
  if (error instanceof Error && noMemory.test(error.message))
    return { code: "too_large", message: "Reading it takes more memory than it may take; it may be a bomb" };
  const kind = error instanceof Error ? error.name : "an unknown error";
  return { code: "unsupported_media", message: `It could not be read (${kind})` };
}

async function requestOf(
  input: AsyncIterator<Uint8Array>,
): Promise<{ readonly request: unknown; readonly rest: Uint8Array }> {
  const reader = new FrameReader();
  for (let next = await input.next(); next.done !== true; next = await input.next()) {
    const request = reader.first(next.value);
    if (request !== undefined) return { request: request.value, rest: reader.rest() };
  }
  throw new OperoneError("invalid_input", "No request came");
}

async function* bytesAfter(
  rest: Uint8Array,
  input: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (rest.length > 0) yield rest;
  for (let next = await input.next(); next.done !== true; next = await input.next()) yield next.value;
}
