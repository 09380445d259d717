/** HTML: what it says of itself, and its text in blocks with their lines. */
import { Parser as Html } from "htmlparser2";
import { LineCount } from "./line-count.ts";
import { factsOf, type Parser, type Part, wholeText } from "./parser.ts";
import type { Block } from "./shapes.ts";
import { textLanguage } from "./text-language.ts";

const chunkLength = 65_536;
const titleLengthMax = 1_000;
/** Of one block, before it is given as it is. */
const blockLengthMax = 65_536;
const silent = new Set([
  "script",
  "style",
  "template",
  "noscript",
  "svg",
  "math",
  "head",
  "iframe",
  "object",
]);
const breaking = new Set(
  "address article aside blockquote body caption dd details div dl dt fieldset figure footer form header hr html li main nav ol p pre section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6".split(
    " ",
  ),
);

export const html: Parser = async function* (input) {
  const text = await wholeText(input);
  const reader = new HtmlBlocks(text);
  const blocks: Block[] = [];
  let told = false;
  const facts = () => {
    const { meta, title, language } = reader;
    const body = blocks.map((block) => block.text).join(" ");
    return factsOf(input, {
      title: title.trim().replace(/\s+/g, " ") || meta.get("dc.title") || meta.get("og:title"),
      author: meta.get("author") ?? meta.get("dc.creator"),
      subject: meta.get("description") ?? meta.get("dc.description"),
      keywords: meta.get("keywords"),
      created: meta.get("article:published_time") ?? meta.get("dc.date") ?? meta.get("date"),
      modified: meta.get("article:modified_time") ?? meta.get("last-modified"),
      language: language ?? textLanguage(body),
    });
  };
  // The head comes first, so its facts are known once there is text enough to tell the language.
  for (const found of reader.read()) {
    if (told) yield { block: found };
    else if (blocks.push(found) >= 20) {
      told = true;
      yield facts();
      for (const block of blocks) yield { block };
    }
  }
  if (!told) {
    yield facts();
    for (const block of blocks) yield { block } satisfies Part;
  }
  yield { counted: { lines: reader.lines.at(text.trimEnd().length) } };
};

class HtmlBlocks {
  readonly #text: string;
  readonly lines: LineCount;
  readonly meta = new Map<string, string>();
  title = "";
  language: string | undefined;
  #found: Block[] = [];
  #words = "";
  /** Whether there is more than spaces in them: to look each time would take as long as they are. */
  #hasWords = false;
  #lineStart = 1;
  #lineEnd = 1;
  #kind: Pick<Block, "kind" | "level"> = { kind: "paragraph" };
  #silence: string[] = [];
  #inTitle = false;
  #pre = 0;

  constructor(text: string) {
    this.#text = text;
    this.lines = new LineCount(text);
  }

  *read(): Generator<Block, void, undefined> {
    const parser = new Html({
      onopentag: (name, attributes) => this.#open(name, attributes, parser.startIndex),
      onclosetag: (name) => this.#close(name),
      ontext: (text) => this.#say(text, parser.startIndex),
    });
    for (let at = 0; at < this.#text.length; at += chunkLength) {
      parser.write(this.#text.slice(at, at + chunkLength));
      yield* this.#taken();
    }
    parser.end();
    this.#flush();
    yield* this.#taken();
  }

  #taken(): readonly Block[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  #open(name: string, attributes: Readonly<Record<string, string>>, at: number): void {
    if (name === "html" && attributes.lang) this.language = attributes.lang.slice(0, 35);
    if (name === "meta") this.#meta(attributes);
    if (name === "title" && !this.#silence.includes("svg") && this.title === "") this.#inTitle = true;
    if (silent.has(name)) this.#silence.push(name);
    if (name === "body") this.#silence = [];
    if (name === "br") this.#words += "\n";
    if (!breaking.has(name)) return;
    this.#flush();
    this.#lineStart = this.lines.at(at);
    if (name === "pre") this.#pre += 1;
    const level = /^h([1-6])$/.exec(name)?.[1];
    if (level !== undefined) this.#kind = { kind: "heading", level: Number(level) };
    else if (name === "li" || name === "dd" || name === "dt") this.#kind = { kind: "list" };
    else if (name === "td" || name === "th") this.#kind = { kind: "table" };
    else if (name === "pre") this.#kind = { kind: "code" };
  }

  #close(name: string): void {
    if (name === "title") this.#inTitle = false;
    const at = this.#silence.lastIndexOf(name);
    if (at >= 0) this.#silence.splice(at);
    if (!breaking.has(name)) return;
    this.#flush();
    if (name === "pre") this.#pre = Math.max(0, this.#pre - 1);
  }

  #meta(attributes: Readonly<Record<string, string>>): void {
    const name = (attributes.name ?? attributes.property ?? attributes["http-equiv"])?.toLowerCase();
    const content = attributes.content?.trim().replace(/\s+/g, " ").slice(0, titleLengthMax);
    if (name === undefined || content === undefined || content === "" || this.meta.size >= 256) return;
    if (!this.meta.has(name)) this.meta.set(name, content);
    if (name === "content-language") this.language ??= content.slice(0, 35);
  }

  #say(text: string, at: number): void {
    if (this.#inTitle) this.title = (this.title + text).slice(0, titleLengthMax);
    if (this.#inTitle || this.#silence.length > 0) return;
    if (!this.#hasWords) {
      this.#words = "";
      const begin = text.trimStart();
      if (begin === "") return;
      this.#lineStart = this.lines.at(at + (text.length - begin.length));
      this.#hasWords = true;
    }
    this.#words += text;
    const end = text.trimEnd();
    if (end !== "") this.#lineEnd = this.lines.at(at + end.length);
    if (this.#words.length > blockLengthMax) {
      const kind = this.#kind;
      this.#flush();
      this.#kind = kind;
    }
  }

  #flush(): void {
    const text =
      this.#pre > 0 ? this.#words.replace(/\s+$/, "") : this.#words.trim().replace(/[ \t\r\n]+/g, " ");
    if (text.trim() !== "") {
      this.#found.push({ ...this.#kind, text, lineStart: this.#lineStart, lineEnd: this.#lineEnd });
    }
    this.#words = "";
    this.#hasWords = false;
    this.#kind = { kind: this.#pre > 0 ? "code" : "paragraph" };
  }
}
