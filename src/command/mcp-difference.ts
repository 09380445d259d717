/** A change to a settings file as a person reads it. */
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";
import { visible } from "../kernel/plain-text.ts";

const contextLines = 3;
/** The work grows with their square. Our change has a dozen; more means that a program writes the file on one line. */
const differingMax = 500;

/** A file that a program writes on one line would fill the screen. */
const lineLengthMax = 300;

/** Values of keys that sound like a secret; and tokens of ours wherever they are. */
const secretValue =
  /(["']?[\w.-]*(?:token|key|secret|passw|auth|credential|cookie)[\w.-]*["']?\s*[:=]\s*)(["'])(?!TOKEN\2|Bearer TOKEN\2)(?:\\.|(?!\2).)*(?:\2|$)/gi;
const ownToken = /\bop([to])_[A-Za-z0-9_-]{20,}/g;

/** A text in quotes; the group says that it is a key. */
const quoted = /(["'])(?:\\.|(?!\1)[^\\])*(?:\1|\\?$)(?=(\s*[:=])?)/g;
/** Beside our entry: a key and what begins or ends, or the head of a table. */
const structure = /^ \s*(?:(?:["'][^"']*["']|[\w.-]+)\s*[:=]|["'[\]{},]|$)/;
const comment = /(?:\/\/|\/\*|#).*$/;

/**
 * What may be shown of a settings file: other servers' keys stand beside our entry, and whoever looks at the terminal,
 * or at the log of a script, is not asking for them. No list of names knows them all, so no text is shown that our entry
 * does not have, and no comment.
 */
function masked(line: string, own: ReadonlySet<string>): string {
  const text = line.replace(quoted, (whole, quote: string, key?: string) =>
    key !== undefined || own.has(textIn(whole, quote)) ? whole : `${quote}...${quote}`,
  );
  return text.replace(secretValue, "$1$2...$2").replace(ownToken, "op$1_...");
}

function textIn(whole: string, quote: string): string {
  const inner = whole.slice(1, whole.endsWith(quote) && whole.length > 1 ? -1 : undefined);
  try {
    return quote === '"' ? String(JSON.parse(`"${inner}"`)) : inner;
  } catch {
    return inner;
  }
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) yield* textsIn(inner);
}

/**
 * @param before undefined: there is no file yet
 * @param entries ours, before and after: what may be shown
 */
export function difference(
  path: string,
  before: string | undefined,
  after: string,
  entries: readonly unknown[],
): string {
  const names = [before === undefined ? "/dev/null" : path, path] as const;
  const patch = structuredPatch(...names, before ?? "", after, undefined, undefined, {
    context: contextLines,
    maxEditLength: differingMax,
  });
  if (patch === undefined) return `More than ${differingMax} lines of ${visible(path)} differ.\n`;
  const own = new Set(textsIn(entries));
  const isHead = /^(?:--- |\+\+\+ |@@)/;
  const lines = formatPatch(patch, FILE_HEADERS_ONLY).split("\n");
  return lines.map((line, at) => (at < 3 && isHead.test(line) ? visible(line) : shown(line, own))).join("\n");
}

/** Cut first, so that no line is long to look through; a value that is cut is masked to its end. */
function shown(line: string, own: ReadonlySet<string>): string {
  const cut = line.length > lineLengthMax;
  const text = masked(line.slice(0, lineLengthMax), own);
  const beside = !line.startsWith(" ") || structure.test(line) ? text : line.replace(/\S.*$/, "...");
  const bare = line.startsWith(" ") ? beside.replace(comment, "...") : beside;
  // Tabs that indent are what they look like.
  return bare.split("\t").map(visible).join("\t") + (cut ? "..." : "");
}
