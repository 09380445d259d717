/** Bytes as the engine needs them: valid UTF-8. */
import { isUtf8 } from "node:buffer";

/** Stands for a byte that belongs to no character; nobody looks for it. */
const broken = 0x1a;

/** The same where it is sound; else a copy of the same length. The last answer is remembered. */
export function soundCopy(bytes: Buffer): Buffer {
  if (bytes === last.of) return last.sound;
  const sound = isUtf8(bytes) ? bytes : mended(bytes);
  last = { of: bytes, sound };
  return sound;
}

let last: { readonly of: Buffer | undefined; readonly sound: Buffer } = {
  of: undefined,
  sound: Buffer.alloc(0),
};

function mended(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; at < copy.length; ) {
    const length = characterLength(copy, at);
    if (length === 0) copy[at] = broken;
    at += Math.max(1, length);
  }
  return copy;
}

/** Bytes of the character that begins there; 0 for none (RFC 3629). */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}
