/**
 * An archive as a tree that can be read: zip, tar, tar.gz, tar.zst. It lies in any other backend, and only the parts of it
 * that are needed are read. A file of a zip or a plain tar is reached at once; in a compressed tar everything before it
 * is unpacked first and thrown away, but for files that are read in their order.
 *
 * Archives come from anybody. They are looked through in this process and not in a contained child, because what does
 * it cannot be led far: zlib and zstd are Bun's own, everything else is TypeScript without memory of its own to break,
 * nothing is ever unpacked to a path, and each step has a limit (archive-limits.ts) and lets others have their turn.
 */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Clock } from "../../../src/kernel/ports.ts";
import type { Access, Backend, ByteRange, Entry, Named, OpenFile, Traits } from "../backend.ts";
import { joined, nameOf } from "../file-path.ts";
import { etagOf, indexed } from "./archive-index.ts";
import { type ArchiveLimits, archiveLimits } from "./archive-limits.ts";
import { ArchiveVersion, changed } from "./archive-version.ts";
import { type FoundNode, findNode } from "./link-walk.ts";
import type { ArchiveDirectory, ArchiveNode } from "./member-tree.ts";

/** Entries in one batch of a listing. */
const batchMax = 256;
/** For the root itself. */
const rootWaitMs = 3_000;
const emptyRoot: Entry = { path: "/", kind: "directory", sizeBytes: 0, modifiedMs: 0 };

export interface ArchiveOptions {
  /** Where the archive lies. It is not disposed of with this one. */
  readonly below: Backend;
  /** Of whoever mounted it. */
  readonly access: Access;
  /** There. */
  readonly path: string;
  /** As errors name it: where it lies is not everybody's to know. */
  readonly shown: string;
  readonly clock: Clock;
  readonly limits?: ArchiveLimits;
}

