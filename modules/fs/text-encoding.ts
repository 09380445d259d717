/** Which characters the bytes of a file are. */
import { isUtf8 } from "node:buffer";

/** As the WHATWG names them. */
export const encodings = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;
export type Encoding = (typeof encodings)[number];

export interface Detected {
  readonly encoding: Encoding;
  /** Bytes of the mark at the beginning; 0 for none. */
  readonly markBytes: number;
}

/** So much of a file is looked at. */
export const sampleBytes = 64 * 1024;

/**
 * From a mark at the beginning, else from the bytes themselves: zeros in every second place are UTF-16, what is valid UTF-8
 * is that, and what is left is taken for Windows-1252, which most old text of the West is (and ISO 8859-1 within).
 *
 * @param sample the beginning of a file
 * @param isWhole whether there is no more; else its last character may be cut
 * @returns undefined for what is no text
 */
export function detectEncoding(sample: Uint8Array, isWhole: boolean): Detected | undefined {
  const [a, b, c] = sample;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: "utf-8", markBytes: 3 };
  if (a === 0xff && b === 0xfe) return { encoding: "utf-16le", markBytes: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", markBytes: 2 };
  const zeros = zerosIn(sample);
  if (zeros.even + zeros.odd > 0) return unmarkedUtf16(sample.length, zeros);
  if (isUtf8(isWhole ? sample : withoutCut(sample))) return { encoding: "utf-8", markBytes: 0 };
  return hasControls(sample) ? undefined : { encoding: "windows-1252", markBytes: 0 };
}

function zerosIn(sample: Uint8Array): { readonly even: number; readonly odd: number } {
  let [even, odd] = [0, 0];
  for (let at = 0; at < sample.length; at++) {
    if (sample[at] !== 0) continue;
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  return { even, odd };
}

/** Most characters of text in Latin letters have a zero in their upper half, and hardly any in the lower. */
function unmarkedUtf16(length: number, { even, odd }: { even: number; odd: number }): Detected | undefined {
  const pairs = length / 2;
  if (odd > pairs * 0.4 && even < pairs * 0.05) return { encoding: "utf-16le", markBytes: 0 };
  if (even > pairs * 0.4 && odd < pairs * 0.05) return { encoding: "utf-16be", markBytes: 0 };
  return undefined;
}

/** Up to the last character that is there whole. */
function withoutCut(sample: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= sample.length; back++) {
    const byte = sample[sample.length - back] ?? 0;
    if (byte < 0x80) return sample;
    if (byte >= 0xc0) return sample.subarray(0, sample.length - back);
  }
  return sample;
}

/** Control characters that no text has: all but tabs, ends of lines and pages, backspace, escape. */
function hasControls(sample: Uint8Array): boolean {
  return sample.some((byte) => byte < 32 && ![8, 9, 10, 12, 13, 27].includes(byte));
}
