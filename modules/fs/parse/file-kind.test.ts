import { expect, test } from "bun:test";
import { readHere, refusedHere } from "../../../tests/fs/documents.ts";

test("what a document is, its bytes say before its name", async () => {
  const kinds: readonly (readonly [string, string, string])[] = [
    ["a.md", "# x", "markdown"],
    ["a.TSV", "a\tb", "tsv"],
    ["a.geojson", "{}", "json"],
    ["a.ndjson", "{}", "ndjson"],
    ["page", "<!-- x --><!DOCTYPE html><p>x", "html"],
    ["page", "  <html>", "html"],
    ["notes", "text", "text"],
    ["a.txt", "<html>", "text"],
  ];
  for (const [name, text, kind] of kinds)
    expect((await readHere(name, text)).document?.kind).toBe(kind as "pdf");
  expect((await readHere("a.txt", "a,b\nc,d\n", { kind: "csv" })).document?.kind).toBe("csv");
  expect(await refusedHere("a.txt", "%PDF-1.4")).toContain("no PDF that can be read");
});

test("what is none of the kinds is refused by its name", async () => {
  const others: readonly (readonly [string | Buffer, string])[] = [
    [Buffer.from("\x89PNG\r\n", "latin1"), "a PNG image"],
    [Buffer.from([0x1f, 0x8b, 8, 0]), "gzip data"],
    ["PK\x03\x04 nothing of Office", "a zip archive"],
    [Buffer.from("\xd0\xcf\x11\xe0", "latin1"), "an old or encrypted Office document"],
    [Buffer.alloc(1_000), "no text"],
    [Buffer.from([0xff, 0xfe, 0, 0]), "no text"],
  ];
  for (const [bytes, what] of others) {
    const said = await refusedHere("a.txt", bytes);
    expect(said).toStartWith("unsupported_media: ");
    expect(said).toContain(what);
  }
  expect(await refusedHere("a.pdf", "words", { kind: "pdf" })).toContain("no PDF");
});

test("texts are read in the encoding that they have, and facts name it", async () => {
  const wide = (text: string, mark = "") => Buffer.from(mark + text, "utf16le");
  const texts: readonly (readonly [Uint8Array | string, string, string])[] = [
    ["plain", "us-ascii", "plain"],
    ["é", "utf-8", "é"],
    ["\ufeffé", "utf-8", "é"],
    [wide("text é", "\ufeff"), "utf-16le", "text é"],
    [wide("text of it"), "utf-16le", "text of it"],
    [wide("text é", "\ufeff").swap16(), "utf-16be", "text é"],
    [wide("text of it").swap16(), "utf-16be", "text of it"],
    [Buffer.from("caf\xe9", "latin1"), "iso-8859-1", "café"],
    [Buffer.from("\x93caf\xe9\x94", "latin1"), "windows-1252", "“café”"],
    // Cut in a character, and a byte that never is in UTF-8.
    [Buffer.from("a\xe2\x82", "latin1"), "windows-1252", "aâ‚"],
  ];
  for (const [bytes, encoding, text] of texts) {
    const { document, blocks } = await readHere("a.txt", bytes);
    expect([document?.encoding, blocks[0]?.text]).toEqual([encoding, text]);
  }
  const asked = await readHere("a.txt", Buffer.from("\xb1", "latin1"), { encoding: "ISO-8859-2" });
  expect([asked.document?.encoding, asked.blocks[0]?.text]).toEqual(["iso-8859-2", "ą"]);
  expect(await refusedHere("a.txt", "x", { encoding: "klingon" })).toStartWith("invalid_input: The encoding");
});

test("what comes only far behind the beginning is read as what it is", async () => {
  const ascii = `${"x".repeat(99)}\n`.repeat(1_000);
  const utf8 = await readHere("a.txt", `${ascii}\n€`);
  expect(utf8.blocks.at(-1)?.text).toBe("€");
  const latin = await readHere("a.txt", Buffer.from(`${ascii}\ncaf\xe9 `, "latin1"));
  expect(latin.blocks.at(-1)?.text).toBe("café ");
  const broken = await readHere(
    "a.txt",
    Buffer.concat([Buffer.from(`é${ascii}`), Buffer.from([0x0a, 0xff])]),
  );
  expect(broken.blocks.at(-1)?.text).toBe("\ufffd");
});

test("kinds that are read whole have a limit", async () => {
  const large = Buffer.alloc(129 * 2 ** 20, " ");
  expect(await refusedHere("a.json", large)).toStartWith("too_large: ");
});
