/** A document as people see it at a terminal. */
import type { CliOutput } from "../../../src/kernel/operation.ts";
import { visible } from "../../../src/kernel/plain-text.ts";
import type { Block, DocumentFacts, ParseItem } from "./shapes.ts";

/** Facts, then each block below the place where it stands, for whoever wants to cite it. */
export function itemText(item: ParseItem): CliOutput {
  if ("document" in item) return { stdout: factLines(item.document) };
  if ("block" in item) return { stdout: `\n${placeLine(item.block)}${blockText(item.block)}\n` };
  if (!item.summary.truncated) return {};
  return { stderr: "operone: a limit was reached; --rows-max and --text-length-max show more\n" };
}

function factLines({ columns, pdf, ...facts }: DocumentFacts): string {
  const pairs = Object.entries({ ...facts, ...pdf });
  const lines = pairs.map(([name, value]) => `${name}: ${shown(String(value)).replaceAll("\n", " ")}\n`);
  const table = (columns ?? []).map(({ name, type }) => `column: ${shown(name)} (${type})\n`);
  return [...lines, ...table].join("");
}

function placeLine({ page, pointer, rows, rowStart, lineStart, lineEnd, part }: Block): string {
  const span = (what: string, from: number, to = from) =>
    from === to ? `${what} ${from}` : `${what}s ${from}-${to}`;
  const places = [
    ...(page === undefined ? [] : [span("page", page)]),
    ...(rowStart === undefined ? [] : [span("row", rowStart, rowStart + Math.max(1, rows?.length ?? 1) - 1)]),
    ...(lineStart === undefined ? [] : [span("line", lineStart, lineEnd)]),
    ...(pointer === undefined || pointer === "" ? [] : [shown(pointer)]),
    ...(part === undefined ? [] : [`part ${part}`]),
  ];
  return places.length === 0 ? "" : `[${places.join(", ")}]\n`;
}

function blockText({ kind, level, text, rows, value }: Block): string {
  if (rows !== undefined) return rows.map((row) => row.map(visible).join("\t")).join("\n");
  if (text !== undefined)
    return kind === "heading" ? `${"#".repeat(level ?? 1)} ${visible(text)}` : shown(text);
  return shown(JSON.stringify(value));
}

/** Ends of lines and tabs are text, and nothing else that a terminal would obey. */
function shown(text: string): string {
  return text
    .split("\n")
    .map((line) => line.split("\t").map(visible).join("\t"))
    .join("\n");
}
