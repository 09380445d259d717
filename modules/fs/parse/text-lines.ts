/** Lines of a text as it comes. */
import { OperoneError } from "../../../src/kernel/error.ts";

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end. */
  readonly text: string;
}

/** What a line may have before it is given in pieces, with one number. */
const lineLengthMax = 1024 * 1024;

/**
 * @param whole a line that is longer is an error, and not given in pieces
 * @throws OperoneError `too_large`
 */
export async function* linesOf(
  texts: AsyncIterable<string>,
  whole = false,
): AsyncGenerator<readonly Line[], void, undefined> {
  let rest = "";
  let number = 1;
  for await (const text of texts) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    const lines = parts.map((part, at) => ({ number: number + at, text: withoutReturn(part) }));
    number += parts.length;
    const long = lines.find((line) => line.text.length > lineLengthMax);
    if (whole && (long !== undefined || rest.length > lineLengthMax)) throw tooLong(long?.number ?? number);
    if (rest.length > lineLengthMax) {
      lines.push({ number, text: rest });
      rest = "";
    }
    if (lines.length > 0) yield lines;
  }
  if (rest !== "") yield [{ number, text: withoutReturn(rest) }];
}

function withoutReturn(text: string): string {
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}

function tooLong(line: number): OperoneError {
  return new OperoneError(
    "too_large",
    `Line ${line} is longer than the ${lineLengthMax} characters that a line of this kind may have`,
  );
}
