/**
 * Names as text. A name on Linux is bytes, and nearly always UTF-8. Where it is not, each byte that belongs to no
 * character is written as one of U+F780 to U+F7FF (its low eight bits are the byte), which are nobody's characters; where
 * such a character is really in a name, its bytes are written so too. So every name has one text, and every text at most
 * one name; and the text is well-formed, as JSON and the mesh need it.
 */
import { Buffer } from "node:buffer";

const escapeBase = 0xf700;
const escapes = /[\uf780-\uf7ff]/;
const escapesAll = /[\uf780-\uf7ff]/g;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** What the bytes of a name, or of a path, are called. */
export function textOfName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes).replace(escapesAll, (sign) => escaped(encoder.encode(sign)));
  } catch {
    return textOfBroken(bytes);
  }
}

/** The bytes that are meant. */
export function bytesOfName(text: string): Uint8Array {
  if (!escapes.test(text)) return encoder.encode(text);
  const parts = Array.from(text, (sign) =>
    escapes.test(sign) ? new Uint8Array([sign.charCodeAt(0) & 0xff]) : encoder.encode(sign),
  );
  return Buffer.concat(parts);
}

/** What system calls take: the text as it is, or its bytes where it stands for such. */
export function systemName(text: string): string | Buffer {
  return escapes.test(text) ? Buffer.from(bytesOfName(text)) : text;
}

/** Whether the text is what its own bytes are called; any other spelling would be a second text for one name. */
export function isNameText(text: string): boolean {
  return !escapes.test(text) || textOfName(bytesOfName(text)) === text;
}

function escaped(bytes: Uint8Array): string {
  return String.fromCharCode(...Array.from(bytes, (byte) => escapeBase | byte));
}

/** Character by character: the longest that is one, else one byte. */
function textOfBroken(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    const part = bytes.subarray(at, at + Math.max(1, length));
    text += length === 0 ? escaped(part) : textOfName(part);
    at += part.length;
  }
  return text;
}

/** Bytes of the character that begins there; 0 for none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    decoder.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
