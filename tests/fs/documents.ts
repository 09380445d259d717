/** Documents that tests make, and what the reader says of them in the test's own process. */
import { deflateRawSync } from "node:zlib";
import { child } from "../../modules/fs/parse/parse.child.ts";
import type { Block, DocumentFacts, ParseItem, Summary } from "../../modules/fs/parse/shapes.ts";

export interface Parsed {
  readonly document: DocumentFacts | undefined;
  readonly blocks: readonly Block[];
  readonly summary: Summary | undefined;
}

export function parsedOf(items: readonly ParseItem[]): Parsed {
  return {
    document: items.flatMap((item) => ("document" in item ? [item.document] : []))[0],
    blocks: items.flatMap((item) => ("block" in item ? [item.block] : [])),
    summary: items.flatMap((item) => ("summary" in item ? [item.summary] : []))[0],
  };
}

/** Reads it as the child does, in pieces of a size that cuts across everything. */
export async function readHere(name: string, bytes: string | Uint8Array, more: object = {}): Promise<Parsed> {
  const request = { name, ...more };
  return parsedOf(await Array.fromAsync(child({ request, bytes: piecesOf(Buffer.from(bytes)) })));
}

/** The code of its error. */
export async function refusedHere(
  name: string,
  bytes: string | Uint8Array,
  more: object = {},
): Promise<unknown> {
  const thrown = await readHere(name, bytes, more).catch((error: unknown) => error);
  return thrown instanceof Error && "code" in thrown ? `${thrown.code}: ${thrown.message}` : thrown;
}

async function* piecesOf(bytes: Uint8Array, length = 49_999): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** A PDF of these objects; the first is its catalogue. */
export function pdfOf(objects: readonly (string | Uint8Array)[], trailer = ""): Buffer {
  const parts: Buffer[] = [Buffer.from("%PDF-1.4\n")];
  const offsets: number[] = [];
  let length = parts[0]?.length ?? 0;
  for (const [at, object] of objects.entries()) {
    const whole = Buffer.concat([
      Buffer.from(`${at + 1} 0 obj\n`),
      Buffer.from(object),
      Buffer.from("\nendobj\n"),
    ]);
    offsets.push(length);
    length += whole.length;
    parts.push(whole);
  }
  const rows = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const size = objects.length + 1;
  const xref = `xref\n0 ${size}\n0000000000 65535 f \n${rows}`;
  const end = `trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`;
  return Buffer.concat([...parts, Buffer.from(xref + end)]);
}

export function streamObject(content: Uint8Array, more = ""): Buffer {
  const head = `<< /Length ${content.length} ${more} >>\nstream\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.from("\nendstream")]);
}

/** With more objects from the sixth on. */
export function onePage(content: Uint8Array, more: readonly string[] = [], trailer = ""): Buffer {
  const page = "/MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>";
  return pdfOf(
    [
      "<< /Type /Catalog /Pages 2 0 R >>",
      "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      `<< /Type /Page /Parent 2 0 R ${page} >>`,
      content,
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
      ...more,
    ],
    trailer,
  );
}

/** The stream of a page that says this. */
export function pageSaying(text: string): Buffer {
  return streamObject(Buffer.from(`BT /F1 12 Tf 72 700 Td (${text}) Tj ET`));
}

/** A zip file of these entries. */
export function zipOf(entries: Readonly<Record<string, string | Uint8Array>>, flags = 0, method = 8): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const bytes = Buffer.from(content);
    const packed = method === 8 ? deflateRawSync(bytes, { level: 9 }) : bytes;
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(method, 8);
    head.writeUInt32LE(packed.length, 18);
    head.writeUInt32LE(bytes.length, 22);
    head.writeUInt16LE(name.length, 26);
    const row = Buffer.alloc(46);
    row.writeUInt32LE(0x02014b50, 0);
    row.writeUInt16LE(flags, 8);
    row.writeUInt16LE(method, 10);
    row.writeUInt32LE(packed.length, 20);
    row.writeUInt32LE(bytes.length, 24);
    row.writeUInt16LE(name.length, 28);
    row.writeUInt32LE(offset, 42);
    directory.push(row, Buffer.from(name));
    parts.push(head, Buffer.from(name), packed);
    offset += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  const rows = Buffer.concat(directory);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(entries).length, 8);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(rows.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, rows, end]);
}

/** Paragraphs of WordprocessingML. */
function wordBody(body: string): string {
  return `<?xml version="1.0"?><w:document xmlns:w="w"><w:body>${body}</w:body></w:document>`;
}

export function wordOf(body: string, more: Readonly<Record<string, string>> = {}): Buffer {
  return zipOf({ "[Content_Types].xml": "<Types/>", "word/document.xml": wordBody(body), ...more });
}
