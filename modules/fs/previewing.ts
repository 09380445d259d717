/** What a write would change in a text file, without doing it. */
import { OperoneError } from "../../src/kernel/error.ts";
import { differenceOf, editBytesMax } from "./editing.ts";
import type { Place } from "./tree.ts";

export interface PreviewInput {
  readonly mode: "any" | "create" | "replace";
  readonly ifMatch?: string | undefined;
  /** Whether the new bytes come behind those that are there. */
  readonly append: boolean;
}

export interface Preview {
  readonly path: string;
  /** A unified diff; empty when nothing would change. */
  readonly diff: string;
  readonly written: false;
}

/**
 * @param reading what is there is shown, so it takes the right to read it
 * @throws OperoneError as the write itself would: `conflict`, `not_found`, `precondition_failed`; `too_large`
 */
export async function previewed(
  reading: Place,
  content: AsyncIterable<Uint8Array>,
  input: PreviewInput,
  signal: AbortSignal,
): Promise<Preview> {
  const path = reading.shown(reading.path);
  const now = await bytesNow(reading, path, signal);
  assertFits(now, path, input);
  const given = await collected(content, path);
  const after = input.append ? Buffer.concat([now?.bytes ?? Buffer.alloc(0), given]) : given;
  return { path, diff: difference(path, now?.bytes, after), written: false };
}

interface Now {
  readonly bytes: Buffer;
  readonly etag: string | undefined;
}

async function bytesNow(place: Place, path: string, signal: AbortSignal): Promise<Now | undefined> {
  if ((await place.backend.stat(place.access, place.path, { follow: true })) === undefined) return undefined;
  await using file = await place.backend.open(place.access, place.path);
  const { sizeBytes, etag } = file.entry;
  if (sizeBytes > editBytesMax) throw tooLarge(path);
  return { bytes: Buffer.concat(await Array.fromAsync(file.read(signal))), etag };
}

function assertFits(now: Now | undefined, path: string, { mode, ifMatch }: PreviewInput): void {
  if (now !== undefined && mode === "create")
    throw new OperoneError("conflict", `There is a file at "${path}" already, and it was to be a new one`);
  if (now === undefined && mode === "replace")
    throw new OperoneError("not_found", `There is no file at "${path}" to be replaced`);
  if (ifMatch !== undefined && now?.etag !== ifMatch)
    throw new OperoneError("precondition_failed", `"${path}" has changed; read it again, then write`);
}

async function collected(content: AsyncIterable<Uint8Array>, path: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of content) {
    bytes += part.length;
    if (bytes > editBytesMax) throw tooLarge(path);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Of two states of a file; empty where they are one. */
export function difference(path: string, before: Buffer | undefined, after: Buffer): string {
  if (before?.equals(after) === true) return "";
  try {
    return differenceOf(path, decoder.decode(before ?? new Uint8Array()), decoder.decode(after));
  } catch {
    return `${before?.length ?? 0} bytes of "${path}" become ${after.length}; they are no text in UTF-8\n`;
  }
}

function tooLarge(path: string): OperoneError {
  return new OperoneError(
    "too_large",
    `A difference is told of files up to ${editBytesMax} bytes, and "${path}" is larger or becomes so; write without dryRun`,
  );
}
