/** Crockford's base 32 (https://www.crockford.com/base32.html): text that people can read out and type. */

/** Without i, l, o (they look like digits) and u. */
const signs = "0123456789abcdefghjkmnpqrstvwxyz";
const values = new Map<string, number>([
  ...Array.from(signs, (sign, value): [string, number] => [sign, value]),
  ["i", 1],
  ["l", 1],
  ["o", 0],
]);

/** Lower case, five bits a character, the last one filled up with zeros. */
export function toCrockford(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let heldBits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    heldBits += 8;
    while (heldBits >= 5) {
      heldBits -= 5;
      text += signs[(held >> heldBits) & 31];
    }
    held &= (1 << heldBits) - 1;
  }
  return heldBits === 0 ? text : text + signs[(held << (5 - heldBits)) & 31];
}

/**
 * Upper or lower case, with the look-alikes i, l and o. Bits that make no whole byte are dropped.
 *
 * @returns the bytes, or the place (from 0) of the first character that is none of the 32
 */
export function fromCrockford(text: string): Uint8Array | number {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let held = 0;
  let heldBits = 0;
  let filled = 0;
  for (const [place, sign] of Array.from(text.toLowerCase()).entries()) {
    const value = values.get(sign);
    if (value === undefined) return place;
    held = (held << 5) | value;
    heldBits += 5;
    if (heldBits < 8) continue;
    heldBits -= 8;
    bytes[filled++] = held >> heldBits;
    held &= (1 << heldBits) - 1;
  }
  return bytes;
}
