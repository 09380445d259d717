/**
 * A bucket of storage that speaks S3, or a part of one, as a tree. Keys are paths: `a/b` is the file `b` in the directory
 * `a`. A directory is there by its own key, `a/`, or because something is below; it gets its own key when that goes.
 * Names are taken as they are. There are no links and no modes, a directory has no time, and a file's time is that of its
 * writing, whatever was asked.
 */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access, Backend, Entry, Named, OpenFile, Traits, WriteOptions } from "../backend.ts";
import { isWithin, joined, nameOf, parentOf } from "../file-path.ts";
import { bringInByCopy, takeOutByCopy } from "../host-carry.ts";
import { Bucket, type BucketOptions, type StoredObject } from "./bucket.ts";
import { ObjectMoves } from "./object-moves.ts";
import { assertNotRoot, isName, ObjectNames, occupied } from "./object-names.ts";
import { ObjectWriter } from "./object-writer.ts";

const chunkBytesMax = 256 * 1024;
/** Entries in one batch of a listing. */
const batchMax = 256;

export interface S3Options extends BucketOptions {
  /** What all keys begin with: "" or "a/b/". */
  readonly prefix: string;
}

export class S3Backend implements Backend {
  readonly kind = "s3";
  readonly #bucket: Bucket;
  readonly #names: ObjectNames;
  readonly #writer: ObjectWriter;
  readonly #moves: ObjectMoves;

  constructor(options: S3Options) {
    this.#bucket = new Bucket(options);
    this.#names = new ObjectNames(this.#bucket, options.prefix);
    this.#writer = new ObjectWriter(this.#bucket);
    this.#moves = new ObjectMoves(this.#bucket, this.#names);
  }

