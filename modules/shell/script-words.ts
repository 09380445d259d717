/**
 * The words of a script. The parser says where they are; what they mean is read here once more from the text itself,
 * and only forms that every shell reads in the same way count. So a mistake of the parser is a refusal.
 */
import type { CommandExpansionPart, DoubleQuotedChild, Word, WordPart } from "unbash";
import type { CommandWord } from "./command-pattern.ts";

/** What the reader of a script has to know about a word beside its text. */
export interface WordFinds {
  refuse(why: string): void;
  /** A `$( )` in it. */
  nested(part: CommandExpansionPart): void;
  /** A variable that it sets, by `${name=...}`. */
  sets(name: string): void;
  /** The names in an arithmetic expression. */
  counts(names: readonly string[]): void;
}

/** Undefined after a refusal. */
export function wordOf(word: Word, source: string, finds: WordFinds): CommandWord | undefined {
  const text = source.slice(word.pos, word.end);
  if (text !== word.text || text === "") return refused(finds, "the parser lost its place");
  if (word.parts === undefined) return plainWord(text, word.value, finds);
  const read = word.parts.map((part) => partOf(part, source, finds));
  if (!joined(word.parts, word.pos, word.end))
    return refused(finds, `${shown(text)} was not read as a whole`);
  if (read.includes(undefined)) return undefined;
  if (read.includes("many")) return { open: "many", text };
  if (read.includes("one") || hasTilde(text)) return { open: "one", text };
  return read.map((part) => (typeof part === "object" ? part.value : "")).join("");
}

/** "one" and "many" as in OpenWord. */
type Read = { readonly value: string } | "one" | "many" | undefined;

function refused(finds: WordFinds, why: string): undefined {
  finds.refuse(why);
  return undefined;
}

export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

function plainWord(text: string, value: string, finds: WordFinds): CommandWord | undefined {
  const read = literal(text, value, finds);
  if (read === "many") return { open: "many", text };
  if (typeof read !== "object") return undefined;
  return hasTilde(text) ? { open: "one", text } : read.value;
}

/** The shell puts a home directory there. */
function hasTilde(text: string): boolean {
  return /(?:^|[:=])~/.test(text);
}

