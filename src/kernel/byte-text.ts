/**
 * A string of an answer that is held as bytes. Nobody has to decode what only passes by: in JSON it is the string
 * (`toJSON`), while a surface that can carry bytes sends them as they are.
 *
 * ```ts
 * output: v.strictObject({ text: byteText }),
 * run: async function* () { yield { text: new ByteText(chunk, "utf8") }; },
 * ```
 */
import { Buffer } from "node:buffer";
import * as v from "valibot";

/** How the string is made of the bytes. */
export type TextEncoding = "utf8" | "base64";

export class ByteText {
  /**
   * The bytes, piece by piece, as they came: joining them is for whoever needs the whole. Not changed by anybody from
   * now on. With `utf8` whoever makes it has checked that they are.
   */
  readonly parts: readonly Uint8Array[];
  readonly encoding: TextEncoding;

  constructor(bytes: Uint8Array | readonly Uint8Array[], encoding: TextEncoding) {
    this.parts = bytes instanceof Uint8Array ? [bytes] : bytes;
    this.encoding = encoding;
  }

  get lengthBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  toString(): string {
    const [first, ...more] = this.parts;
    if (first === undefined) return "";
    const whole =
      more.length > 0 ? Buffer.concat(this.parts) : Buffer.from(first.buffer, first.byteOffset, first.length);
    return whole.toString(this.encoding);
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Schema of a string in an output, which may be held as bytes. Its JSON Schema is that of a string. */
export const byteText = v.custom<string | ByteText>(
  (value) => typeof value === "string" || value instanceof ByteText,
);

/** How many bytes a string of this encoding stands for, whichever way it is held. */
export function textLength(text: string | ByteText, encoding: TextEncoding): number {
  return text instanceof ByteText ? text.lengthBytes : Buffer.byteLength(text, encoding);
}

/** The bytes that a string of this encoding stands for, whichever way it is held. */
export function partsOfText(text: string | ByteText, encoding: TextEncoding): readonly Uint8Array[] {
  return text instanceof ByteText ? text.parts : [Buffer.from(text, encoding)];
}
