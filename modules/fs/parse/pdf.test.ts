import { expect, test } from "bun:test";
import { onePage, pageSaying, pdfOf, readHere, refusedHere } from "../../../tests/fs/documents.ts";
import { lockedPdf, ownedPdf } from "../../../tests/fs/encrypted-pdfs.ts";
import { chosenPages, time } from "./pdf.ts";

test("a PDF gives its facts and its text by pages", async () => {
  const info =
    "<< /Title (A title) /Author (Ann) /Creator (Hand) /CreationDate (D:20240131120000+01'00') /ModDate (late) >>";
  const bytes = onePage(pageSaying("Hello page"), [info], "/Info 6 0 R");
  const { document, blocks, summary } = await readHere("a.pdf", bytes);
  expect(document).toEqual({
    ...{ kind: "pdf", mediaType: "application/pdf", title: "A title", author: "Ann", pages: 1 },
    created: "2024-01-31T12:00:00+01:00",
    pdf: {
      ...{ version: "1.4", creator: "Hand", encrypted: false, tagged: false, linearized: false },
      ...{ form: "none", pageWidth: 595, pageHeight: 842, pageRotation: 0 },
    },
  });
  expect(blocks).toEqual([{ kind: "page", page: 1, text: "Hello page" }]);
  expect(summary).toEqual({ blocks: 1, pages: 1, truncated: false });
});

test("only the pages that are asked for are read", async () => {
  const page = (content: number) =>
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${content} 0 R /Resources << /Font << /F1 8 0 R >> >> >>`;
  const bytes = pdfOf([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>",
    page(6),
    page(7),
    "<< >>",
    pageSaying("one"),
    pageSaying("two"),
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ]);
  expect((await readHere("a", bytes)).blocks.map(({ text }) => text)).toEqual(["one", "two"]);
  expect((await readHere("a", bytes, { pages: "2-" })).blocks).toEqual([
    { kind: "page", page: 2, text: "two" },
  ]);
  expect(await refusedHere("a", bytes, { pages: "3" })).toStartWith("range: The PDF has 2 pages");
});

test("pages are chosen as people write them", () => {
  expect(chosenPages(undefined, 3)).toEqual([1, 2, 3]);
  expect(chosenPages("7-,2,1-2", 8)).toEqual([1, 2, 7, 8]);
  expect(() => chosenPages("9-12", 8)).toThrow("none of");
});

test("times are what the standard says, and what is none is left out", () => {
  expect(time("D:20240131120000Z")).toBe("2024-01-31T12:00:00Z");
  expect(time("D:2024")).toBe("2024-01-01T00:00:00");
  expect(time("20240131120000-08'30")).toBe("2024-01-31T12:00:00-08:30");
  expect(time("yesterday")).toBeUndefined();
  expect(time(7)).toBeUndefined();
});

test("a PDF with a password is refused, and one that only guards against changes is read", async () => {
  expect(await refusedHere("a.pdf", lockedPdf)).toStartWith("unsupported_media: The PDF is encrypted");
  const { document, blocks } = await readHere("a.pdf", ownedPdf);
  expect(document).toMatchObject({ title: "Locked", pdf: { encrypted: true } });
  expect(blocks.map(({ text }) => text)).toEqual(["Secret text"]);
});

test("a PDF that is damaged, cut off, or refers to itself is refused", async () => {
  const whole = onePage(pageSaying("x"));
  for (const bytes of [
    "%PDF-1.4\n1 0 obj\n<< /Type",
    "%PDF-1.4\ntrailer\n<< /Prev 9 /Root 1 0 R >>\nstartxref\n9\n%%EOF",
    whole.subarray(0, 60),
  ]) {
    expect(await refusedHere("a.pdf", bytes)).toStartWith("unsupported_media: ");
  }
});