/** Text without quotes: nothing but characters that mean themselves, and backslashes. */
function literal(text: string, value: string, finds: WordFinds): Read {
  if (!/^(?:[^\s;&|()<>`$'"\\]|\\[^\n])*$/.test(text)) return refused(finds, `${shown(text)} is not certain`);
  const bare = text.replaceAll(/\\./gu, "");
  // A lone bracket is the command "[" or its end. {} is itself.
  const globs = /[*?]/.test(bare) || (/\[/.test(bare) && text !== "[" && text !== "[[");
  if (globs || (/\{/.test(bare) && /,|\.\./.test(bare))) return "many";
  if (text.replaceAll(/\\(.)/gu, "$1") !== value)
    return refused(finds, `${shown(text)} was read as ${shown(value)}`);
  return { value };
}

function joined(parts: readonly WordPart[], pos: number, end: number): boolean {
  let at = pos;
  for (const part of parts) {
    if (part.pos !== at || part.end < part.pos) return false;
    at = part.end;
  }
  return at === end;
}

function partOf(part: WordPart, source: string, finds: WordFinds): Read {
  const text = source.slice(part.pos, part.end);
  if (text !== part.text) return refused(finds, "the parser lost its place");
  switch (part.type) {
    case "Literal":
      return literal(text, part.value, finds);
    case "SingleQuoted": {
      const inner = text.slice(1, -1);
      const whole = /^'[^']*'$/.test(text) && inner === part.value;
      return whole ? { value: inner } : refused(finds, `${shown(text)} is not certain`);
    }
    case "DoubleQuoted": {
      if (!/^".*"$/s.test(text) || text.length < 2) return refused(finds, `${shown(text)} is not certain`);
      return quotedOf(part.parts, part.pos + 1, part.end - 1, source, finds);
    }
    case "Glob":
    case "BraceExpansion":
      return /[$`'"\\(]/.test(text)
        ? refused(finds, `${shown(text)} mixes quotes or expansions into a glob`)
        : "many";
    case "ExtendedGlob":
      return refused(finds, `${shown(text)}: extended globs are read differently from shell to shell`);
    case "AnsiCQuoted":
    case "LocaleString":
      return refused(finds, `${shown(text)}: these quotes are read differently from shell to shell`);
    case "ProcessSubstitution":
      return refused(finds, `${shown(text)}: process substitution is not analysed; use a pipe or a file`);
    default:
      return expansionOf(part, text, finds) === undefined ? undefined : "many";
  }
}

function quotedOf(
  parts: readonly DoubleQuotedChild[],
  pos: number,
  end: number,
  source: string,
  finds: WordFinds,
): Read {
  if (!joined(parts, pos, end)) return refused(finds, "a text in quotes was not read as a whole");
  const read = parts.map((part) => quotedPartOf(part, source, finds));
  if (read.includes(undefined)) return undefined;
  if (read.includes("many")) return "many";
  if (read.includes("one")) return "one";
  return { value: read.map((part) => (typeof part === "object" ? part.value : "")).join("") };
}

function quotedPartOf(part: DoubleQuotedChild, source: string, finds: WordFinds): Read {
  const text = source.slice(part.pos, part.end);
  if (text !== part.text) return refused(finds, "the parser lost its place");
  if (part.type !== "Literal") return expansionOf(part, text, finds);
  if (!isQuotedText(text) || /"/.test(text.replaceAll(/\\./gsu, "")))
    return refused(finds, `${shown(text)} is not certain`);
  const value = text.replaceAll(/\\([$`"\\])/g, "$1");
  return value === part.value ? { value } : refused(finds, `${shown(text)} was read as ${shown(part.value)}`);
}

/** Nothing in it begins an expansion, in double quotes or in a here-document. */
function isQuotedText(text: string): boolean {
  const bare = text.replaceAll(/\\[^\n]/gu, "");
  return !/`|\\|\$[\w({['"@*#?$!-]/.test(bare);
}

const parameter = String.raw`(?:[A-Za-z_]\w*|\d+|[@*#?$!-])`;
/** Letters and marks that are neither quotes nor expansions, so that they are themselves wherever they stand. */
const harmless = String.raw`[\w .,:/@%+*?[\]~^=-]*`;
const simpleForm = /^\$(?:[A-Za-z_]\w*|[\d@*#?$!-])$/;
const bracedForm = new RegExp(
  String.raw`^\$\{#?(${parameter})(?:(:?[-=?+]|##?|%%?|//?)(${harmless})|:\d+(?::\d+)?|\^\^?|,,?)?\}$`,
);
const arithmeticForm = /^\$\(\(([\w\s+\-*/%<>=!&|^~?:,()$#]*)\)\)$/;

/** One in double quotes; outside these, the caller makes it many. "$@" is many in either. */
function expansionOf(
  part: Exclude<DoubleQuotedChild, { readonly type: "Literal" }>,
  text: string,
  finds: WordFinds,
): "one" | "many" | undefined {
  switch (part.type) {
    case "SimpleExpansion":
      if (!simpleForm.test(text)) return refused(finds, `${shown(text)} is not analysed`);
      return text === "$@" ? "many" : "one";
    case "ParameterExpansion":
      return bracedOf(text, finds);
    case "ArithmeticExpansion": {
      const inner = arithmeticForm.exec(text)?.[1];
      // The text of $1 is read as an expression once more, and may hold commands.
      if (inner === undefined || !isBalanced(inner) || /\$(?![A-Za-z_#?])/.test(inner))
        return refused(
          finds,
          `${shown(text)} is not analysed; only numbers and variables can be counted with`,
        );
      finds.counts(namesIn(inner));
      return "one";
    }
    case "CommandExpansion":
      if (!text.startsWith("$(") || !text.endsWith(")"))
        return refused(finds, `${shown(text)} is not analysed; write $(...) instead`);
      finds.nested(part);
      return "one";
  }
}

function bracedOf(text: string, finds: WordFinds): "one" | "many" | undefined {
  const found = bracedForm.exec(text);
  const [, name = "", operator = ""] = found ?? [];
  if (found === null)
    return refused(finds, `${shown(text)} is not analysed; set a variable first, step by step`);
  if (/=$/.test(operator)) finds.sets(name);
  return name === "@" ? "many" : "one";
}

function isBalanced(text: string): boolean {
  let depth = 0;
  for (const mark of text.replaceAll(/[^()]/g, "")) {
    depth += mark === "(" ? 1 : -1;
    if (depth < 0) return false;
  }
  return depth === 0;
}

/** Hexadecimal and other bases are no names. */
function namesIn(expression: string): readonly string[] {
  return expression.match(/(?<!\w)[A-Za-z_]\w*/g) ?? [];
}

/** The body of a here-document whose delimiter has no quotes. */
export function bodyOf(
  parts: readonly WordPart[] | undefined,
  body: { readonly pos: number; readonly end: number },
  source: string,
  finds: WordFinds,
): void {
  if (parts === undefined) {
    if (!isQuotedText(source.slice(body.pos, body.end))) finds.refuse("a here-document is not certain");
    return;
  }
  if (!joined(parts, body.pos, body.end)) finds.refuse("a here-document was not read as a whole");
  for (const part of parts) {
    const text = source.slice(part.pos, part.end);
    if (part.type === "Literal") {
      if (!isQuotedText(text)) finds.refuse("a here-document is not certain");
    } else if (isExpansion(part)) expansionOf(part, text, finds);
    else finds.refuse("a here-document is not certain");
  }
}

function isExpansion(part: WordPart): part is Exclude<DoubleQuotedChild, { readonly type: "Literal" }> {
  return /^(?:Simple|Parameter|Arithmetic|Command)Expansion$/.test(part.type);
}
