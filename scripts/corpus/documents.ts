/** What fs.parse says of documents, in the words of its yardsticks. */
import { lstatSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { child } from "../../modules/fs/parse/parse.child.ts";
import type { DocumentFacts } from "../../modules/fs/parse/shapes.ts";
import { Comparison, type Fields } from "./comparison.ts";
import { fileFacts, instant, pdfFacts, plain, sizeText } from "./yardsticks.ts";

/** Compares all documents in the folder that fs.parse is for. The folder is trusted: nothing contains the readers. */
export async function comparedDocuments(folder: string): Promise<Comparison> {
  const comparison = new Comparison();
  const paths = [...new Bun.Glob("**/*").scanSync({ cwd: folder, dot: true })]
    .map((path) => join(folder, path))
    .filter((path) => lstatSync(path).isFile() && lstatSync(path).size > 0)
    .sort();
  for (const [path, { type, encoding }] of fileFacts(paths)) {
    const isPdf = type === "application/pdf";
    if (!isPdf && encoding === "binary") continue;
    const pdf = isPdf ? pdfFacts(path) : undefined;
    if (isPdf && pdf === undefined) continue;
    const facts = await factsOf(path);
    // What it sees in bytes that are of no encoding it knows, nobody needs to see.
    const known = encoding === "binary" || encoding === "unknown-8bit" ? undefined : encoding;
    const expected = { type, encoding: known, ...pdf };
    comparison.add(relative(folder, path), expected, facts === undefined ? {} : fieldsOf(facts, type));
  }
  return comparison;
}

async function factsOf(path: string): Promise<DocumentFacts | undefined> {
  const request = { name: basename(path), pages: "1", rowsMax: 1, textLengthMax: 1 };
  try {
    for await (const item of child({ request, bytes: Bun.file(path).stream() }))
      if ("document" in item) return item.document;
  } catch {
    // It says nothing of it, which is no agreement.
  }
  return undefined;
}

function fieldsOf(facts: DocumentFacts, type: string): Fields {
  const { title, author, subject, keywords, created, modified, pages, pdf } = facts;
  const fields = { type: sameType(facts, type) ? type : facts.mediaType, encoding: facts.encoding };
  if (pdf === undefined) return fields;
  return {
    ...fields,
    title: plain(title),
    author: plain(author),
    subject: plain(subject),
    keywords: plain(keywords),
    creator: plain(pdf.creator),
    producer: plain(pdf.producer),
    created: instant(created),
    modified: instant(modified),
    pages: String(pages),
    version: pdf.version,
    encrypted: pdf.encrypted ? "yes" : "no",
    pageSize: sizeText(pdf.pageWidth ?? 0, pdf.pageHeight ?? 0),
    pageRotation: String(pdf.pageRotation),
  };
}

/** `text/plain` is what file(1) says of all that it knows no better name for; and of sources it names the language. */
function sameType({ kind, mediaType }: DocumentFacts, type: string): boolean {
  if (type === mediaType) return true;
  if (type === "text/plain") return !["pdf", "docx"].includes(kind);
  if (type === "text/xml" && mediaType.endsWith("+xml")) return true;
  const isSource = /^(text|application)\/(x-|javascript|xml)/.test(type) || /xml$/.test(type);
  return (kind === "code" || kind === "text") && isSource;
}
