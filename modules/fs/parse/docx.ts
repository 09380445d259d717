/** Word documents (ECMA-376): core properties, paragraphs, headings, lists and tables. */
import { Parser as Xml } from "htmlparser2";
import { OperoneError } from "../../../src/kernel/error.ts";
import { factsOf, type Parser, wholeBytesMax } from "./parser.ts";
import type { Block } from "./shapes.ts";
import { textLanguage } from "./text-language.ts";
import { ZipFile } from "./zip.ts";

const propertiesBytesMax = 1024 * 1024;
const bodyBytesMax = 128 * 1024 * 1024;
const chunkLength = 65_536;
const depthMax = 256;
/** By which the language is told. */
const sampleBlocks = 20;

export const docx: Parser = async function* (input) {
  const zip = new ZipFile(await input.source.whole(wholeBytesMax));
  const body = zip.read("word/document.xml", bodyBytesMax)?.toString("utf8");
  if (body === undefined)
    throw new OperoneError("unsupported_media", "It is no Word document: word/document.xml is missing in it");
  const core = leaves(zip.read("docProps/core.xml", propertiesBytesMax)?.toString("utf8") ?? "");
  const app = leaves(zip.read("docProps/app.xml", propertiesBytesMax)?.toString("utf8") ?? "");
  const pages = Number(app.get("Pages") ?? "");
  const blocks = bodyBlocks(body);
  const beginning: Block[] = [];
  for (let next = blocks.next(); next.done !== true; next = blocks.next())
    if (beginning.push(next.value) >= sampleBlocks) break;
  yield factsOf(input, {
    title: core.get("dc:title"),
    author: core.get("dc:creator"),
    subject: core.get("dc:subject"),
    keywords: core.get("cp:keywords"),
    created: core.get("dcterms:created"),
    modified: core.get("dcterms:modified"),
    language: core.get("dc:language") || textLanguage(beginning.map(({ text }) => text ?? "").join(" ")),
    pages: Number.isInteger(pages) && pages > 0 ? pages : undefined,
  });
  for (const block of beginning) yield { block };
  for (const block of blocks) yield { block };
};

/** The text of each element, by its name; the first of a name counts. */
function leaves(xml: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let text = "";
  const parser = new Xml(
    {
      onprocessinginstruction: refuseTypes,
      onopentag: () => {
        text = "";
      },
      ontext: (part) => {
        text += part;
      },
      onclosetag: (name) => {
        if (!found.has(name) && text.trim() !== "") found.set(name, text.trim());
        text = "";
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
  return found;
}

/** Entities of one's own, and files from elsewhere, are declared there; Office writes none. */
function refuseTypes(name: string): void {
  if (name.toLowerCase() === "!doctype")
    throw new OperoneError(
      "unsupported_media",
      "The document declares a type or entities, which none of Office does",
    );
}

function* bodyBlocks(xml: string): Generator<Block, void, undefined> {
  const reader = new BodyReader(xml.includes("<w:lastRenderedPageBreak"));
  const parser = new Xml(
    {
      onprocessinginstruction: refuseTypes,
      onopentag: (name, attributes) => reader.open(name, attributes),
      ontext: (text) => reader.say(text),
      onclosetag: (name) => reader.close(name),
    },
    { xmlMode: true },
  );
  for (let at = 0; at < xml.length; at += chunkLength) {
    parser.write(xml.slice(at, at + chunkLength));
    yield* reader.taken();
  }
  parser.end();
  yield* reader.taken();
}

class BodyReader {
  #found: Block[] = [];
  #depth = 0;
  #tables = 0;
  #rows: string[][] = [];
  #cells: string[] = [];
  #cell: string[] = [];
  #words = "";
  #inText = false;
  #kind: Pick<Block, "kind" | "level"> = { kind: "paragraph" };
  #page = 1;
  /** Whether Word, or whoever wrote it, has noted where pages begin. */
  readonly #hasPages: boolean;

  constructor(hasPages: boolean) {
    this.#hasPages = hasPages;
  }

  taken(): readonly Block[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#depth += 1;
    if (this.#depth > depthMax)
      throw new OperoneError("unsupported_media", `The document is nested deeper than ${depthMax}`);
    if (name === "w:t") this.#inText = true;
    else if (name === "w:tab") this.#words += "\t";
    else if (name === "w:br" || name === "w:cr") this.#words += "\n";
    else if (name === "w:lastRenderedPageBreak") this.#page += 1;
    else if (name === "w:tbl") this.#tables += 1;
    else if (name === "w:numPr") this.#kind = { kind: "list" };
    else if (name === "w:pStyle") this.#style(attributes["w:val"] ?? "");
  }

  say(text: string): void {
    if (this.#inText) this.#words += text;
  }

  close(name: string): void {
    this.#depth -= 1;
    if (name === "w:t") this.#inText = false;
    else if (name === "w:p") this.#paragraph();
    else if (name === "w:tbl") this.#table();
    else if (this.#tables !== 1) return;
    else if (name === "w:tc") {
      this.#cells.push(this.#cell.join("\n"));
      this.#cell = [];
    } else if (name === "w:tr") {
      this.#rows.push(this.#cells);
      this.#cells = [];
    }
  }

  #style(style: string): void {
    const level = /^heading\s?([1-9])$/i.exec(style)?.[1];
    if (level !== undefined) this.#kind = { kind: "heading", level: Number(level) };
    else if (/^title$/i.test(style)) this.#kind = { kind: "heading", level: 1 };
  }

  #paragraph(): void {
    const text = this.#words.trim();
    if (text !== "" && this.#tables > 0) this.#cell.push(text);
    else if (text !== "") this.#found.push({ ...this.#kind, text, ...this.#place() });
    this.#words = "";
    this.#kind = { kind: "paragraph" };
  }

  /** Where it ends: a break may stand within it. */
  #place(): Pick<Block, "page"> {
    return this.#hasPages ? { page: this.#page } : {};
  }

  #table(): void {
    this.#tables -= 1;
    if (this.#tables > 0) return;
    if (this.#rows.length > 0) this.#found.push({ kind: "table", rows: this.#rows, ...this.#place() });
    this.#rows = [];
  }
}
