/** An invite code as a QR code of characters, for a phone or a camera in front of a terminal. */
import { encode } from "uqr";

/** Modules of white around it, as ISO/IEC 18004 asks for. */
const quietZone = 4;

/**
 * Lines of half-block characters, two rows of modules each, a character a column. Drawn for light text on a dark
 * ground, as terminals mostly are: a full block is a white module. Codes make no difference between small and capital
 * letters, and capitals take 5.5 bits each instead of 8, so the square is much smaller.
 */
export function qrLines(code: string): readonly string[] {
  const { data, size } = encode(code.toUpperCase(), { ecc: "L", border: quietZone });
  const white = (row: number, column: number) => data[row]?.[column] !== true;
  return Array.from({ length: Math.ceil(size / 2) }, (_, line) =>
    Array.from({ length: size }, (__, column) => {
      const [upper, lower] = [white(2 * line, column), white(2 * line + 1, column)];
      if (upper) return lower ? "█" : "▀";
      return lower ? "▄" : " ";
    }).join(""),
  );
}
