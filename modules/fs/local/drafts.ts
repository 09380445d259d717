/**
 * Files that take a name when they are whole. They lie beside the place where they will be; those of a process that was
 * killed are removed by the next write of the same node to that directory.
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";
import { type HeldPlace, namesOf, type SystemPath } from "./place.ts";

const prefix = ".operone-write-";
/** Directories of which it is remembered that nothing is left in them. */
const sweptMax = 10_000;

/** Never what somebody else has put there, and never through a link. */
const newFile = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface Draft extends AsyncDisposable {
  readonly path: SystemPath;
  readonly file: FileHandle;
  /** Before it takes a name: Windows gives none to what is open. */
  settle(): Promise<void>;
  /** As it is now; after it has taken the name `at`. */
  facts(at: SystemPath): Promise<BigIntStats>;
}

export interface DraftsOptions {
  /** Bytes of that many, for names that nobody can guess. */
  random(count: number): Uint8Array;
  /** What tells the drafts of this node from those of another one that writes to the same directory. */
  readonly tag: string;
}

export class Drafts {
  readonly #options: DraftsOptions;
  readonly #live = new Set<string>();
  readonly #swept = new Set<string>();

  constructor(options: DraftsOptions) {
    this.#options = options;
  }

  /** @param permissions less what the system takes off */
  async open(folder: HeldPlace, permissions: number): Promise<Draft> {
    const { random } = this.#options;
    const name = `${this.#ownPrefix}${Buffer.from(random(8)).toString("hex")}`;
    const path = folder.child(name);
    this.#live.add(name);
    try {
      await this.#sweep(folder);
      return this.#draft(name, path, await open(path, newFile, permissions));
    } catch (error) {
      this.#live.delete(name);
      throw error;
    }
  }

  /** Once for each directory: nobody else makes such names, and this process knows those that it writes to. */
  async #sweep(folder: HeldPlace): Promise<void> {
    const key = `${folder.facts.dev}:${folder.facts.ino}`;
    if (this.#swept.has(key)) return;
    if (this.#swept.size >= sweptMax) this.#swept.clear();
    this.#swept.add(key);
    // A directory that may be written and not listed.
    const names = await namesOf(folder).catch(() => []);
    for (const name of names)
      if (name.startsWith(this.#ownPrefix) && !this.#live.has(name))
        await unlink(folder.child(name)).catch(() => {});
  }

  #draft(name: string, path: SystemPath, file: FileHandle): Draft {
    const isClosedFirst = process.platform === "win32";
    return {
      path,
      file,
      async settle() {
        if (isClosedFirst) await file.close();
      },
      facts: async (at) =>
        isClosedFirst ? await lstat(at, { bigint: true }) : await file.stat({ bigint: true }),
      [Symbol.asyncDispose]: async () => {
        await file.close().catch(() => {});
        // Gone when it was given its name.
        await unlink(path).catch(() => {});
        this.#live.delete(name);
      },
    };
  }

  get #ownPrefix(): string {
    return `${prefix}${this.#options.tag}-`;
  }
}
