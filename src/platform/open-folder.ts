/**
 * A folder that is held open, and names in it: what was checked stays what is used, whoever renames folders or puts
 * links in their place meanwhile. Linux alone, where /proc leads to an open descriptor.
 */
import { type BigIntStats, constants } from "node:fs";
import {
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rmdir,
  symlink,
  unlink,
} from "node:fs/promises";

/** What is known of a name. */
export type EntryFacts = BigIntStats;
export type OpenFile = FileHandle;

/** O_PATH of open(2), the same on x64 and arm64: the place alone, which needs no right to read it. */
const placeOnly = 0o10000000;

export class OpenFolder implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** An absolute path, through no symbolic link. @throws the system's error: ELOOP or ENOTDIR for a link */
  static async at(path: string): Promise<OpenFolder> {
    const root = new OpenFolder(await openPlace("/"));
    return await root.#descend(path.split("/").filter((name) => name !== ""));
  }

  /** A name in it; never a link. @throws the system's error */
  async folder(name: string): Promise<OpenFolder> {
    return new OpenFolder(await openPlace(this.#path(name)));
  }

  /** Undefined when some part is missing, or no folder any more. */
  async below(names: readonly string[]): Promise<OpenFolder | undefined> {
    const start = new OpenFolder(await openPlace(this.#path(".")));
    return await orMissing(() => start.#descend(names));
  }

  /** Sorted. What is no UTF-8 shows as a name that does not exist. */
  async names(): Promise<readonly string[]> {
    return (await readdir(this.#self())).toSorted();
  }

  async facts(name: string): Promise<BigIntStats | undefined> {
    return await orMissing(() => lstat(this.#path(name), { bigint: true }));
  }

  async ownFacts(): Promise<BigIntStats> {
    return await this.#handle.stat({ bigint: true });
  }

  /** For reading, never through a link. */
  async file(name: string): Promise<FileHandle> {
    return await open(this.#path(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  }

  async newFile(name: string): Promise<FileHandle> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    return await open(this.#path(name), flags, 0o600);
  }

  async linkText(name: string): Promise<string> {
    return await readlink(this.#path(name));
  }

  /** A second name of a file, where there is none yet. @throws EEXIST */
  async addName(from: string, to: string): Promise<void> {
    await link(this.#path(from), this.#path(to));
  }

  async replace(from: string, to: string): Promise<void> {
    await rename(this.#path(from), this.#path(to));
  }

  async moveTo(name: string, folder: OpenFolder, to: string): Promise<void> {
    await rename(this.#path(name), folder.#path(to));
  }

  /** @throws EEXIST */
  async makeLink(text: string, name: string): Promise<void> {
    await symlink(text, this.#path(name));
  }

  /** @throws EEXIST */
  async makeFolder(name: string, mode: number): Promise<void> {
    await mkdir(this.#path(name), mode);
  }

  async unlink(name: string): Promise<void> {
    await unlink(this.#path(name));
  }

  /** @throws ENOTEMPTY */
  async removeFolder(name: string): Promise<void> {
    await rmdir(this.#path(name));
  }

  /** Of a file, never through a link. */
  async setFileMode(name: string, mode: number): Promise<void> {
    await using place = await open(this.#path(name), placeOnly | constants.O_NOFOLLOW);
    if ((await place.stat()).isFile()) await chmod(`/proc/self/fd/${place.fd}`, mode);
  }

  async setOwner(user: number, group: number): Promise<void> {
    await chown(this.#self(), user, group);
  }

  async setLinkOwner(name: string, user: number, group: number): Promise<void> {
    await lchown(this.#path(name), user, group);
  }

  async setMode(mode: number): Promise<void> {
    await chmod(this.#self(), mode);
  }

  /** For calls by path, such as those of the C library: it leads here while this is open. */
  get path(): string {
    return this.#self();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  /** Closes this one, whatever happens. */
  async #descend(names: readonly string[]): Promise<OpenFolder> {
    let at: OpenFolder = this;
    try {
      for (const name of names) {
        const next = await at.folder(name);
        await at[Symbol.asyncDispose]();
        at = next;
      }
      return at;
    } catch (error) {
      await at[Symbol.asyncDispose]();
      throw error;
    }
  }

  #self(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  #path(name: string): string {
    if (name === "" || name === ".." || name.includes("/") || name.includes("\0"))
      throw new Error("a name in a folder is one name");
    return `${this.#self()}/${name}`;
  }
}

async function openPlace(path: string): Promise<FileHandle> {
  return await open(path, placeOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}

/** Undefined for what does not exist, or lies below something that is no folder. */
async function orMissing<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(codeOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
