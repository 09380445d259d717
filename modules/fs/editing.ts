/** Exact replacements in a text file. */
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Place } from "./tree.ts";

/** Of a file that is edited: it is held in memory. */
export const editBytesMax = 4 * 1024 * 1024;
/** Around each difference. */
const contextLines = 3;
/** Lines; the work grows with their square, and it is done on the node's own thread. */
const differingMax = 1_000;

export interface Edit {
  readonly old: string;
  readonly new: string;
  readonly all?: boolean | undefined;
}

export interface EditInput {
  readonly edits: readonly Edit[];
  readonly ifMatch?: string | undefined;
  readonly dryRun: boolean;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * One after the other, each in what the ones before have made. Nothing is written unless all of them fit.
 *
 * @throws OperoneError `conflict` for a text that is not there, or more than once; `unsupported_media` for what is no UTF-8
 */
export async function edited(reading: Place, writing: Place, input: EditInput, signal: AbortSignal) {
  const shown = reading.shown(reading.path);
  const { text, etag } = await textOf(reading, shown, signal);
  if (input.ifMatch !== undefined && input.ifMatch !== etag)
    throw new OperoneError("precondition_failed", `"${shown}" has changed; read it again, then edit`);
  let replaced = 0;
  let changed = text;
  for (const [at, edit] of input.edits.entries()) {
    const made = replacedIn(changed, edit, at, shown);
    changed = made.text;
    replaced += made.count;
  }
  const answer = { path: shown, replaced, diff: differenceOf(shown, text, changed), written: false };
  if (input.dryRun || changed === text) return answer;
  const bytes = new TextEncoder().encode(changed);
  const content = (async function* () {
    yield bytes;
  })();
  const entry = await writing.backend.write(writing.access, writing.path, content, {
    mode: "replace",
    ifMatch: etag,
  });
  return { ...answer, written: true, ...(entry.etag === undefined ? {} : { etag: entry.etag }) };
}

export function differenceOf(path: string, before: string, after: string): string {
  const options = { context: contextLines, maxEditLength: differingMax };
  const patch = structuredPatch(path, path, before, after, undefined, undefined, options);
  if (patch === undefined) return `more than ${differingMax} lines of "${path}" differ\n`;
  return formatPatch(patch, FILE_HEADERS_ONLY);
}

async function textOf(place: Place, shown: string, signal: AbortSignal) {
  await using file = await place.backend.open(place.access, place.path);
  const { sizeBytes, etag = "" } = file.entry;
  if (sizeBytes > editBytesMax) {
    throw new OperoneError(
      "too_large",
      `"${shown}" has ${sizeBytes} bytes, and files up to ${editBytesMax} are edited so; write it anew instead`,
    );
  }
  const bytes = Buffer.concat(await Array.fromAsync(file.read(signal)));
  try {
    return { text: decoder.decode(bytes), etag };
  } catch {
    throw new OperoneError(
      "unsupported_media",
      `"${shown}" is no text in UTF-8, and only such is edited; write it anew instead`,
    );
  }
}

function replacedIn(text: string, edit: Edit, at: number, shown: string) {
  const fitting = fittingTo(text, edit);
  const count = text.split(fitting.old).length - 1;
  if (count === 0) {
    throw new OperoneError(
      "conflict",
      `Edit ${at + 1}: the text is not in "${shown}" as it is written; read the lines again`,
    );
  }
  if (count > 1 && edit.all !== true) {
    throw new OperoneError(
      "conflict",
      `Edit ${at + 1}: the text is ${count} times in "${shown}" (lines ${linesOf(text, fitting.old).join(", ")}); give more of what is around it, or say all`,
    );
  }
  return { text: text.split(fitting.old).join(fitting.new), count };
}

/** Whoever writes an edit ends lines with \n; in a file that ends them with \r\n that is what is meant. */
function fittingTo(text: string, edit: Edit): Edit {
  if (text.includes(edit.old) || !text.includes("\r\n") || edit.old.includes("\r\n")) return edit;
  return { old: edit.old.replaceAll("\n", "\r\n"), new: edit.new.replaceAll(/\r?\n/g, "\r\n") };
}

function linesOf(text: string, part: string): readonly number[] {
  const found: number[] = [];
  for (let at = text.indexOf(part); at >= 0 && found.length < 5; at = text.indexOf(part, at + 1))
    found.push(text.slice(0, at).split("\n").length);
  return found;
}
