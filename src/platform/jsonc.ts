/** JSON with and without comments, changed at one key while every other byte stays. */
import {
  applyEdits,
  type FormattingOptions,
  modify,
  type ParseError,
  type ParseOptions,
  parse,
  printParseErrorCode,
} from "jsonc-parser";
import { OperoneError } from "../kernel/error.ts";

/** `json`: as its grammar says. `jsonc`: with comments and commas behind the last entry. */
export type JsonKind = "json" | "jsonc";

/**
 * The whole text's value; an empty text is an empty object.
 *
 * @throws OperoneError `invalid_input` that names the file, line and column
 */
export function parseJsonText(text: string, source: string, kind: JsonKind): unknown {
  const body = text.replace(/^\uFEFF/, "");
  if (body.trim() === "") return {};
  const errors: ParseError[] = [];
  const options: ParseOptions = {
    disallowComments: kind === "json",
    allowTrailingComma: kind === "jsonc",
    allowEmptyContent: false,
  };
  const value: unknown = parse(body, errors, options);
  const [first] = errors;
  if (first === undefined) return value;
  const before = body.slice(0, first.offset).split("\n");
  const what = printParseErrorCode(first.error)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  throw new OperoneError(
    "invalid_input",
    `${source} line ${before.length}, column ${(before.at(-1) ?? "").length + 1} is no ${kind === "json" ? "JSON" : "JSON with comments"}: ${what}. Mend it first; nothing was changed`,
  );
}

/** The text with the value at this path, or without it. Call only with a text that parses to an object. */
export function withJsonEntry(text: string, path: readonly string[], value: unknown): string {
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const body = text.slice(mark.length);
  const usable = body.trim() === "" ? "{}\n" : body;
  const edits = modify(usable, [...path], value, { formattingOptions: formattingOf(usable) });
  return mark + applyEdits(usable, edits);
}

/** As the file's first indented line and first line end have it. */
function formattingOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
  return {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
}
