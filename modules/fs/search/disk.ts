/**
 * The machine's disk as a search worker reads it: at once, without waiting in between. A directory is held by a
 * descriptor and must be where it is expected, and what is opened in it is no link: so whoever swaps links or moves
 * folders meanwhile leads nowhere.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statfsSync,
} from "node:fs";
import { openAt } from "../../../src/platform/open-at.ts";
import { systemName, textOfName } from "../name-text.ts";

/** O_PATH of open(2), the same on x64 and arm64. */
const placeOnly = 0o10000000;
const quickly = openAt();
const onLinux = process.platform === "linux";
const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants;
const fileFlags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW;

/** What statfs(2) calls the file systems that hold no files but doors into the kernel: proc, sysfs, cgroup, debugfs, ... */
const doors: ReadonlySet<number> = new Set([
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0xcafe4a11, 0x6e736673,
  0xf97cff8c,
]);

const chunkBytes = 256 * 1024;
/** Of a larger file: what is no text is known by then. */
const firstBytes = 64 * 1024;
const memory = Buffer.allocUnsafe(chunkBytes);

export class HeldDirectory implements Disposable {
  readonly #descriptor: number | undefined;
  readonly #path: string;
  readonly device: number;
  readonly #own: ReadonlySet<string>;

  private constructor(
    path: string,
    descriptor: number | undefined,
    device: number,
    own: ReadonlySet<string>,
  ) {
    this.#path = path;
    this.#descriptor = descriptor;
    this.device = device;
    this.#own = own;
  }

  /**
   * Undefined when it is not there any more, or not there, or nobody's.
   *
   * @param own device and inode, joined by ":", of what is nobody's
   * @throws the system's error
   */
  static at(path: string, own: ReadonlySet<string>): HeldDirectory | undefined {
    if (!onLinux) {
      const facts = lstatSync(systemName(path));
      const isThere = facts.isDirectory() && realpathSync(systemName(path)) === path;
      return isThere && !own.has(keyOf(facts))
        ? new HeldDirectory(path, undefined, facts.dev, own)
        : undefined;
    }
    const descriptor = openSync(systemName(path), placeOnly | O_NOFOLLOW | O_DIRECTORY);
    const held = `/proc/self/fd/${descriptor}`;
    const facts = fstatSync(descriptor);
    if (!own.has(keyOf(facts)) && textOfName(readlinkSync(held, { encoding: "buffer" })) === path)
      return new HeldDirectory(held, descriptor, facts.dev, own);
    closeSync(descriptor);
    return undefined;
  }

  /** Whether no files are in it but what the kernel shows as such. */
  isDoor(): boolean {
    return onLinux && doors.has(Number(statfsSync(this.#path).type) >>> 0);
  }

  /** In the order of their code units. */
  entries(): { readonly files: string[]; readonly directories: string[] } {
    const files: string[] = [];
    const directories: string[] = [];
    for (const [name, kind] of this.#named()) (kind === "file" ? files : directories).push(name);
    return { files: files.sort(), directories: directories.sort() };
  }

  *#named(): Generator<readonly [string, "file" | "directory"]> {
    const entries = readdirSync(this.#path, { withFileTypes: true });
    // A name that is no UTF-8 comes with signs in the place of its bytes: then the bytes are asked for.
    if (entries.some(({ name }) => /[\ufffd\uf780-\uf7ff]/.test(name))) {
      for (const name of readdirSync(this.#path, { encoding: "buffer" }).map(textOfName)) {
        const facts = lstatSync(systemName(`${this.#path}/${name}`), { throwIfNoEntry: false });
        if (facts?.isFile() === true) yield [name, "file"];
        else if (facts?.isDirectory() === true) yield [name, "directory"];
      }
      return;
    }
    for (const entry of entries) {
      if (entry.isFile()) yield [entry.name, "file"];
      else if (entry.isDirectory()) yield [entry.name, "directory"];
    }
  }

  /**
   * Gives the bytes of a regular file in it, in one piece of memory that is used again.
   *
   * @param take returns false when it wants no more; the last time it is told that it is
   * @throws the system's error; `NotSearched` for what is no file, or has more bytes than that
   */
  read(name: string, bytesMax: number, take: Take): void {
    const file = this.#opened(name);
    try {
      const facts = fstatSync(file);
      if (!facts.isFile() || facts.size > bytesMax || this.#own.has(keyOf(facts))) throw new NotSearched();
      readAll(file, facts.size, take);
    } finally {
      closeSync(file);
    }
  }

  #opened(name: string): number {
    const quick =
      this.#descriptor === undefined ? undefined : quickly?.(this.#descriptor, systemName(name), fileFlags);
    return quick ?? openSync(systemName(`${this.#path}/${name}`), fileFlags);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

function keyOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}

type Take = (chunk: Buffer, isLast: boolean) => boolean;

export class NotSearched extends Error {}

/** Files of which the system does not know the size, as under /proc, are read to their end. */
function readAll(file: number, size: number, take: Take): void {
  let room = size > 0 && size <= chunkBytes ? size : firstBytes;
  for (let total = 0; ; room = chunkBytes) {
    const bytes = readSync(file, memory, 0, room, null);
    total += bytes;
    // Nearly always that was all, and one call less for each file.
    const isLast = bytes === 0 || (size > 0 && total >= size);
    if (!take(memory.subarray(0, bytes), isLast) || isLast) return;
  }
}