export class ArchiveBackend implements Backend {
  readonly kind = "archive";
  readonly #options: ArchiveOptions;
  readonly #limits: ArchiveLimits;
  readonly #closed = new AbortController();
  #version: ArchiveVersion | undefined;
  #looking: Promise<void> | undefined;
  /** Why the archive with this etag is refused: it is not looked through at every call again. */
  #refused: { readonly etag: string; readonly error: OperoneError } | undefined;

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#limits = options.limits ?? archiveLimits;
  }

  async traits(access: Access, path: string): Promise<Traits> {
    await this.#with(async (version) => this.#directory(version, access, path));
    return { writable: false, caseSensitive: true, normalizesUnicode: false, hasModes: true };
  }

  async stat(
    access: Access,
    path: string,
    { follow = false }: { readonly follow?: boolean } = {},
  ): Promise<Entry | undefined> {
    if (path === "/") return await this.#rootSoon(access);
    return await this.#with(async (version) => {
      const found = findNode(version.index.root, access, path, follow);
      return found === undefined ? undefined : entryOf(version, found.path, found.node);
    });
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    const version = await this.#held();
    try {
      const { path: folder, node } = this.#directory(version, access, path);
      let batch: Entry[] = [];
      for (const [name, child] of node.children) {
        const inner = joined(folder, name);
        if (access.allows(inner)) batch.push(entryOf(version, inner, child));
        if (batch.length < batchMax) continue;
        yield batch;
        signal.throwIfAborted();
        batch = [];
      }
      if (batch.length > 0) yield batch;
    } finally {
      await version.release();
    }
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    for await (const batch of this.list(access, path, signal))
      yield batch.map((entry) => ({ name: nameOf(entry.path), kind: entry.kind }));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    const version = await this.#held();
    try {
      return this.#opened(version, this.#existing(version, access, path));
    } catch (error) {
      await version.release();
      throw error;
    }
  }

  async hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    await using file = await this.open(access, path);
    const hasher = new Bun.CryptoHasher("sha256");
    const range = firstBytes === undefined ? undefined : { start: 0, end: firstBytes };
    for await (const chunk of file.read(signal, range)) hasher.update(chunk);
    return hasher.digest("hex");
  }

  async write(access: Access, path: string): Promise<Entry> {
    throw this.#readOnly(access, path);
  }

  async append(access: Access, path: string): Promise<Entry> {
    throw this.#readOnly(access, path);
  }

  async makeDirectory(access: Access, path: string): Promise<Entry> {
    throw this.#readOnly(access, path);
  }

  async move(access: Access, from: string, to: string): Promise<Entry> {
    access.check(to);
    throw this.#readOnly(access, from);
  }

  async remove(access: Access, path: string): Promise<void> {
    throw this.#readOnly(access, path);
  }

  async assertWhole(access: Access, path: string): Promise<void> {
    throw this.#readOnly(access, path);
  }

  async takeOut(access: Access, path: string): Promise<Entry> {
    throw this.#readOnly(access, path);
  }

  async bringIn(access: Access, _host: string, path: string): Promise<Entry> {
    throw this.#readOnly(access, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new OperoneError("unavailable", `The archive "${this.#options.shown}" was unmounted`));
    await this.#looking?.catch(() => {});
    await this.#version?.release();
    this.#version = undefined;
  }

  /** A large archive takes a while; that it is one is told at once, and what is in it when it is known. */
  async #rootSoon(access: Access): Promise<Entry | undefined> {
    access.check("/");
    const soon = Promise.withResolvers<undefined>();
    const cancel = this.#options.clock.after(rootWaitMs, () => soon.resolve(undefined));
    try {
      const known = this.#with(async (version) => entryOf(version, "/", version.index.root));
      known.catch(() => {});
      return (await Promise.race([known, soon.promise])) ?? emptyRoot;
    } finally {
      cancel();
    }
  }

  #readOnly(access: Access, path: string): OperoneError {
    access.check(path);
    return new OperoneError(
      "unsupported",
      `"${path}" lies in an archive, which can only be read; copy it out, and change the copy`,
    );
  }

  #opened(version: ArchiveVersion, { path, node }: FoundNode): OpenFile {
    if (node.kind !== "file") throw noFile(path, node);
    const { member } = node;
    if (member.unreadable !== undefined)
      throw new OperoneError("unsupported", `"${path}" cannot be read: ${member.unreadable}`);
    let isOpen = true;
    return {
      entry: entryOf(version, path, node),
      read: (signal, range) => this.#read(version, member, signal, range),
      [Symbol.asyncDispose]: async () => {
        if (isOpen) await version.release();
        isOpen = false;
      },
    };
  }

  /** A tar has no checksums of its files: one that was written over meanwhile would be read as if it were the old. */
  async *#read(
    version: ArchiveVersion,
    member: Parameters<ArchiveVersion["read"]>[0],
    signal: AbortSignal,
    range?: ByteRange,
  ): AsyncGenerator<Uint8Array, void> {
    const ends = AbortSignal.any([signal, this.#closed.signal]);
    for await (const chunk of version.read(member, ends, range)) {
      ends.throwIfAborted();
      yield chunk;
    }
    if (version.index.format === "zip") return;
    const now = await this.#below();
    if (now?.etag !== undefined && now.etag !== version.index.etag) throw changed(this.#options.shown);
  }

  async #below(): Promise<Entry | undefined> {
    const { below, access, path, shown } = this.#options;
    return await veiled(shown, () => below.stat(access, path, { follow: true }));
  }

  #existing(version: ArchiveVersion, access: Access, path: string): FoundNode {
    const found = findNode(version.index.root, access, path, true);
    if (found !== undefined) return found;
    throw new OperoneError("not_found", `There is nothing at "${path}" in the archive`);
  }

  #directory(
    version: ArchiveVersion,
    access: Access,
    path: string,
  ): { readonly path: string; readonly node: ArchiveDirectory } {
    const { path: real, node } = this.#existing(version, access, path);
    if (node.kind === "directory") return { path: real, node };
    throw new OperoneError("conflict", `"${path}" is no directory`);
  }

  async #with<T>(work: (version: ArchiveVersion) => Promise<T>): Promise<T> {
    const version = await this.#held();
    try {
      return await work(version);
    } finally {
      await version.release();
    }
  }

  /** As the archive is now. */
  async #held(): Promise<ArchiveVersion> {
    this.#closed.signal.throwIfAborted();
    const { shown } = this.#options;
    const entry = await this.#below();
    if (entry === undefined)
      throw new OperoneError(
        "unavailable",
        `The archive "${shown}" is not there any more; bring it back, or unmount it`,
      );
    const etag = etagOf({ entry });
    if (this.#refused?.etag === etag) throw this.#refused.error;
    if (this.#version?.index.etag !== etag) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    const version = this.#version;
    if (version === undefined) throw changed(shown);
    version.hold();
    return version;
  }

  /** For all who wait, so none of them can cancel it; it has its own deadline. */
  async #look(): Promise<void> {
    const { below, access, path, shown, clock } = this.#options;
    const file = veiledFile(await veiled(shown, () => below.open(access, path)), shown);
    const source = { file, shown, limits: this.#limits };
    try {
      const index = await indexed({ ...source, signal: this.#closed.signal }, clock);
      const before = this.#version;
      this.#version = new ArchiveVersion(index, source, clock);
      await before?.release();
    } catch (error) {
      await file[Symbol.asyncDispose]();
      const isFinal =
        error instanceof OperoneError && ["conflict", "too_large", "deadline"].includes(error.code);
      if (isFinal) this.#refused = { etag: etagOf(file), error };
      throw error;
    }
  }
}

/** What is wrong with the place where the archive lies, without that place. */
async function veiled<T>(shown: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unreachable(error, shown);
  }
}

function veiledFile(file: OpenFile, shown: string): OpenFile {
  return {
    entry: file.entry,
    async *read(signal, range) {
      try {
        yield* file.read(signal, range);
      } catch (error) {
        signal.throwIfAborted();
        throw unreachable(error, shown);
      }
    },
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

function unreachable(error: unknown, shown: string): unknown {
  if (!(error instanceof OperoneError)) return error;
  if (error.code === "conflict") return changed(shown);
  return new OperoneError(
    "unavailable",
    `The archive "${shown}" cannot be reached (${error.code}); the owner can see whether it is where it was`,
    undefined,
    { cause: error },
  );
}

function entryOf({ index }: ArchiveVersion, path: string, node: ArchiveNode): Entry {
  const { kind, modifiedMs, mode } = node;
  const facts = { path, kind, modifiedMs, ...(mode === undefined ? {} : { mode }) };
  if (node.kind === "link") return { ...facts, sizeBytes: 0, target: node.target };
  if (node.kind !== "file") return { ...facts, sizeBytes: 0 };
  const { sizeBytes, start } = node.member;
  return { ...facts, sizeBytes, etag: `${index.etag}-${start.toString(36)}` };
}

function noFile(path: string, { kind }: ArchiveNode): OperoneError {
  const what = kind === "directory" ? "a directory" : "a pipe, a device or unknown";
  return new OperoneError("conflict", `"${path}" is ${what}, and not a file that could be read`);
}
