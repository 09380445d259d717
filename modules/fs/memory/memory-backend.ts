/** Files in the node's memory, gone when it stops. It has no links, no modes, and names are taken as they are. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access, Backend, Entry, Named, OpenFile, Traits, WriteOptions } from "../backend.ts";
import { isWithin, joined, nameOf, parentOf } from "../file-path.ts";
import { readHost, writeHost } from "./host-copy.ts";
import {
  ByteDraft,
  chunksOf,
  entryOf,
  type MemoryDirectory,
  type MemoryFile,
  type MemoryNode,
  nodeBytes,
} from "./memory-node.ts";
import { Room } from "./room.ts";

/** Of a name, in UTF-8: as many as disks take, so that what is here can be copied there. */
const nameBytesMax = 255;
/** Entries in one batch of a listing. */
const batchMax = 256;

export interface MemoryOptions {
  /** Of all files and names together. */
  readonly bytesMax: number;
  /** Files and directories. */
  readonly entriesMax: number;
  nowMs(): number;
  /** Bytes of that many: an etag of an earlier life of this backend must not be one of this life. */
  random(count: number): Uint8Array;
}

export class MemoryBackend implements Backend {
  readonly kind = "memory";
  readonly #room: Room;
  readonly #root: MemoryDirectory;
  readonly #nowMs: () => number;
  readonly #life: string;
  #versions = 0;

  constructor({ bytesMax, entriesMax, nowMs, random }: MemoryOptions) {
    this.#room = new Room(bytesMax, entriesMax);
    this.#nowMs = nowMs;
    this.#life = Buffer.from(random(6)).toString("hex");
    this.#root = this.#emptyDirectory();
  }

  /** What files and names take now. */
  get usedBytes(): number {
    return this.#room.usedBytes;
  }

  /** Files and directories, the root not counted. */
  get entries(): number {
    return this.#room.entries;
  }

  async traits(access: Access, path: string): Promise<Traits> {
    this.#directory(access, path);
    return { writable: true, caseSensitive: true, normalizesUnicode: false, hasModes: false };
  }

  async stat(access: Access, path: string): Promise<Entry | undefined> {
    access.check(path);
    const node = this.#at(path);
    return node === undefined ? undefined : entryOf(path, node);
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    const { children } = this.#directory(access, path);
    // As it is now; what changes while somebody reads slowly is another listing.
    const all = [...children].filter(([name]) => access.allows(joined(path, name)));
    for (let at = 0; at < all.length; at += batchMax) {
      signal.throwIfAborted();
      yield all.slice(at, at + batchMax).map(([name, node]) => entryOf(joined(path, name), node));
    }
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    for await (const batch of this.list(access, path, signal))
      yield batch.map((entry) => ({ name: nameOf(entry.path), kind: entry.kind }));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    access.check(path);
    const file = asFile(this.#existing(path), path);
    return {
      entry: entryOf(path, file),
      read: (signal, range) => chunksOf(file, signal, range),
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
    this.#wanted(access, path, options);
    return await this.#drafted(path, async (draft) => {
      await draft.fill(content, options.bytesMax);
      // Others may have been here while the bytes came.
      const before = this.#wanted(access, path, options);
      const { chunks, sizeBytes } = draft.after({ chunks: [], sizeBytes: 0 });
      const times = { modifiedMs: options.modifiedMs, createdMs: before?.createdMs };
      const entry = this.#publish(path, { chunks, sizeBytes, ...times });
      draft.keep();
      this.#room.give(before?.sizeBytes ?? 0);
      return entry;
    });
  }

