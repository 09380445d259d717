/**
 * Content of files that lie far away, kept on the disk of this machine in pieces, up to a number of bytes; what was not
 * used for longest goes first. It is found by the version of a file (its etag), so what changed there is never given out
 * of here, and one who may not open the file there never comes to ask.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CacheStore, type PieceAt } from "../cache-store.ts";
import { hashOf, PieceFiles } from "./piece-files.ts";

export const pieceBytes = 256 * 1024;

export interface CacheOptions {
  /** The cache's own; made when it is not there. */
  readonly directory: string;
  /** On the disk, of all pieces together. */
  readonly bytesMax: number;
  random(count: number): Uint8Array;
}

/** One version of one file. */
export interface Version {
  /** What the path is a path of: a node, a bucket. */
  readonly source: string;
  readonly path: string;
  readonly etag: string;
}

export class ContentCache implements Disposable {
  readonly #store: CacheStore;
  readonly #files: PieceFiles;
  readonly #bytesMax: number;
  #hits = 0;
  #misses = 0;

  constructor({ directory, bytesMax, random }: CacheOptions) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#store = openOrBeginAnew(directory);
    const draftName = () => Buffer.from(random(8)).toString("hex");
    this.#files = new PieceFiles(directory, pieceBytes, draftName);
    this.#bytesMax = bytesMax;
  }

  get facts() {
    const { storedBytes, pieceCount } = this.#store;
    return {
      bytesMax: this.#bytesMax,
      storedBytes,
      pieces: pieceCount,
      hits: this.#hits,
      misses: this.#misses,
    };
  }

  /** The piece with that number, counted from 0. */
  async get(version: Version, at: number): Promise<Uint8Array | undefined> {
    const hash = this.#store.find(placeOf(version, at));
    const bytes = hash === undefined ? undefined : await this.#files.read(hash);
    if (hash !== undefined && bytes === undefined) this.#store.remove(hash);
    if (hash === undefined || bytes === undefined) {
      this.#misses += 1;
      return undefined;
    }
    this.#hits += 1;
    this.#store.touch(hash);
    return bytes;
  }

  /** Whether `get` would probably give it; it does not count as a use. */
  has(version: Version, at: number): boolean {
    return this.#store.find(placeOf(version, at)) !== undefined;
  }

  /** @throws nothing: a cache that cannot write is one that misses */
  async put(version: Version, at: number, bytes: Uint8Array): Promise<void> {
    try {
      const hash = hashOf(bytes);
      const stored = this.#store.sizeOf(hash) ?? (await this.#files.write(hash, bytes));
      if (stored > this.#bytesMax) return await this.#files.remove(hash);
      this.#store.put(placeOf(version, at), hash, stored);
      for (const gone of this.#store.evict(this.#bytesMax)) await this.#files.remove(gone);
    } catch {
      // A full disk, for one. The reader has the bytes already.
    }
  }

  /** Forgets what came from a source, and removes what nothing else has. Gives the number of pieces removed. */
  async forget(source: string): Promise<number> {
    const gone = this.#store.forget(source);
    for (const hash of gone) await this.#files.remove(hash);
    return gone.length;
  }

  [Symbol.dispose](): void {
    this.#store.close();
  }
}

function placeOf({ source, path, etag }: Version, at: number): PieceAt {
  return { source, version: hashOf(JSON.stringify([path, etag])), at };
}

function openOrBeginAnew(directory: string): CacheStore {
  const path = join(directory, "pieces.db");
  try {
    return new CacheStore(path);
  } catch {
    for (const name of readdirSync(directory))
      rmSync(join(directory, name), { recursive: true, force: true });
    return new CacheStore(path);
  }
}
