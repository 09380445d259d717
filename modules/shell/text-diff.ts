/** Two texts as unified hunks. */
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";

/** Longer texts are told by size and hash. */
export const textBytesMax = 1024 * 1024;
export const hunkBytesMax = 64 * 1024;

/** Lines that differ. The work grows with their square, and it is done on the node's own thread. */
const editsMax = 300;

export type TextDiff = { readonly diff: string } | { readonly note: string };

/** Undefined when one is no text, and when they are the same. A text that was not there, or is not there any more, is null. */
export function textDiff(
  path: string,
  before: Uint8Array | null,
  after: Uint8Array | null,
): TextDiff | undefined {
  const old = before === null ? "" : textOf(before);
  const now = after === null ? "" : textOf(after);
  if (old === undefined || now === undefined) return undefined;
  const names = [
    before === null ? "/dev/null" : `a/${path}`,
    after === null ? "/dev/null" : `b/${path}`,
  ] as const;
  const patch = structuredPatch(...names, old, now, undefined, undefined, {
    context: 3,
    maxEditLength: editsMax,
  });
  if (patch === undefined) return { note: `more than ${editsMax} lines differ` };
  if (patch.hunks.length === 0) return undefined;
  const diff = formatPatch(patch, FILE_HEADERS_ONLY);
  return diff.length > hunkBytesMax ? { note: "the lines that differ are too long to be shown" } : { diff };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
