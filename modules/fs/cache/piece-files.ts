/**
 * Pieces of content on the disk, each named by its own hash and compressed with zstd. Read back, a piece is hashed again:
 * what is not what its name says is removed, and was never there.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export class PieceFiles {
  readonly #directory: string;
  readonly #pieceBytesMax: number;
  readonly #draftName: () => string;

  constructor(directory: string, pieceBytesMax: number, draftName: () => string) {
    this.#directory = directory;
    this.#pieceBytesMax = pieceBytesMax;
    this.#draftName = draftName;
  }

  /** Bytes on the disk. A crash leaves no piece, or all of it; a power cut perhaps one that `read` throws away. */
  async write(hash: string, bytes: Uint8Array): Promise<number> {
    const path = this.#pathOf(hash);
    const stored = await compress(bytes);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const draft = join(this.#directory, `draft-${this.#draftName()}`);
    try {
      await writeFile(draft, stored, { mode: 0o600, flag: "wx" });
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    return stored.length;
  }

  /** Undefined: not there, or not what it should be. */
  async read(hash: string): Promise<Uint8Array | undefined> {
    try {
      // What somebody else put there may unpack to more than a piece.
      const bytes = await decompress(await readFile(this.#pathOf(hash)), {
        maxOutputLength: this.#pieceBytesMax,
      });
      if (hashOf(bytes) === hash) return bytes;
    } catch {
      // The same as another content: of no use.
    }
    await this.remove(hash);
    return undefined;
  }

  async remove(hash: string): Promise<void> {
    await rm(this.#pathOf(hash), { force: true });
  }

  #pathOf(hash: string): string {
    return join(this.#directory, hash.slice(0, 2), hash);
  }
}

/** SHA-256 in hexadecimal digits. */
export function hashOf(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
