/** A change to a settings file as a person reads it. */
import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";

const contextLines = 3;
/** The work grows with their square. Our change has a dozen; more means that a program writes the file on one line. */
const differingMax = 500;

/** @param before undefined: there is no file yet */
export function difference(path: string, before: string | undefined, after: string): string {
  const names = [before === undefined ? "/dev/null" : path, path] as const;
  const patch = structuredPatch(...names, before ?? "", after, undefined, undefined, {
    context: contextLines,
    maxEditLength: differingMax,
  });
  if (patch === undefined) return `More than ${differingMax} lines of ${path} differ.\n`;
  return formatPatch(patch, FILE_HEADERS_ONLY);
}
