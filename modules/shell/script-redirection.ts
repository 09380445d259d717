/** Redirections and here-documents of a script. */
import type { Redirection } from "unbash";
import type { Span } from "./script-gaps.ts";
import type { Shell } from "./script-vector.ts";
import { bodyOf, shown, type WordFinds, wordOf } from "./script-words.ts";

export interface Place {
  readonly source: string;
  readonly shell: Shell;
  readonly finds: WordFinds;
  /** It opens a file. */
  file(text: string): void;
}

/** @returns what of it lies elsewhere in the text */
export function readRedirection(node: Redirection, place: Place): readonly Span[] {
  if (node.type === "HereDoc") return readHeredoc(node, place);
  if (place.shell !== "bash" && (node.type === "HereString" || /^&/.test(node.operator)))
    place.finds.refuse(`"${node.operator}" is read differently by other shells than bash`);
  readTarget(node, place);
  return [];
}

function readTarget(
  node: Exclude<Redirection, { readonly type: "HereDoc" }>,
  { source, finds, file }: Place,
): void {
  const text = source.slice(node.pos, node.end);
  const { target } = node;
  const head = target === undefined ? "" : source.slice(node.pos, target.pos);
  if (target === undefined || target.end !== node.end || !/^\d?[<>&|]+[ \t]*$/.test(head)) {
    finds.refuse(`${shown(text)} is not analysed`);
    return;
  }
  // In bash ">&-c" closes a descriptor and runs c, so only the plain forms are certain.
  if (/^[<>]&$/.test(node.operator)) {
    if (!/^(?:\d|-)$/.test(target.text)) finds.refuse(`${shown(text)} is not analysed; write "> file 2>&1"`);
    return;
  }
  const word = wordOf(target, source, finds);
  if (word === undefined || node.type === "HereString" || word === "/dev/null") return;
  file(text);
}

type Heredoc = Extract<Redirection, { readonly type: "HereDoc" }>;

function readHeredoc(node: Heredoc, { source, finds }: Place): readonly Span[] {
  const { delimiter, body, closing } = node;
  const mark = /^(['"]?)(\w+)\1$/.exec(delimiter?.text ?? "")?.[2];
  if (
    mark === undefined ||
    delimiter === undefined ||
    closing === undefined ||
    !isWhole(node, mark, source)
  ) {
    finds.refuse("a here-document is not certain; write one in a line, with a plain word that ends it");
    return [];
  }
  if (delimiter.text === mark) bodyOf(body.parts, body, source, finds);
  return [{ pos: body.pos, end: closing.end }];
}

/** The text says so too: from the line behind it, to the first line that is the mark. */
function isWhole(
  { pos, end, operator, delimiter, body, closing }: Heredoc,
  mark: string,
  source: string,
): boolean {
  if (delimiter === undefined || closing === undefined || delimiter.end !== end) return false;
  const bare = (line: string) => (operator === "<<-" ? line.replace(/^\t+/, "") : line);
  const lines = source.slice(body.pos, body.end).split("\n");
  return (
    /^\d?<<-?[ \t]*$/.test(source.slice(pos, delimiter.pos)) &&
    // One in a line, and nothing behind it that could hold the end of the line.
    /^[^\n]*\n$/.test(source.slice(end, body.pos)) &&
    lines.at(-1) === "" &&
    !lines.some((line) => bare(line) === mark) &&
    bare(source.slice(body.end, closing.end)) === mark &&
    /^\n?$/.test(source.slice(closing.end, closing.end + 1))
  );
}
