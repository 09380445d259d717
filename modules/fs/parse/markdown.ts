/** Markdown: its front matter, and its blocks with their lines (CommonMark's leaf blocks, lists as a whole). */
import { factsOf, type Parser, type Part, sampleOf, texts } from "./parser.ts";
import { linesBlock } from "./plain.ts";
import type { DocumentFacts } from "./shapes.ts";
import { textLanguage } from "./text-language.ts";
import { type Line, linesOf } from "./text-lines.ts";

const frontMatter = /^---[ \t]*\r?\n([\s\S]*?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/;
const fence = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
const blockLengthMax = 65_536;

export const markdown: Parser = async function* (input) {
  const sample = await sampleOf(input);
  const matter = frontMatter.exec(sample);
  const body = sample.slice(matter?.[0].length ?? 0);
  const facts = matter === null ? {} : matterFacts(matter[1] ?? "");
  yield factsOf(input, {
    ...facts,
    title: facts.title ?? firstHeading(body),
    language: facts.language ?? textLanguage(body),
  });
  const blocks = new MarkdownBlocks(matter === null ? 0 : matter[0].trimEnd().split("\n").length);
  for await (const batch of linesOf(texts(input))) for (const line of batch) yield* blocks.take(line);
  yield* blocks.flush();
  yield { counted: { lines: blocks.lines } };
};

function firstHeading(text: string): string | undefined {
  const plain = text.replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1/gm, "");
  return (/^ {0,3}#[ \t]+(.+?)[ \t#]*$/m.exec(plain) ?? /^(\S.*)\r?\n=+[ \t]*$/m.exec(plain))?.[1]?.trim();
}

type MatterFacts = Partial<
  Pick<DocumentFacts, "title" | "author" | "subject" | "keywords" | "created" | "modified" | "language">
>;

const matterNames: Readonly<Record<keyof MatterFacts, readonly string[]>> = {
  title: ["title"],
  author: ["author", "authors"],
  subject: ["description", "subject", "summary"],
  keywords: ["keywords", "tags"],
  created: ["date", "created"],
  modified: ["modified", "updated", "lastmod"],
  language: ["lang", "language"],
};

/** What is broken tells nothing. */
function matterFacts(text: string): MatterFacts {
  let matter: unknown;
  try {
    matter = Bun.YAML.parse(text);
  } catch {
    return {};
  }
  const record = typeof matter === "object" && matter !== null ? (matter as Record<string, unknown>) : {};
  const value = (names: readonly string[]) =>
    names.map((name) => wordsOf(record[name])).find((words) => words !== undefined);
  const pairs = Object.entries(matterNames).map(([fact, names]) => [fact, value(names)] as const);
  return Object.fromEntries(pairs.filter(([, words]) => words !== undefined)) as MatterFacts;
}

const wordsLengthMax = 1_000;

function wordsOf(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const words = value.slice(0, 100).map(wordsOf);
    return words
      .filter((word) => word !== undefined)
      .join(", ")
      .slice(0, wordsLengthMax);
  }
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "string" || typeof value === "number") return String(value).slice(0, wordsLengthMax);
  return undefined;
}

type Kind = "paragraph" | "list" | "table" | "code";

class MarkdownBlocks {
  readonly #matterLines: number;
  #held: Line[] = [];
  #length = 0;
  #kind: Kind = "paragraph";
  /** The mark that ends the code, and what was said of it. */
  #fence: { readonly mark: string; readonly language: string } | undefined;
  lines = 0;

  constructor(matterLines: number) {
    this.#matterLines = matterLines;
  }

  *take(line: Line): Generator<Part, void, undefined> {
    this.lines = line.number;
    if (line.number <= this.#matterLines) return;
    if (this.#length > blockLengthMax) yield* this.flush();
    if (this.#fence !== undefined) yield* this.#inCode(line, this.#fence);
    else yield* this.#outside(line);
  }

  *flush(): Generator<Part, void, undefined> {
    const kind = this.#kind;
    const language = this.#fence?.language ?? "";
    if (this.#held.length > 0 && this.#held.some((line) => line.text.trim() !== ""))
      yield { block: { kind, ...linesBlock(trimmed(this.#held)), ...(language === "" ? {} : { language }) } };
    this.#held = [];
    this.#length = 0;
    if (this.#fence === undefined) this.#kind = "paragraph";
  }

  *#inCode(line: Line, { mark }: { readonly mark: string }): Generator<Part, void, undefined> {
    const text = line.text.trim();
    if (text.startsWith(mark) && text.replaceAll(mark.charAt(0), "") === "") {
      yield* this.flush();
      this.#fence = undefined;
      this.#kind = "paragraph";
    } else this.#hold(line);
  }

  *#outside(line: Line): Generator<Part, void, undefined> {
    const opened = fence.exec(line.text);
    if (opened !== null) {
      yield* this.flush();
      this.#fence = { mark: opened[1] ?? "```", language: opened[2] ?? "" };
      this.#kind = "code";
      return;
    }
    const heading = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/.exec(line.text);
    if (heading !== null) {
      yield* this.flush();
      yield headingPart(heading[2] ?? "", heading[1]?.length ?? 1, line, line);
      return;
    }
    yield* this.#text(line);
  }

  *#text(line: Line): Generator<Part, void, undefined> {
    const [above] = this.#held;
    const under = /^ {0,3}(=+|-+)[ \t]*$/.exec(line.text);
    if (under !== null && this.#kind === "paragraph" && above !== undefined) {
      const text = this.#held.map((one) => one.text.trim()).join(" ");
      this.#held = [];
      this.#length = 0;
      yield headingPart(text, under[1]?.startsWith("=") === true ? 1 : 2, above, line);
      return;
    }
    const blank = line.text.trim() === "";
    const item = /^ {0,3}([-+*]|\d{1,9}[.)])[ \t]+\S/.test(line.text);
    const inList = this.#kind === "list" && (blank || item || /^\s/.test(line.text) || this.#lastIsText());
    if (inList) this.#hold(line);
    else if (blank) yield* this.flush();
    else {
      const kind: Kind = item ? "list" : /^ {0,3}\|/.test(line.text) ? "table" : "paragraph";
      if (kind !== this.#kind || this.#kind === "list") yield* this.flush();
      this.#kind = kind;
      this.#hold(line);
    }
  }

  #lastIsText(): boolean {
    return (this.#held.at(-1)?.text.trim() ?? "") !== "";
  }

  #hold(line: Line): void {
    this.#held.push(line);
    this.#length += line.text.length;
  }
}

function headingPart(text: string, level: number, first: Line, last: Line): Part {
  return {
    block: { kind: "heading", level, text: text.trim(), lineStart: first.number, lineEnd: last.number },
  };
}

function trimmed(lines: readonly Line[]): readonly Line[] {
  const last = lines.findLastIndex((line) => line.text.trim() !== "");
  return lines.slice(0, last + 1);
}
