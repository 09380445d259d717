/** What a document is: its first bytes decide, then its name. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { codeLanguage } from "./code-language.ts";
import { type DocumentKind, documentKinds } from "./shapes.ts";
import { decoderOf, detectedEncoding } from "./text-encoding.ts";

export interface FileKind {
  readonly kind: DocumentKind;
  readonly mediaType: string;
  /** Of what is text. */
  readonly encoding?: string;
  readonly programmingLanguage?: string;
}

const mediaTypes: Readonly<Record<DocumentKind, string>> = {
  pdf: "application/pdf",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  html: "text/html",
  markdown: "text/markdown",
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  json: "application/json",
  ndjson: "application/x-ndjson",
  code: "text/plain",
  text: "text/plain",
};

/** What cannot be read, and what people call it. */
const others: readonly (readonly [string, string])[] = [
  ["\x89PNG", "a PNG image"],
  ["\xff\xd8\xff", "a JPEG image"],
  ["GIF8", "a GIF image"],
  ["\x1f\x8b", "gzip data; unpack it, or mount it when it is an archive"],
  ["\x28\xb5\x2f\xfd", "zstd data; unpack it, or mount it when it is an archive"],
  ["BZh", "bzip2 data; unpack it"],
  ["\xfd7zXZ", "xz data; unpack it"],
  ["\x7fELF", "a program"],
  ["MZ", "a program for Windows"],
  ["\xd0\xcf\x11\xe0", "an old or encrypted Office document; save it as .docx without a password"],
  ["SQLite format 3", "an SQLite database"],
  ["PK\x03\x04", "a zip archive; mount it, or name a .docx"],
];

const byEnding = new Map<string, DocumentKind>(
  Object.entries({
    csv: "csv",
    tsv: "tsv",
    tab: "tsv",
    json: "json",
    geojson: "json",
    ndjson: "ndjson",
    jsonl: "ndjson",
    md: "markdown",
    markdown: "markdown",
    html: "html",
    htm: "html",
    xhtml: "html",
    txt: "text",
    text: "text",
  } as const),
);

/** @throws OperoneError `unsupported_media` for what is none of the kinds */
export function fileKind(
  name: string,
  head: Uint8Array,
  whole: boolean,
  asked: DocumentKind | undefined,
  encoding: string | undefined,
): FileKind {
  const start = Buffer.from(head.subarray(0, 1_024)).toString("latin1");
  if (asked === "pdf" || asked === "docx") return { kind: asked, mediaType: mediaTypes[asked] };
  if (asked === undefined) {
    if (start.includes("%PDF-")) return { kind: "pdf", mediaType: mediaTypes.pdf };
    const zip = start.startsWith("PK\x03\x04");
    if (zip && (endingOf(name) === "docx" || isDocx(head)))
      return { kind: "docx", mediaType: mediaTypes.docx };
  }
  const known = encoding?.toLowerCase() ?? detectedEncoding(head, whole);
  const other = others.find(([magic]) => start.startsWith(magic));
  if (known === undefined || (encoding === undefined && other !== undefined && asked === undefined)) {
    const what = other?.[1] ?? "no text, and of no kind that can be read";
    throw new OperoneError(
      "unsupported_media",
      `It is ${what}. What can be read: ${documentKinds.join(", ")}`,
    );
  }
  return textKind(name, head, asked, known);
}

function textKind(
  name: string,
  head: Uint8Array,
  asked: DocumentKind | undefined,
  encoding: string,
): FileKind {
  const start = startOf(head, encoding);
  const language = codeLanguage(name, start);
  const kind = asked ?? byEnding.get(endingOf(name)) ?? (language === undefined ? byContent(start) : "code");
  return {
    kind,
    mediaType: kind === "html" && /^\s*<\?xml\s/.test(start) ? "application/xhtml+xml" : mediaTypes[kind],
    encoding: kind === "html" && !isPlain(encoding) ? (declaredCharset(start) ?? encoding) : encoding,
    ...(kind === "code" && language !== undefined ? { programmingLanguage: language } : {}),
  };
}

/** What the bytes cannot be by chance: a document that says otherwise of itself was converted and kept its old word. */
function isPlain(encoding: string): boolean {
  return ["us-ascii", "utf-8", "utf-16le", "utf-16be"].includes(encoding);
}

function startOf(head: Uint8Array, encoding: string): string {
  try {
    return decoderOf(encoding).decode(head.subarray(0, 4_096));
  } catch {
    return Buffer.from(head.subarray(0, 4_096)).toString("latin1");
  }
}

function byContent(start: string): DocumentKind {
  const text = start.trimStart();
  if (/^(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)*<(!doctype\s+html|html|head)\b/i.test(text)) return "html";
  return "text";
}

function endingOf(name: string): string {
  return /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
}

function isDocx(head: Uint8Array): boolean {
  const text = Buffer.from(head).toString("latin1");
  return text.includes("word/") && text.includes("[Content_Types].xml");
}

/** What the document says of itself; a wrong word is no encoding. */
function declaredCharset(start: string): string | undefined {
  const label =
    /<meta\s[^>]*charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)/i.exec(start)?.[1] ??
    /^<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9_:.-]+)/i.exec(start)?.[1];
  if (label === undefined) return undefined;
  try {
    return /^(us-)?ascii$/i.test(label) ? undefined : namedLike(label, decoderOf(label).encoding);
  } catch {
    return undefined;
  }
}

/** The standard of the web reads Latin 1 as what Windows has: the name stays the document's. */
function namedLike(label: string, encoding: string): string {
  return encoding === "windows-1252" ? label.toLowerCase() : encoding;
}
