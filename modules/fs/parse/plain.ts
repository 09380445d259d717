/** Text without a form, and sources: paragraphs and sections with their lines. */
import { factsOf, type Parser, type Part, sampleOf, texts } from "./parser.ts";
import { textLanguage } from "./text-language.ts";
import { type Line, linesOf } from "./text-lines.ts";

const blockLinesMax = 200;
const sectionLinesMin = 20;

export const text: Parser = async function* (input) {
  yield factsOf(input, { language: textLanguage(await sampleOf(input)) });
  yield* grouped(linesOf(texts(input)), "paragraph", (lines) => lines.length >= blockLinesMax);
};

/** A section ends at an empty line before one that is not indented, when it is long enough. */
export const code: Parser = async function* (input) {
  yield factsOf(input, {});
  const language = input.kind.programmingLanguage;
  yield* grouped(
    linesOf(texts(input)),
    "code",
    (lines, next) =>
      lines.length >= blockLinesMax ||
      (lines.length >= sectionLinesMin && lines.at(-1)?.text.trim() === "" && /^\S/.test(next.text)),
    language === undefined ? {} : { language },
  );
};

async function* grouped(
  batches: AsyncIterable<readonly Line[]>,
  kind: "paragraph" | "code",
  full: (lines: readonly Line[], next: Line) => boolean,
  more: { readonly language?: string } = {},
): AsyncGenerator<Part, void, undefined> {
  let lines: Line[] = [];
  let length = 0;
  let last = 0;
  const block = (): Part => ({ block: { kind, ...linesBlock(lines), ...more } });
  for await (const batch of batches) {
    for (const line of batch) {
      last = line.number;
      const blank = kind === "paragraph" && line.text.trim() === "";
      if (lines.length > 0 && (blank || length > pieceLength || full(lines, line))) {
        yield block();
        lines = [];
        length = 0;
      }
      if (blank || (lines.length === 0 && line.text.trim() === "")) continue;
      lines.push(line);
      length += line.text.length;
    }
  }
  if (lines.length > 0) yield block();
  yield { counted: { lines: last } };
}

const pieceLength = 65_536;

export function linesBlock(lines: readonly Line[]) {
  return {
    text: lines.map((line) => line.text).join("\n"),
    lineStart: lines[0]?.number ?? 1,
    lineEnd: lines.at(-1)?.number ?? 1,
  };
}
