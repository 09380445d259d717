/** A file, read by a contained child. */
import * as v from "valibot";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { CallContext } from "../../../src/kernel/operation.ts";
import type { ContainedChildren } from "../../shell/contract.ts";
import { nameOf } from "../file-path.ts";
import type { Place } from "../tree.ts";
import { ParseItem, type ParseRequest } from "./shapes.ts";
import { deeper, jsonDepthMax } from "./value-depth.ts";

const memoryBytesMax = 1024 * 1024 * 1024;
const outputBytesMax = 8 * 1024 * 1024 * 1024;

type Options = Omit<ParseRequest, "name"> & { readonly timeoutMs: number };
type Context = Pick<CallContext, "caller" | "sharedBy" | "signal" | "progress">;

/** @throws OperoneError what the place and the child throw, with the file's path before it */
export async function* parsedFile(
  place: Place,
  children: ContainedChildren,
  { timeoutMs, ...options }: Options,
  context: Context,
): AsyncGenerator<ParseItem, void, undefined> {
  await using file = await place.backend.open(place.access, place.path);
  const { path, sizeBytes } = file.entry;
  // A child that needs no more of the file ends the call's interest in it.
  const messages = children.run("fs/parse", {
    request: { name: nameOf(path), ...options },
    input: counted(file.read(context.signal), sizeBytes, context),
    limits: { timeMsMax: timeoutMs, memoryBytesMax, outputBytesMax },
    holder: holderOf(context),
    signal: context.signal,
  });
  try {
    for await (const message of messages) yield checked(message);
  } catch (error) {
    if (!(error instanceof OperoneError) || context.signal.aborted) throw error;
    const shown = JSON.stringify(place.shown(path));
    throw new OperoneError(error.code, `${shown} was not read to its end. ${error.message}`, error.details);
  }
}

/** All callers of another node are one. */
function holderOf({ caller, sharedBy }: Context): string {
  return sharedBy === undefined ? `${caller.kind} ${caller.id}` : `node ${sharedBy}`;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  total: number,
  { progress }: Pick<Context, "progress">,
): AsyncGenerator<Uint8Array, void, undefined> {
  let done = 0;
  for await (const chunk of chunks) {
    yield chunk;
    done += chunk.length;
    progress({ done, total, unit: "bytes" });
  }
}

/** What a child says is made up until it was looked at: a document may have taken it over. */
function checked(message: unknown): ParseItem {
  const item = v.safeParse(ParseItem, message);
  if (item.success && !isTooDeep(item.output)) return item.output;
  throw new OperoneError(
    "unsupported_media",
    "The process that read it said what no reader says; the document may be made to do harm",
  );
}

/** Whoever writes it as JSON walks it to its depth. */
function isTooDeep(item: ParseItem): boolean {
  return "block" in item && deeper(item.block.value, jsonDepthMax);
}
