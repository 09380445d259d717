/** PDF: its facts, and its text page by page. */
import { getDocumentProxy } from "unpdf";
import { OperoneError } from "../../../src/kernel/error.ts";
import { factsOf, type Parser, wholeBytesMax } from "./parser.ts";
import { textLanguage } from "./text-language.ts";

type Info = Readonly<Record<string, unknown>>;
type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>;

export const pdf: Parser = async function* (input) {
  const document = await opened(await input.source.whole(wholeBytesMax));
  const info = (await document.getMetadata()).info as Info;
  const marks = await document.getMarkInfo();
  const first = await document.getPage(1);
  const [left = 0, bottom = 0, right = 0, top = 0] = first.view;
  const wanted = chosenPages(input.request.pages, document.numPages);
  const sample = wanted[0] === undefined ? "" : await pageText(document, wanted[0]);
  yield factsOf(input, {
    title: words(info.Title),
    author: words(info.Author),
    subject: words(info.Subject),
    keywords: words(info.Keywords),
    created: time(info.CreationDate),
    modified: time(info.ModDate),
    language: words(info.Language) ?? textLanguage(sample),
    pages: document.numPages,
    pdf: {
      ...named("version", words(info.PDFFormatVersion)),
      ...named("creator", words(info.Creator)),
      ...named("producer", words(info.Producer)),
      encrypted: typeof info.EncryptFilterName === "string",
      tagged: marks?.Marked === true,
      linearized: info.IsLinearized === true,
      form: info.IsXFAPresent === true ? "xfa" : info.IsAcroFormPresent === true ? "acroform" : "none",
      pageWidth: rounded(right - left),
      pageHeight: rounded(top - bottom),
      pageRotation: first.rotate,
    },
  });
  for (const [at, page] of wanted.entries()) {
    const text = at === 0 ? sample : await pageText(document, page);
    yield { block: { kind: "page", page, text } };
  }
  yield { counted: { pages: wanted.length } };
};

/** @throws OperoneError `unsupported_media` */
async function opened(bytes: Uint8Array): Promise<Pdf> {
  try {
    return await getDocumentProxy(bytes, { verbosity: 0, useSystemFonts: false });
  } catch (error) {
    if (error instanceof Error && error.name === "PasswordException") {
      throw new OperoneError(
        "unsupported_media",
        "The PDF is encrypted, and opens with a password alone; save it without one first",
      );
    }
    if (error instanceof RangeError) throw error;
    throw new OperoneError(
      "unsupported_media",
      "It is no PDF that can be read; it may be damaged or cut off",
    );
  }
}

async function pageText(document: Pdf, number: number): Promise<string> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  const text = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
  page.cleanup();
  return text.trimEnd();
}

const pagesMax = 1_000_000;

/** "1-3,7,20-" of so many. @throws OperoneError `range` when none of them is there */
export function chosenPages(text: string | undefined, count: number): readonly number[] {
  const chosen = new Set<number>();
  for (const part of (text ?? "1-").split(",")) {
    const [from = "", to] = part.split("-");
    const last = to === undefined ? Number(from) : to === "" ? count : Number(to);
    for (let page = Math.max(1, Number(from)); page <= Math.min(last, count, pagesMax); page++)
      chosen.add(page);
  }
  if (chosen.size === 0) throw new OperoneError("range", `The PDF has ${count} pages, and none of "${text}"`);
  return [...chosen].sort((one, other) => one - other);
}

function words(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function named<Name extends string>(name: Name, value: string | undefined) {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]: string });
}

function rounded(points: number): number {
  return Math.round(points * 1_000) / 1_000;
}

/** `D:20240131120000+01'00'` (ISO 32000, 7.9.4) as ISO 8601; what is no such time is left out. */
export function time(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const form = /^(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?/;
  const found = form.exec(value);
  if (found === null) return undefined;
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00", utc, sign, off, more] =
    found;
  const zone = utc ?? (sign === undefined ? "" : `${sign}${off}:${more ?? "00"}`);
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${zone.startsWith("Z") ? "Z" : zone}`;
}
