/** A change to a settings file as a person reads it. */
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";

const contextLines = 3;
/** The work grows with their square. Our change has a dozen; more means that a program writes the file on one line. */
const differingMax = 500;

/** A file that a program writes on one line would fill the screen. */
const lineLengthMax = 300;

/** Values of keys that sound like a secret; and tokens of ours wherever they are. */
const secretValue =
  /(["']?[\w.-]*(?:token|key|secret|passw|auth|credential|cookie)[\w.-]*["']?\s*[:=]\s*)(["'])(?!TOKEN\2|Bearer TOKEN\2)(?:\\.|(?!\2).)*(?:\2|$)/gi;
const ownToken = /\bop([to])_[A-Za-z0-9_-]{20,}/g;

/**
 * What may be shown of a settings file: other servers' keys stand beside our entry, and whoever looks at the terminal,
 * or at the log of a script, is not asking for them.
 */
function masked(text: string): string {
  return text.replace(secretValue, "$1$2...$2").replace(ownToken, "op$1_...");
}

/** @param before undefined: there is no file yet */
export function difference(path: string, before: string | undefined, after: string): string {
  const names = [before === undefined ? "/dev/null" : path, path] as const;
  const patch = structuredPatch(...names, before ?? "", after, undefined, undefined, {
    context: contextLines,
    maxEditLength: differingMax,
  });
  if (patch === undefined) return `More than ${differingMax} lines of ${path} differ.\n`;
  return formatPatch(patch, FILE_HEADERS_ONLY).split("\n").map(shown).join("\n");
}

/** Cut first, so that no line is long to look through; a value that is cut is masked to its end. */
function shown(line: string): string {
  const cut = line.length > lineLengthMax;
  return masked(line.slice(0, lineLengthMax)) + (cut ? "..." : "");
}
