import { expect, test } from "bun:test";
import { readHere, refusedHere, wordOf, zipOf } from "../../../tests/fs/documents.ts";

const says = (text: string, style = "") => `<w:p>${style}<w:r><w:t>${text}</w:t></w:r></w:p>`;
const styled = (name: string) => `<w:pPr><w:pStyle w:val="${name}"/></w:pPr>`;

test("a Word document gives its properties, headings, lists and tables", async () => {
  const list = "<w:pPr><w:numPr/></w:pPr>";
  const cell = (text: string) => `<w:tc>${says(text)}</w:tc>`;
  const inner = `<w:tbl><w:tr>${cell("deep")}</w:tr></w:tbl>`;
  const table = `<w:tbl><w:tr>${cell("a")}${cell("b")}</w:tr><w:tr>${cell("c")}<w:tc>${inner}</w:tc></w:tr></w:tbl>`;
  const body = `${says("Head", styled("Heading2"))}${says("Name", styled("Title"))}${says("item", list)}${table}<w:p><w:r><w:t>a</w:t><w:tab/><w:br/><w:t>b &amp; c</w:t></w:r></w:p>`;
  const core =
    "<p><dc:title>W</dc:title><dc:creator>Ann</dc:creator><dcterms:created>2024-01-31T12:00:00Z</dcterms:created></p>";
  const more = { "docProps/core.xml": core, "docProps/app.xml": "<p><Pages>3</Pages></p>" };
  const { document, blocks, summary } = await readHere("a.docx", wordOf(body, more));
  expect(document).toMatchObject({ kind: "docx", title: "W", author: "Ann", pages: 3 });
  expect(document?.created).toBe("2024-01-31T12:00:00Z");
  expect(blocks).toEqual([
    { kind: "heading", level: 2, text: "Head" },
    { kind: "heading", level: 1, text: "Name" },
    { kind: "list", text: "item" },
    {
      kind: "table",
      rows: [
        ["a", "b"],
        ["c", "deep"],
      ],
    },
    { kind: "paragraph", text: "a\t\nb & c" },
  ]);
  expect(summary).toMatchObject({ blocks: 5, truncated: false });
});

test("many paragraphs come each once, with their pages where Word has noted them", async () => {
  const broken = `<w:p><w:r><w:lastRenderedPageBreak/><w:t>next</w:t></w:r></w:p>`;
  const body = Array.from({ length: 30 }, (_, at) => says(`${at}`)).join("");
  const { blocks } = await readHere("a.docx", wordOf(body + broken));
  expect(blocks.map(({ text }) => text)).toEqual([...Array.from({ length: 30 }, (_, at) => `${at}`), "next"]);
  expect([blocks.at(-2)?.page, blocks.at(-1)?.page]).toEqual([1, 2]);
});

test("a Word document is known by what is in it, and packed or not", async () => {
  expect((await readHere("a", wordOf(says("x")))).document?.kind).toBe("docx");
  const stored = zipOf({ "word/document.xml": `<w:document>${says("x")}</w:document>` }, 0, 0);
  expect((await readHere("a.docx", stored)).blocks).toEqual([{ kind: "paragraph", text: "x" }]);
});

test("a Word document that is a bomb is refused before it is unpacked", async () => {
  const bomb = zipOf({ "word/document.xml": Buffer.alloc(140 * 2 ** 20, "a") });
  expect(bomb.length).toBeLessThan(2 ** 20);
  expect(await refusedHere("a.docx", bomb)).toStartWith('too_large: "word/document.xml"');
});

test("a Word document that declares entities of its own or elsewhere is refused", async () => {
  const laughs = '<!DOCTYPE w [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><w:document>&b;</w:document>';
  const outside = '<!DOCTYPE w SYSTEM "file:///etc/passwd"><w:document>&x;</w:document>';
  for (const xml of [laughs, outside]) {
    const bytes = zipOf({ "word/document.xml": xml });
    expect(await refusedHere("a.docx", bytes)).toStartWith("unsupported_media: The document declares");
    const inCore = wordOf(says("x"), { "docProps/core.xml": xml });
    expect(await refusedHere("a.docx", inCore)).toStartWith("unsupported_media: The document declares");
  }
});

test("a Word document that is nested without end is refused", async () => {
  expect(await refusedHere("a.docx", wordOf("<w:p>".repeat(300)))).toContain("nested deeper than 256");
});

test("a zip file that is broken in any way is refused, and says how", async () => {
  const whole = wordOf(says("x"));
  const changed = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole);
    change(bytes);
    return bytes;
  };
  const packed = whole.indexOf("word/document.xml") + "word/document.xml".length;
  const row = whole.lastIndexOf("PK\x01\x02");
  const end = whole.lastIndexOf("PK\x05\x06");
  const cases: readonly (readonly [Buffer, string])[] = [
    [zipOf({ "a/b": "x" }), "word/document.xml is missing"],
    [zipOf({ "word/document.xml": "x" }, 1), "it is encrypted"],
    [zipOf({ "word/document.xml": "x" }, 0, 12), "does not use"],
    [whole.subarray(0, end), "its directory is missing"],
    [changed((bytes) => bytes.writeUInt16LE(20_000, end + 10)), "more than 10000 entries"],
    [changed((bytes) => bytes.writeUInt32LE(0xffff_fff0, end + 16)), "it is cut off"],
    [changed((bytes) => bytes.writeUInt32LE(7, row)), "its directory is damaged"],
    [changed((bytes) => bytes.fill(0xff, packed, packed + 20)), "cannot be unpacked"],
    [changed((bytes) => bytes.writeUInt32LE(3, row + 42)), "not where it should be"],
  ];
  for (const [bytes, why] of cases) {
    const said = await refusedHere("a.docx", bytes);
    expect(said).toStartWith("unsupported_media: ");
    expect(said).toContain(why);
  }
});

test("a table that is too long for one message comes in parts", async () => {
  const row = `<w:tr><w:tc>${says("x".repeat(50_000))}</w:tc></w:tr>`;
  const { blocks } = await readHere("a.docx", wordOf(`<w:tbl>${row.repeat(5)}</w:tbl>`));
  expect(blocks.map(({ rows, part }) => [rows?.length, part])).toEqual([
    [2, 1],
    [2, 2],
    [1, 3],
  ]);
});
