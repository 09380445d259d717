/** JSON: what stands at its top, each with its lines; and documents that are a line each. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { JsonScanner } from "./json-scanner.ts";
import { LineCount } from "./line-count.ts";
import { factsOf, type Parser, type Part, texts, wholeText } from "./parser.ts";
import { linesOf } from "./text-lines.ts";
import { deeper, jsonDepthMax } from "./value-depth.ts";

/** Larger values come as their text, in pieces. */
const valueLengthMax = 65_536;

export const json: Parser = async function* (input) {
  const text = await wholeText(input);
  const scanner = new JsonScanner(text);
  yield factsOf(input, {});
  const lines = new LineCount(text);
  let values = 0;
  for (const { pointer, start, end } of scanner.members()) {
    const lineStart = lines.at(start);
    const place = { pointer, lineStart, lineEnd: lines.at(end) };
    values += 1;
    yield valuePart(text.slice(start, end), place);
  }
  yield { counted: { rows: values, lines: lines.at(text.trimEnd().length) } };
};

export const ndjson: Parser = async function* (input) {
  yield factsOf(input, {});
  let rows = 0;
  let lines = 0;
  for await (const batch of linesOf(texts(input), true)) {
    for (const { number, text } of batch) {
      lines = number;
      if (text.trim() === "") continue;
      rows += 1;
      yield valuePart(text, { lineStart: number, lineEnd: number, rowStart: rows });
    }
  }
  yield { counted: { rows, lines } };
};

interface Position {
  readonly pointer?: string;
  readonly lineStart: number;
  readonly lineEnd: number;
  readonly rowStart?: number;
}

function valuePart(text: string, place: Position): Part {
  const value = parsed(text, place.lineStart);
  if (text.length > valueLengthMax) return { block: { kind: "value", ...place, text } };
  return { block: { kind: "value", ...place, value } };
}

function parsed(text: string, line: number): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new OperoneError("unsupported_media", `What begins at line ${line} is no JSON; it may be cut off`);
  }
  if (!deeper(value, jsonDepthMax)) return value;
  throw new OperoneError(
    "unsupported_media",
    `What begins at line ${line} is nested deeper than the ${jsonDepthMax} levels that are read`,
  );
}
