/** In what encoding a text is: by its first bytes, as file(1) tells it. */
import { isAscii } from "node:buffer";
import { OperoneError } from "../../../src/kernel/error.ts";

/** IANA name in lower case; undefined: it is no text. */
export function detectedEncoding(head: Uint8Array, whole: boolean): string | undefined {
  const marked = byMark(head);
  if (marked !== undefined) return marked;
  const wide = wideWithoutMark(head);
  if (wide !== undefined) return wide;
  if (head.some((byte) => !isTextByte(byte))) return undefined;
  if (isAscii(head)) return "us-ascii";
  if (isUtf8(head, whole)) return "utf-8";
  // Latin 1 has no signs there; what Windows puts there has.
  return head.some((byte) => byte >= 0x80 && byte < 0xa0) ? "windows-1252" : "iso-8859-1";
}

function byMark(head: Uint8Array): string | undefined {
  const [a, b, c, d] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? undefined : "utf-16le";
  return a === 0xfe && b === 0xff ? "utf-16be" : undefined;
}

/** Nearly every other byte is 0, and none of the ones between. */
function wideWithoutMark(head: Uint8Array): string | undefined {
  const pairs = Math.floor(head.length / 2);
  const zeros = [0, 0];
  for (let at = 0; at < pairs * 2; at++) if (head[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (pairs < 4 || Math.min(even, odd) > 0) return undefined;
  if (odd > pairs * 0.7) return "utf-16le";
  return even > pairs * 0.7 ? "utf-16be" : undefined;
}

/** The control signs that texts have: as file(1) takes them, BEL to CR without VT, and ESC. */
function isTextByte(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : (byte >= 0x07 && byte <= 0x0d && byte !== 0x0b) || byte === 0x1b;
}

function isUtf8(head: Uint8Array, whole: boolean): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: !whole });
    return true;
  } catch {
    return false;
  }
}

/** Text as it comes. A mark at its beginning is no part of it. */
export async function* decoded(
  chunks: AsyncIterable<Uint8Array>,
  encoding: string,
): AsyncGenerator<string, void, undefined> {
  let decoder = decoderOf(encoding);
  let ascii = encoding === "us-ascii";
  for await (const chunk of chunks) {
    if (ascii && !isAscii(chunk)) {
      // What comes only later decides now.
      ascii = false;
      decoder = decoderOf(detectedEncoding(chunk, false) ?? "utf-8");
    }
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield text;
  }
  const rest = decoder.decode();
  if (rest !== "") yield rest;
}

/** @throws OperoneError `invalid_input` for one that is not known */
export function decoderOf(encoding: string): TextDecoder {
  try {
    // Whether it is known is asked by trying it.
    return new TextDecoder((encoding === "us-ascii" ? "utf-8" : encoding) as Bun.Encoding);
  } catch {
    throw new OperoneError(
      "invalid_input",
      `The encoding ${JSON.stringify(encoding)} is not known here; write its IANA name, for example "iso-8859-2"`,
    );
  }
}
