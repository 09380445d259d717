/** Files and directories that are in memory. A file's bytes are never changed, only exchanged: readers keep theirs. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { ByteRange, Entry } from "../backend.ts";
import type { Room } from "./room.ts";

const chunkBytes = 256 * 1024;
/** What a name and its facts take at most, about: so that empty files have their price too. */
export const nodeBytes = 1_024;

export interface MemoryFile {
  readonly kind: "file";
  /** All but the last are full. */
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly createdMs: number;
  readonly etag: string;
}

export interface MemoryDirectory {
  readonly kind: "directory";
  readonly children: Map<string, MemoryNode>;
  readonly createdMs: number;
  modifiedMs: number;
}

export type MemoryNode = MemoryFile | MemoryDirectory;

export function entryOf(path: string, node: MemoryNode): Entry {
  const { kind, modifiedMs, createdMs } = node;
  if (kind === "directory") return { path, kind, sizeBytes: 0, modifiedMs, createdMs };
  return { path, kind, sizeBytes: node.sizeBytes, modifiedMs, createdMs, etag: node.etag };
}

/** Bytes that come in pieces of any size. They are taken from the room; whoever does not keep them calls `release`. */
export class ByteDraft {
  readonly #room: Room;
  readonly #path: string;
  readonly #chunks: Uint8Array[] = [];
  /** The last one, while it is filled. */
  #open: Uint8Array = new Uint8Array(0);
  #openBytes = 0;
  #sizeBytes = 0;
  #takenBytes = 0;

  constructor(room: Room, path: string) {
    this.#room = room;
    this.#path = path;
  }

  /** @throws OperoneError `too_large`, `unavailable` */
  async fill(content: AsyncIterable<Uint8Array>, bytesMax = Number.POSITIVE_INFINITY): Promise<void> {
    for await (const piece of content) {
      if (this.#sizeBytes + piece.length > bytesMax) {
        throw new OperoneError(
          "too_large",
          `"${this.#path}" would have more than the ${bytesMax} bytes that are allowed`,
          { limitBytes: bytesMax },
        );
      }
      this.#add(piece);
    }
  }

  #add(piece: Uint8Array): void {
    this.#room.take(piece.length, this.#path);
    this.#takenBytes += piece.length;
    this.#sizeBytes += piece.length;
    for (let at = 0; at < piece.length; ) {
      if (this.#openBytes === this.#open.length) this.#grow();
      const part = piece.subarray(at, at + this.#open.length - this.#openBytes);
      this.#open.set(part, this.#openBytes);
      this.#openBytes += part.length;
      at += part.length;
    }
  }

  /** Doubles, up to a whole chunk: a small file takes little more than its bytes. */
  #grow(): void {
    if (this.#open.length === chunkBytes) {
      this.#chunks.push(this.#open);
      this.#open = new Uint8Array(0);
      this.#openBytes = 0;
    }
    const grown = new Uint8Array(Math.min(chunkBytes, Math.max(64, 2 * this.#open.length)));
    grown.set(this.#open);
    this.#open = grown;
  }

  /** Behind what a file has already. The file's own bytes stay as they are, and in its account. */
  after({ chunks, sizeBytes }: Pick<MemoryFile, "chunks" | "sizeBytes">) {
    const last = chunks.at(-1);
    if (last === undefined || last.length === chunkBytes)
      return { chunks: [...chunks, ...this.#all()], sizeBytes: sizeBytes + this.#sizeBytes };
    const joined = repacked([last, ...this.#all()]);
    return { chunks: [...chunks.slice(0, -1), ...joined], sizeBytes: sizeBytes + this.#sizeBytes };
  }

  #all(): readonly Uint8Array[] {
    return this.#openBytes === 0 ? this.#chunks : [...this.#chunks, this.#open.slice(0, this.#openBytes)];
  }

  release(): void {
    this.#room.give(this.#takenBytes);
    this.#takenBytes = 0;
  }

  /** The bytes belong to a file now. */
  keep(): void {
    this.#takenBytes = 0;
  }
}

function repacked(pieces: readonly Uint8Array[]): readonly Uint8Array[] {
  const all = Buffer.concat(pieces);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += chunkBytes)
    chunks.push(new Uint8Array(all.subarray(at, at + chunkBytes)));
  return chunks;
}

/** Copies, so that nobody can change the file through what it was given. */
export async function* chunksOf(
  { chunks, sizeBytes }: MemoryFile,
  signal: AbortSignal,
  range: ByteRange = { start: 0, end: sizeBytes },
): AsyncGenerator<Uint8Array, void> {
  const end = Math.min(range.end, sizeBytes);
  for (let at = range.start; at < end; ) {
    signal.throwIfAborted();
    const index = Math.floor(at / chunkBytes);
    const begin = index * chunkBytes;
    const part = chunks[index]?.slice(at - begin, end - begin) ?? new Uint8Array(0);
    at += part.length;
    yield part;
  }
}
