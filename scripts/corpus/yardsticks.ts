/** What pdfinfo (poppler) and file(1) say of documents. */

import type { Fields } from "./comparison.ts";
import { said } from "./packages.ts";

const pdfNames: Readonly<Record<string, string>> = {
  Title: "title",
  Author: "author",
  Subject: "subject",
  Keywords: "keywords",
  Creator: "creator",
  Producer: "producer",
  CreationDate: "created",
  ModDate: "modified",
  Pages: "pages",
  "PDF version": "version",
};

/** Undefined: it cannot read it either. */
export function pdfFacts(path: string): Fields | undefined {
  let text: string;
  try {
    text = said(["pdfinfo", "-isodates", "-enc", "UTF-8", path]);
  } catch {
    return undefined;
  }
  const fields: Record<string, string | undefined> = {};
  let last = "";
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^([A-Z][A-Za-z ]{1,15}):(?: +(.*))?$/.exec(line) ?? [];
    if (name === "Encrypted") fields.encrypted = value.startsWith("yes") ? "yes" : "no";
    else if (name === "Page size") fields.pageSize = pageSize(value);
    else if (name === "Page rot") fields.pageRotation = value;
    else if (Object.hasOwn(pdfNames, name)) fields[pdfNames[name] ?? ""] = plain(value);
    // A text goes on in the next line.
    else if (name === "" && Object.hasOwn(pdfNames, last)) {
      const field = pdfNames[last] ?? "";
      fields[field] = plain(`${fields[field] ?? ""} ${line}`);
      continue;
    }
    last = name;
  }
  fields.created = instant(fields.created);
  fields.modified = instant(fields.modified);
  return fields;
}

/** `612 x 792 pts (letter)`, to the point. */
function pageSize(value: string): string | undefined {
  const [, width, height] = /^([\d.]+) x ([\d.]+) pts/.exec(value) ?? [];
  return width === undefined ? undefined : sizeText(Number(width), Number(height));
}

export function sizeText(width: number, height: number): string {
  return `${Math.round(width)} x ${Math.round(height)}`;
}

/** Spaces differ by program; a text of nothing else is none. */
export function plain(text: string | undefined): string | undefined {
  const one = text?.replace(/\s+/g, " ").trim();
  return one === "" ? undefined : one;
}

/** ISO 8601 of the same instant, whatever the zone; a time without a zone is taken for UTC. */
export function instant(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const zoned = /(Z|[+-]\d\d(:?\d\d)?)$/.test(text) ? text.replace(/([+-]\d\d)$/, "$1:00") : `${text}Z`;
  const time = new Date(zoned);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** By path: the media type and the encoding. */
export function fileFacts(paths: readonly string[]): ReadonlyMap<string, { type: string; encoding: string }> {
  if (paths.length === 0) return new Map();
  const argv = [
    "file",
    "--no-pad",
    "--separator",
    "\t",
    "--mime-type",
    "--mime-encoding",
    "--files-from",
    "-",
  ];
  const lines = said(argv, undefined, `${paths.join("\n")}\n`).split("\n");
  const facts = lines.flatMap((line) => {
    const [, path, type, encoding] = /^(.*)\t ?([^\s;]+); charset=(\S+)$/.exec(line) ?? [];
    return path === undefined || type === undefined || encoding === undefined
      ? []
      : [[path, { type, encoding }] as const];
  });
  return new Map(facts);
}
