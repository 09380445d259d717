/**
 * Headers of a tar (POSIX.1-2001 pax, ustar, GNU and old V7). The library that writes our backups reads names as text,
 * and so loses those that are no UTF-8; it also does not tell where a file begins.
 */

export const blockBytes = 512;

export interface TarHeader {
  readonly name: Uint8Array;
  readonly link: Uint8Array;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly mode: number;
  /** One character. */
  readonly type: string;
}

/** What extended headers say of the next entry, or of all. */
export interface TarExtras {
  readonly name?: Uint8Array;
  readonly link?: Uint8Array;
  readonly sizeBytes?: number;
  readonly modifiedMs?: number;
  readonly isSparse?: boolean;
}

/** Undefined: it is no header. */
export function tarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.length < blockBytes || octal(block, 148, 8) !== checksum(block)) return undefined;
  const sizeBytes = number(block, 124, 12);
  const modified = number(block, 136, 12);
  const mode = number(block, 100, 8);
  if (sizeBytes === undefined || sizeBytes < 0) return undefined;
  // GNU keeps times where POSIX keeps the beginning of a long path.
  const isPosix = text(block, 257, 6) === "ustar\0";
  const prefix = isPosix ? field(block, 345, 155) : new Uint8Array(0);
  const name = field(block, 0, 100);
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name]),
    link: field(block, 157, 100),
    sizeBytes,
    modifiedMs: modified === undefined || !Number.isSafeInteger(modified * 1_000) ? 0 : modified * 1_000,
    mode: (mode ?? 0) & 0o7777,
    type: String.fromCharCode(block[156] ?? 0),
  };
}

export function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** Records of a pax header: `length key=value\n`. Undefined: it is broken. */
export function paxExtras(bytes: Uint8Array): TarExtras | undefined {
  let extras: TarExtras = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space === -1 ? Number.NaN : Number(latin(bytes.subarray(at, space)));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (!(length > 0) || end > bytes.length || equals === -1 || equals >= end || bytes[end - 1] !== 0x0a)
      return undefined;
    extras = {
      ...extras,
      ...extra(latin(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1)),
    };
    at = end;
  }
  return extras;
}

function extra(key: string, value: Uint8Array): TarExtras {
  if (key === "path") return { name: value };
  if (key === "linkpath") return { link: value };
  if (key.startsWith("GNU.sparse.")) return { isSparse: true };
  const amount = Number(latin(value));
  if (key === "size") return { sizeBytes: amount };
  if (key === "mtime" && Number.isFinite(amount)) return { modifiedMs: Math.floor(amount * 1_000) };
  return {};
}

/** The name that a GNU `L` or `K` header carries: to its first NUL. */
export function longName(bytes: Uint8Array): Uint8Array {
  return field(bytes, 0, bytes.length).slice();
}

/** What the type says: pipes and devices are "other", and so is what nobody knows. */
export function kindOf({ type, name }: Pick<TarHeader, "type" | "name">) {
  if (type === "5") return "directory";
  if (type === "2") return "link";
  if (type === "1") return "hard link";
  // V7 has directories only by the slash.
  if (type === "0" || type === "\0" || type === "7") return name.at(-1) === 0x2f ? "directory" : "file";
  return "other";
}

function field(block: Uint8Array, at: number, length: number): Uint8Array {
  const whole = block.subarray(at, at + length);
  const end = whole.indexOf(0);
  return end === -1 ? whole : whole.subarray(0, end);
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 200)).toString("latin1");
}

function text(block: Uint8Array, at: number, length: number): string {
  return latin(block.subarray(at, at + length));
}

function octal(block: Uint8Array, at: number, length: number): number | undefined {
  const digits = latin(field(block, at, length)).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === "" ? "0" : digits, 8) : undefined;
}

/** Octal, or as GNU has what is too large for that: base 256, marked by the first bit, below zero by the second. */
function number(block: Uint8Array, at: number, length: number): number | undefined {
  const first = block[at] ?? 0;
  if ((first & 0x80) === 0) return octal(block, at, length);
  if ((first & 0x40) !== 0) return -1;
  const value = block.subarray(at + 1, at + length).reduce((sum, byte) => sum * 256 + byte, first & 0x3f);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Of all bytes, those of the sum itself taken for spaces. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}