  async traits(access: Access, path: string): Promise<Traits> {
    access.check(path);
    if ((await this.#names.existing(path)).kind !== "directory") throw noDirectory(path);
    return { writable: true, caseSensitive: true, normalizesUnicode: false, hasModes: false };
  }

  async stat(access: Access, path: string): Promise<Entry | undefined> {
    access.check(path);
    // Always there, so this only tells whether the storage is, and whether it takes the key.
    if (path === "/") await this.#bucket.list(this.#names.folderKey(path), path, { max: 1 });
    const found = await this.#names.find(path);
    if (found === undefined) return undefined;
    return found.kind === "file" ? entryOf(path, found.object) : directoryOf(path);
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    access.check(path);
    const prefix = this.#names.folderKey(path);
    let after: string | undefined;
    let isThere = path === "/";
    do {
      signal.throwIfAborted();
      const page = await this.#bucket.list(prefix, path, after === undefined ? {} : { after });
      isThere ||= page.objects.length + page.prefixes.length > 0;
      if (!isThere) await this.#assertDirectory(path);
      const files = page.objects.map((object) => ({ name: object.key.slice(prefix.length), object }));
      const taken = new Set(files.map(({ name }) => name));
      const folders = page.prefixes.map((one) => ({ name: one.slice(prefix.length, -1), object: undefined }));
      // What no path names is left out: the directory's own key, and keys with empty names or dots.
      const given = [...files, ...folders.filter(({ name }) => !taken.has(name))].filter(
        ({ name }) => isName(name) && access.allows(joined(path, name)),
      );
      for (let at = 0; at < given.length; at += batchMax) {
        yield given
          .slice(at, at + batchMax)
          .map(({ name, object }) =>
            object === undefined ? directoryOf(joined(path, name)) : entryOf(joined(path, name), object),
          );
      }
      after = page.next;
    } while (after !== undefined);
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    for await (const batch of this.list(access, path, signal))
      yield batch.map((entry) => ({ name: nameOf(entry.path), kind: entry.kind }));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    access.check(path);
    const found = await this.#names.existing(path);
    if (found.kind !== "file") throw new OperoneError("conflict", `"${path}" is a directory, and not a file`);
    const { object } = found;
    const bucket = this.#bucket;
    return {
      entry: entryOf(path, object),
      async *read(signal, range) {
        signal.throwIfAborted();
        const start = Math.min(range?.start ?? 0, object.sizeBytes);
        const end = Math.min(range?.end ?? object.sizeBytes, object.sizeBytes);
        for await (const chunk of bucket.read(object, path, signal, start, end))
          for (let at = 0; at < chunk.length; at += chunkBytesMax)
            yield chunk.subarray(at, at + chunkBytesMax);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    await using file = await this.open(access, path);
    const hasher = new Bun.CryptoHasher("sha256");
    const range = firstBytes === undefined ? undefined : { start: 0, end: firstBytes };
    for await (const chunk of file.read(signal, range)) hasher.update(chunk);
    return hasher.digest("hex");
  }

  async write(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    await asMode(options, path, () =>
      this.#writer.write(this.#target(access, path, options), content, options),
    );
    return await this.#written(path);
  }

  async append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { ifMatch }: { readonly ifMatch?: string } = {},
  ): Promise<Entry> {
    const options = { mode: "any", ...(ifMatch === undefined ? {} : { ifMatch }) } as const;
    await this.#writer.append(this.#target(access, path, options), content);
    return await this.#written(path);
  }

  async makeDirectory(access: Access, path: string): Promise<Entry> {
    access.check(path);
    this.#names.assertNew(path);
    if ((await this.#names.find(path)) !== undefined) throw occupied(path);
    await this.#names.assertParent(path);
    await asMode({ mode: "create" }, path, () =>
      this.#bucket.put(this.#names.folderKey(path), path, new Uint8Array(0), { absent: true }),
    );
    return directoryOf(path);
  }

  async move(
    access: Access,
    from: string,
    to: string,
    { replace }: { readonly replace: boolean },
  ): Promise<Entry> {
    access.check(to);
    const objects = await this.#whole(access, from);
    const { kind } = await this.#names.existing(from);
    if (from !== to) {
      await this.#makeRoom(from, to, kind, replace);
      await this.#keepParent(from);
      await this.#moves.move(objects, from, to);
    }
    return kind === "directory" ? directoryOf(to) : await this.#written(to);
  }

  /** @throws OperoneError `conflict`, `not_found`, `invalid_input` before anything is gone */
  async #makeRoom(from: string, to: string, kind: "file" | "directory", replace: boolean): Promise<void> {
    if (isWithin(to, from))
      throw new OperoneError("invalid_input", `"${from}" cannot be moved into itself, to "${to}"`);
    this.#names.assertNew(to);
    const there = await this.#names.find(to);
    if (there !== undefined && !replace) throw occupied(to);
    if (there !== undefined && (there.kind !== kind || isWithin(from, to)))
      throw new OperoneError("conflict", `"${to}" cannot be replaced by "${from}"; remove it first`);
    if (there?.kind === "directory") await this.#assertEmpty(to);
    await this.#names.assertParent(to);
  }

  async remove(access: Access, path: string): Promise<void> {
    access.check(path);
    assertNotRoot(path);
    const found = await this.#names.existing(path);
    if (found.kind === "directory") await this.#assertEmpty(path);
    await this.#keepParent(path);
    await this.#bucket.remove(found.kind === "file" ? found.object.key : this.#names.folderKey(path), path);
  }

  async assertWhole(access: Access, path: string): Promise<void> {
    access.check(path);
    assertNotRoot(path);
    await this.#whole(access, path);
  }

  async takeOut(access: Access, path: string, host: string): Promise<Entry> {
    return await takeOutByCopy(this, access, path, host);
  }

  async bringIn(access: Access, host: string, path: string): Promise<Entry> {
    return await bringInByCopy(this, access, host, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** All of it, when all of it is the caller's. @throws OperoneError `not_found`, `forbidden` */
  async #whole(access: Access, path: string): Promise<readonly StoredObject[]> {
    access.check(path);
    assertNotRoot(path);
    const { kind } = await this.#names.existing(path);
    const objects = await this.#moves.whole(path, kind === "directory");
    if (access.unlimited) return objects;
    for (const { key } of objects) {
      const inner = this.#names.pathOf(key.endsWith("/") ? key.slice(0, -1) : key);
      for (let at = inner ?? path; isWithin(at, path); at = parentOf(at)) access.check(at);
    }
    return objects;
  }

  #target(access: Access, path: string, options: Pick<WriteOptions, "mode" | "ifMatch">) {
    return { key: this.#names.key(path), path, wanted: () => this.#wanted(access, path, options) };
  }

  async #wanted(
    access: Access,
    path: string,
    { mode, ifMatch }: Pick<WriteOptions, "mode" | "ifMatch">,
  ): Promise<StoredObject | undefined> {
    access.check(path);
    if (path === "/") throw new OperoneError("conflict", `"/" is a directory, and not a file`);
    this.#names.assertNew(path);
    const found = await this.#names.find(path);
    if (found?.kind !== "file") await this.#names.assertParent(path);
    if (found?.kind === "directory")
      throw new OperoneError("conflict", `"${path}" is a directory, and not a file`);
    if (found !== undefined && mode === "create") throw occupied(path);
    if (found === undefined && mode === "replace")
      throw new OperoneError("not_found", `There is no file at "${path}" to be replaced`);
    if (ifMatch === undefined || ifMatch === found?.object.etag) return found?.object;
    throw new OperoneError(
      "precondition_failed",
      `"${path}" ${found === undefined ? "does not exist any more" : `has changed (its etag is "${found.object.etag}")`}; read it again, then write`,
    );
  }

  async #written(path: string): Promise<Entry> {
    const object = await this.#bucket.head(this.#names.key(path), path);
    if (object !== undefined) return entryOf(path, object);
    throw new OperoneError("conflict", `"${path}" was removed by somebody else right after it was written`);
  }

  /** A directory that is there only because of what is in it stays when that goes, as elsewhere. */
  async #keepParent(path: string): Promise<void> {
    const folder = parentOf(path);
    if (folder === "/") return;
    const marker = this.#names.folderKey(folder);
    const [own, inside] = [this.#names.key(path), this.#names.folderKey(path)];
    const { objects } = await this.#bucket.list(marker, folder, { max: 2, deep: true });
    if (objects.some(({ key }) => key !== own && !key.startsWith(inside))) return;
    await this.#bucket.put(marker, folder, new Uint8Array(0));
  }

  async #assertDirectory(path: string): Promise<void> {
    const { kind } = await this.#names.existing(path);
    if (kind !== "directory") throw noDirectory(path);
  }

  async #assertEmpty(path: string): Promise<void> {
    const key = this.#names.folderKey(path);
    const { objects } = await this.#bucket.list(key, path, { max: 2, deep: true });
    if (objects.every((object) => object.key === key)) return;
    throw new OperoneError("conflict", `The directory "${path}" is not empty; remove what is in it first`);
  }
}

/** Storage says only that its condition did not hold. */
async function asMode(
  { mode }: Pick<WriteOptions, "mode">,
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isLate = error instanceof OperoneError && error.code === "precondition_failed" && mode === "create";
    throw isLate ? occupied(path) : error;
  }
}

function entryOf(path: string, { sizeBytes, modifiedMs, etag }: StoredObject): Entry {
  return { path, kind: "file", sizeBytes, modifiedMs, etag };
}

function directoryOf(path: string): Entry {
  return { path, kind: "directory", sizeBytes: 0, modifiedMs: 0 };
}

function noDirectory(path: string): OperoneError {
  return new OperoneError("conflict", `"${path}" is no directory`);
}
