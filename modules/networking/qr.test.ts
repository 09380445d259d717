import { expect, test } from "bun:test";
import fc from "fast-check";
import jsQR from "jsqr";
import { qrLines } from "./qr.ts";

/** The characters as a camera would see them on a dark terminal: RGBA, `scale` pixels a module. */
function photograph(
  lines: readonly string[],
  scale = 4,
): { data: Uint8ClampedArray; width: number; height: number } {
  const width = (lines[0]?.length ?? 0) * scale;
  const height = lines.length * 2 * scale;
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const row = Math.floor(y / scale);
      const sign = lines[row >> 1]?.[Math.floor(x / scale)] ?? " ";
      const lit = sign === "█" || sign === (row % 2 === 0 ? "▀" : "▄");
      data.fill(lit ? 255 : 0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return { data, width, height };
}

function read(lines: readonly string[]): string | undefined {
  const { data, width, height } = photograph(lines);
  return jsQR(data, width, height)?.data;
}

const sign = fc.constantFrom(..."0123456789abcdefghjkmnpqrstvwxyz");

test("what a camera reads is the code, in capitals", () => {
  fc.assert(
    fc.property(fc.string({ unit: sign, minLength: 100, maxLength: 250 }), (tail) => {
      const code = `operone1${tail}`;
      expect(read(qrLines(code))?.toLowerCase()).toBe(code);
    }),
    { numRuns: 5 },
  );
});

test("four white modules surround it on every side, and it fits into 80 columns", () => {
  const lines = qrLines(`operone1${"7k".repeat(95)}`);
  const width = lines[0]?.length ?? 0;
  expect(width).toBeLessThanOrEqual(80);
  expect(lines.every((line) => line.length === width)).toBe(true);
  for (const line of [lines[0], lines[1]]) expect(line).toBe("█".repeat(width));
  expect(lines.at(-2)).toBe("█".repeat(width));
  for (const line of lines.slice(0, -1)) expect(line.slice(0, 4) + line.slice(-4)).toBe("████████");
});