  async append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    { ifMatch }: { readonly ifMatch?: string } = {},
  ): Promise<Entry> {
    const options = { mode: "any", ...(ifMatch === undefined ? {} : { ifMatch }) } as const;
    this.#wanted(access, path, options);
    return await this.#drafted(path, async (draft) => {
      await draft.fill(content);
      const before = this.#wanted(access, path, options);
      const whole = draft.after(before ?? { chunks: [], sizeBytes: 0 });
      const entry = this.#publish(path, { ...whole, createdMs: before?.createdMs });
      draft.keep();
      return entry;
    });
  }

  async makeDirectory(access: Access, path: string): Promise<Entry> {
    access.check(path);
    if (this.#at(path) !== undefined) throw occupied(path);
    const directory = this.#emptyDirectory();
    this.#attach(path, directory);
    return entryOf(path, directory);
  }

  async move(
    access: Access,
    from: string,
    to: string,
    { replace }: { readonly replace: boolean },
  ): Promise<Entry> {
    await this.assertWhole(access, from);
    access.check(to);
    const node = this.#existing(from);
    if (from === to) return entryOf(to, node);
    if (isWithin(to, from))
      throw new OperoneError("invalid_input", `"${from}" cannot be moved into itself, to "${to}"`);
    const there = this.#at(to);
    if (there !== undefined && !replace) throw occupied(to);
    // Before anything is gone.
    assertName(nameOf(to));
    this.#parent(to);
    if (there !== undefined) {
      if (
        isWithin(from, to) ||
        there.kind !== node.kind ||
        (there.kind === "directory" && there.children.size > 0)
      )
        throw new OperoneError("conflict", `"${to}" cannot be replaced by "${from}"; remove it first`);
      this.#forget(to, there);
    }
    this.#detach(from);
    this.#parent(to).children.set(nameOf(to), node);
    this.#touch(to);
    return entryOf(to, node);
  }

  async remove(access: Access, path: string): Promise<void> {
    access.check(path);
    const node = this.#existing(path);
    assertNotRoot(path);
    if (node.kind === "directory" && node.children.size > 0)
      throw new OperoneError("conflict", `The directory "${path}" is not empty; remove what is in it first`);
    this.#forget(path, node);
  }

  async assertWhole(access: Access, path: string): Promise<void> {
    access.check(path);
    assertNotRoot(path);
    if (access.unlimited) return;
    for (const [inner] of this.#below(path)) access.check(inner);
  }

  async takeOut(access: Access, path: string, host: string): Promise<Entry> {
    await this.assertWhole(access, path);
    const top = this.#existing(path);
    const all = this.#below(path);
    await writeHost(all, path, host);
    const now = this.#at(path) === undefined ? [] : this.#below(path);
    const isSame =
      now.length === all.length &&
      now.every(([inner, node], at) => all[at]?.[0] === inner && all[at]?.[1] === node);
    if (!isSame) throw new OperoneError("conflict", `"${path}" changed while it was removed; try again`);
    for (const [inner, node] of all.toReversed()) this.#forget(inner, node);
    return entryOf(path, top);
  }

  async bringIn(access: Access, host: string, path: string): Promise<Entry> {
    access.check(path);
    if (this.#at(path) !== undefined) throw occupied(path);
    this.#parent(path);
    const made: string[] = [];
    try {
      for await (const { relative, facts, content } of readHost(host)) {
        const inner = relative === "" ? path : `${path}/${relative}`;
        access.check(inner);
        if (facts.isDirectory()) await this.makeDirectory(access, inner);
        else
          await this.write(access, inner, content(), {
            mode: "create",
            modifiedMs: Math.floor(facts.mtimeMs),
          });
        made.push(inner);
      }
    } catch (error) {
      for (const inner of made.toReversed()) await this.remove(access, inner).catch(() => {});
      throw error;
    }
    return entryOf(path, this.#existing(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#root.children.clear();
  }

  #emptyDirectory(): MemoryDirectory {
    const nowMs = this.#nowMs();
    return { kind: "directory", children: new Map(), createdMs: nowMs, modifiedMs: nowMs };
  }

  #at(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of path.split("/")) {
      if (name === "") continue;
      node = node?.kind === "directory" ? node.children.get(name) : undefined;
    }
    return node;
  }

  #existing(path: string): MemoryNode {
    const node = this.#at(path);
    if (node === undefined) throw new OperoneError("not_found", `There is nothing at "${path}"`);
    return node;
  }

  #directory(access: Access, path: string): MemoryDirectory {
    access.check(path);
    return asDirectory(this.#existing(path), path);
  }

  #parent(path: string): MemoryDirectory {
    const above = parentOf(path);
    return asDirectory(this.#existing(above), above);
  }

  /** What is there, when it may be written over. @throws OperoneError as `Backend.write` */
  #wanted(
    access: Access,
    path: string,
    { mode, ifMatch }: Pick<WriteOptions, "mode" | "ifMatch">,
  ): MemoryFile | undefined {
    access.check(path);
    this.#parent(path);
    assertName(nameOf(path));
    const node = this.#at(path);
    if (node !== undefined && mode === "create") throw occupied(path);
    if (node === undefined && mode === "replace")
      throw new OperoneError("not_found", `There is no file at "${path}" to be replaced`);
    const file = node === undefined ? undefined : asFile(node, path);
    if (ifMatch === undefined || ifMatch === file?.etag) return file;
    throw new OperoneError(
      "precondition_failed",
      `"${path}" ${file === undefined ? "does not exist any more" : `has changed (its etag is "${file.etag}")`}; read it again, then write`,
    );
  }

  async #drafted(path: string, work: (draft: ByteDraft) => Promise<Entry>): Promise<Entry> {
    const draft = new ByteDraft(this.#room, path);
    try {
      return await work(draft);
    } finally {
      draft.release();
    }
  }

  #publish(path: string, { chunks, sizeBytes, modifiedMs, createdMs }: Published): Entry {
    const nowMs = this.#nowMs();
    this.#versions += 1;
    const file: MemoryFile = {
      kind: "file",
      ...{ chunks, sizeBytes, modifiedMs: modifiedMs ?? nowMs, createdMs: createdMs ?? nowMs },
      etag: `${this.#life}-${this.#versions.toString(36)}`,
    };
    if (createdMs === undefined) this.#attach(path, file);
    else this.#parent(path).children.set(nameOf(path), file);
    return entryOf(path, file);
  }

  #attach(path: string, node: MemoryNode): void {
    assertName(nameOf(path));
    const parent = this.#parent(path);
    this.#room.takeEntry(nodeBytes, path);
    parent.children.set(nameOf(path), node);
    this.#touch(path);
  }

  #detach(path: string): void {
    this.#parent(path).children.delete(nameOf(path));
    this.#touch(path);
  }

  #forget(path: string, node: MemoryNode): void {
    this.#detach(path);
    this.#room.giveEntry(nodeBytes + (node.kind === "file" ? node.sizeBytes : 0));
  }

  #touch(path: string): void {
    this.#parent(path).modifiedMs = this.#nowMs();
  }

  /** It and all that is in it, a directory before what it holds. */
  #below(path: string): readonly (readonly [string, MemoryNode])[] {
    const found: (readonly [string, MemoryNode])[] = [[path, this.#existing(path)]];
    for (const [folder, node] of found) {
      if (node.kind === "directory")
        for (const [name, child] of node.children) found.push([joined(folder, name), child]);
    }
    return found;
  }
}

interface Published {
  readonly chunks: readonly Uint8Array[];
  readonly sizeBytes: number;
  readonly modifiedMs?: number | undefined;
  /** Absent: the file is new. */
  readonly createdMs: number | undefined;
}

function asFile(node: MemoryNode, path: string): MemoryFile {
  if (node.kind === "file") return node;
  throw new OperoneError("conflict", `"${path}" is a directory, and not a file`);
}

function asDirectory(node: MemoryNode, path: string): MemoryDirectory {
  if (node.kind === "directory") return node;
  throw new OperoneError("conflict", `"${path}" is no directory`);
}

function occupied(path: string): OperoneError {
  return new OperoneError(
    "conflict",
    `Something is at "${path}" already; replace it, or choose another name`,
  );
}

function assertNotRoot(path: string): void {
  if (path === "/") throw new OperoneError("conflict", `"/" is the root, and stays where it is`);
}

function assertName(name: string): void {
  if (Buffer.byteLength(name) <= nameBytesMax) return;
  throw new OperoneError("invalid_input", `The name "${name}" has more than ${nameBytesMax} bytes`);
}
