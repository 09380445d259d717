import { expect, test } from "bun:test";
import { readHere } from "../../../tests/fs/documents.ts";

test("a page gives what its head says, and its blocks with their lines", async () => {
  const text = `<!DOCTYPE html>
<html lang="de"><head><title>T &amp;
 U</title>
<meta name="author" content="Ann"><meta name="Description" content=" about  it ">
<meta name="keywords" content=""><meta http-equiv="last-modified" content="2024-01-31">
<style>p { color: red }</style></head>
<body><script>alert("no")</script>
<h2>Eins
zwei</h2>
<ul><li>drei</li></ul><p>vier<br>f&uuml;nf</p>
<pre>  let a;
  let b;
</pre><table><tr><td>z</td></tr></table>
tail</body></html>
`;
  const { document, blocks, summary } = await readHere("a.html", text);
  expect(document).toEqual({
    ...{ kind: "html", mediaType: "text/html", encoding: "us-ascii", title: "T & U", author: "Ann" },
    ...{ subject: "about it", modified: "2024-01-31", language: "de" },
  });
  expect(blocks).toEqual([
    { kind: "heading", level: 2, text: "Eins zwei", lineStart: 8, lineEnd: 9 },
    { kind: "list", text: "drei", lineStart: 10, lineEnd: 10 },
    { kind: "paragraph", text: "vier fünf", lineStart: 10, lineEnd: 10 },
    { kind: "code", text: "  let a;\n  let b;", lineStart: 11, lineEnd: 12 },
    { kind: "table", text: "z", lineStart: 13, lineEnd: 13 },
    { kind: "paragraph", text: "tail", lineStart: 14, lineEnd: 14 },
  ]);
  expect(summary).toEqual({ blocks: 6, lines: 14, truncated: false });
});

test("the language of a page that does not say it is told from its words", async () => {
  const words =
    "Der schnelle braune Fuchs springt über den faulen Hund und läuft dann wieder in den Wald zurück.";
  const page = Array.from({ length: 25 }, () => `<p>${words}</p>`).join("\n");
  const { document, blocks } = await readHere("a.html", page);
  expect(document?.language).toBe("de");
  expect(blocks.map(({ lineStart }) => lineStart)).toEqual(Array.from({ length: 25 }, (_, at) => at + 1));
  expect(
    (await readHere("a.html", '<meta http-equiv="content-language" content="fr"><p>x')).document,
  ).toMatchObject({
    language: "fr",
  });
});

test("what a page says of its encoding counts where its bytes leave a choice", async () => {
  const page = (charset: string) => Buffer.from(`<meta charset="${charset}"><p>\xb1</p>`, "latin1");
  const second = await readHere("a.html", page("iso-8859-2"));
  expect([second.document?.encoding, second.blocks[0]?.text]).toEqual(["iso-8859-2", "ą"]);
  const first = await readHere("a.html", page("iso-8859-1"));
  expect([first.document?.encoding, first.blocks[0]?.text]).toEqual(["iso-8859-1", "±"]);
  expect((await readHere("a.html", page("no-such"))).document?.encoding).toBe("iso-8859-1");
  const utf8 = await readHere("a.html", '<meta charset="iso-8859-2"><p>±</p>');
  expect([utf8.document?.encoding, utf8.blocks[0]?.text]).toEqual(["utf-8", "±"]);
  const strict = await readHere("a.xhtml", '<?xml version="1.0" encoding="utf-8"?><html><body>x');
  expect(strict.document?.mediaType).toBe("application/xhtml+xml");
});

test("a million nested elements and a long text without an end are read", async () => {
  const deep = await readHere("a.html", `${"<div>".repeat(1_000_000)}x`);
  expect(deep.blocks).toEqual([{ kind: "paragraph", text: "x", lineStart: 1, lineEnd: 1 }]);
  const long = await readHere("a.html", "&amp;a".repeat(200_000));
  expect(long.blocks.map(({ text }) => text).join("")).toBe("&a".repeat(200_000));
  expect(long.blocks.length).toBeGreaterThan(5);
}, 30_000);
