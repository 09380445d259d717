/** The entries of a zip file that an Office document is, unpacked within limits. */
import { inflateRawSync } from "node:zlib";
import { OperoneError } from "../../../src/kernel/error.ts";

const endBytes = 22;
const commentBytesMax = 65_535;
const entriesMax = 10_000;

interface ZipEntry {
  readonly method: number;
  readonly encrypted: boolean;
  readonly start: number;
  readonly packedBytes: number;
}

export class ZipFile {
  readonly #bytes: Buffer;
  readonly #entries = new Map<string, ZipEntry>();

  /** @throws OperoneError `unsupported_media` */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      this.#index();
    } catch (error) {
      if (error instanceof OperoneError) throw error;
      throw broken("it is cut off");
    }
  }

  /** Undefined: it is not there. A name is only looked up, so it can lead nowhere. */
  read(name: string, bytesMax: number): Buffer | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    if (entry.encrypted) throw broken("it is encrypted; save it without a password first");
    const head = this.#bytes;
    if (head.readUInt32LE(entry.start) !== 0x04034b50) throw broken("an entry is not where it should be");
    const from = entry.start + 30 + head.readUInt16LE(entry.start + 26) + head.readUInt16LE(entry.start + 28);
    const packed = head.subarray(from, from + entry.packedBytes);
    if (entry.method === 0) return packed.length > bytesMax ? tooLarge(name, bytesMax) : packed;
    if (entry.method !== 8) throw broken("it is packed in a way that Office does not use");
    try {
      return inflateRawSync(packed, { maxOutputLength: bytesMax });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE")
        return tooLarge(name, bytesMax);
      throw broken("an entry cannot be unpacked");
    }
  }

  #index(): void {
    const from = Math.max(0, this.#bytes.length - endBytes - commentBytesMax);
    const end = this.#bytes.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
    if (end < from) throw broken("its directory is missing");
    const count = this.#bytes.readUInt16LE(end + 10);
    if (count > entriesMax) throw broken(`it has more than ${entriesMax} entries`);
    let at = this.#bytes.readUInt32LE(end + 16);
    for (let entry = 0; entry < count; entry++) {
      if (this.#bytes.readUInt32LE(at) !== 0x02014b50) throw broken("its directory is damaged");
      const nameBytes = this.#bytes.readUInt16LE(at + 28);
      const name = this.#bytes.toString("utf8", at + 46, at + 46 + nameBytes);
      if (this.#entries.has(name)) throw broken("it has two entries of one name");
      this.#entries.set(name, {
        method: this.#bytes.readUInt16LE(at + 10),
        encrypted: (this.#bytes.readUInt16LE(at + 8) & 1) === 1,
        start: this.#bytes.readUInt32LE(at + 42),
        packedBytes: this.#bytes.readUInt32LE(at + 20),
      });
      at += 46 + nameBytes + this.#bytes.readUInt16LE(at + 30) + this.#bytes.readUInt16LE(at + 32);
    }
  }
}

function broken(why: string): OperoneError {
  return new OperoneError("unsupported_media", `It is no document that can be read: ${why}`);
}

function tooLarge(name: string, bytesMax: number): never {
  throw new OperoneError(
    "too_large",
    `"${name.slice(0, 100)}" in the document has more than the ${bytesMax} bytes that are unpacked; it may be a bomb`,
  );
}
