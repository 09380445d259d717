/** The machine's own disk, below one root. Every path is resolved and judged by resolver.ts first. */
import type { BigIntStats } from "node:fs";
import { chown, lstat, mkdir, readdir, rmdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { OperoneError } from "../../../src/kernel/error.ts";
import type {
  Access,
  AppendOptions,
  Backend,
  Entry,
  Named,
  OpenFile,
  Traits,
  WatchedFolder,
  WriteOptions,
} from "../backend.ts";
import { joined } from "../file-path.ts";
import { isNameText, textOfName } from "../name-text.ts";
import { explained } from "../system-error.ts";
import { carry, type Spot } from "./carry.ts";
import type { DraftsOptions } from "./drafts.ts";
import { entryOf, kindOf } from "./entry-facts.ts";
import { FileWriter } from "./file-writer.ts";
import { assertNameHere } from "./host-name.ts";
import { moveEntry } from "./move.ts";
import { openFile } from "./opened-file.ts";
import { type HeldPlace, hold, linkText, namesOf, openHeld, orMissing } from "./place.ts";
import { type Resolved, Resolver, type ResolverOptions } from "./resolver.ts";
import { traitsOf } from "./traits.ts";

/** Entries that are asked for at once, and come in one batch. */
const batchMax = 256;
/** Names that are judged in one turn of the event loop. */
const namesMax = 4_096;

export interface LocalOptions extends ResolverOptions, DraftsOptions {
  readonly writable: boolean;
}

export class LocalBackend implements Backend {
  readonly kind = "local";
  readonly #options: LocalOptions;
  readonly #resolver: Resolver;
  readonly #writer: FileWriter;

  constructor(options: LocalOptions) {
    this.#options = options;
    this.#resolver = new Resolver(options);
    this.#writer = new FileWriter({ ...options, assertReadable: this.#assertReadable });
  }

  async traits(access: Access, path: string): Promise<Traits> {
    return await explained("look at", path, async () => {
      await using found = await this.#directory(access, path);
      return { ...(await traitsOf(found.place)), writable: this.#options.writable };
    });
  }

  async stat(
    access: Access,
    path: string,
    { follow = false }: { readonly follow?: boolean } = {},
  ): Promise<Entry | undefined> {
    return await explained("look at", path, async () => {
      const found = follow
        ? await this.#resolver.follow(access, path)
        : await this.#resolver.at(access, path);
      if (found === undefined) return undefined;
      await using place = found.place;
      if (!place.facts.isSymbolicLink()) return entryOf(found.path, place.facts);
      return await this.#linkEntry(access, found);
    });
  }

  async #linkEntry(access: Access, { path, place }: Resolved): Promise<Entry | undefined> {
    const parent = await this.#resolver.parent(access, path);
    await using folder = parent.place;
    const target = await orMissing(() => linkText(folder.child(parent.name)));
    return target === undefined ? undefined : entryOf(path, place.facts, target);
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    const found = await explained("list", path, () => this.#directory(access, path));
    await using held = found;
    const names = await explained("list", path, () => namesOf(held.place));
    for (let at = 0; at < names.length; at += batchMax) {
      signal.throwIfAborted();
      const batch = names.slice(at, at + batchMax);
      const given = batch.filter((name) => this.gives(access, joined(held.path, name)));
      const entries = await explained("list", path, () =>
        Promise.all(given.map((name) => entryIn(held.place, held.path, name))),
      );
      yield entries.filter((entry) => entry !== undefined);
    }
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    await using held = await explained("list", path, () => this.#directory(access, path));
    signal.throwIfAborted();
    const all = await explained("list", path, () => namesIn(held.place));
    for (let at = 0; at < all.length; at += namesMax) {
      signal.throwIfAborted();
      yield all.slice(at, at + namesMax).filter(({ name }) => this.gives(access, joined(held.path, name)));
      await turn();
    }
  }

  ownKeys(): readonly string[] {
    return this.#resolver.ownKeys();
  }

  async watched(access: Access, path: string): Promise<WatchedFolder> {
    await using held = await explained("watch", path, () => this.#directory(access, path));
    const host = this.#resolver.host(held.path);
    const gives = (inner: string) => this.gives(access, inner);
    return { path: held.path, host, gives, own: () => this.#resolver.own() };
  }

  gives(access: Access, path: string): boolean {
    return !this.#resolver.isRefused(path) && access.allows(path);
  }

  givesFilesIn(access: Access, path: string): boolean {
    return access.unlimited && this.gives(access, path) && !this.#resolver.holdsRefusedItself(path);
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    return await explained("read", path, async () => {
      const found = await this.#resolver.follow(access, path);
      if (found === undefined) throw missing(path);
      await using place = found.place;
      const file = await openHeld(place, path);
      try {
        const facts = await file.stat({ bigint: true });
        return openFile(file, entryOf(found.path, facts), facts);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  async write(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    this.#assertWritable(path);
    return await explained("write", path, async () => {
      await using target = await this.#target(access, path);
      return await this.#writer.write(target, content, options);
    });
  }

  async append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: AppendOptions = {},
  ): Promise<Entry> {
    this.#assertWritable(path);
    return await explained("append to", path, async () => {
      await using target = await this.#target(access, path);
      return await this.#writer.append(target, content, options);
    });
  }

  async makeDirectory(
    access: Access,
    path: string,
    { permissions = 0o777 }: { readonly permissions?: number } = {},
  ): Promise<Entry> {
    this.#assertWritable(path);
    return await explained("make", path, async () => {
      await using parent = await this.#parent(access, path);
      const { place, name } = parent;
      await mkdir(place.child(name), permissions);
      await adopt(place, name);
      const made = joined(parent.path, name);
      return entryOf(made, await lstat(place.child(name), { bigint: true }));
    });
  }

  async move(
    access: Access,
    from: string,
    to: string,
    { replace }: { readonly replace: boolean },
  ): Promise<Entry> {
    this.#assertWritable(from);
    return await explained("move", from, async () => {
      await using source = await this.#parent(access, from);
      await using target = await this.#parent(access, to);
      await this.#assertWhole(access, source);
      await this.#assertReplaceable(target);
      const facts = await moveEntry(source, target, replace);
      return entryOf(joined(target.path, target.name), facts);
    });
  }

  async remove(access: Access, path: string): Promise<void> {
    this.#assertWritable(path);
    await explained("remove", path, async () => {
      await using parent = await this.#parent(access, path);
      const child = parent.place.child(parent.name);
      const facts = await orMissing(() => lstat(child, { bigint: true }));
      if (facts === undefined) throw missing(path);
      this.#resolver.assertMovable(path, facts);
      await (facts.isDirectory() ? rmdir(child) : unlink(child));
    });
  }

  hostPath(path: string): string {
    return this.#resolver.host(path);
  }

  async hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    await using file = await this.open(access, path);
    const hasher = new Bun.CryptoHasher("sha256");
    const end = firstBytes ?? Number.MAX_SAFE_INTEGER;
    for await (const chunk of file.read(signal, { start: 0, end })) hasher.update(chunk);
    return hasher.digest("hex");
  }

  async assertWhole(access: Access, path: string): Promise<void> {
    await explained("remove", path, async () => {
      await using parent = await this.#parent(access, path);
      await this.#assertWhole(access, parent);
    });
  }

  async takeOut(access: Access, path: string, host: string): Promise<Entry> {
    this.#assertWritable(path);
    return await explained("remove", path, async () => {
      await using source = await this.#parent(access, path);
      const child = source.place.child(source.name);
      const facts = await orMissing(() => lstat(child, { bigint: true }));
      if (facts === undefined) throw missing(path);
      await this.#assertWhole(access, source);
      await using target = await hostSpot(host);
      await carry(source, target, this.#carrying());
      return entryOf(joined(source.path, source.name), facts);
    });
  }

  async bringIn(access: Access, host: string, path: string): Promise<Entry> {
    this.#assertWritable(path);
    return await explained("restore", path, async () => {
      await using target = await this.#parent(access, path);
      await using source = await hostSpot(host);
      await carry(source, target, this.#carrying());
      const child = target.place.child(target.name);
      return entryOf(joined(target.path, target.name), await lstat(child, { bigint: true }));
    });
  }

  #carrying() {
    const part = Buffer.from(this.#options.random(8)).toString("hex");
    return { partName: `.operone-carried-${part}`, assertReadable: this.#assertReadable };
  }

  readonly #assertReadable = (path: string, facts: BigIntStats) => this.#resolver.assertNotOwn(path, facts);

  async [Symbol.asyncDispose](): Promise<void> {}

  /**
   * What is moved as a whole must be the caller's as a whole: else what a deny keeps from it would come to where none does.
   */
  async #assertWhole(access: Access, { path, place, name }: Spot): Promise<void> {
    const whole = joined(path, name);
    await using held = await orMissing(() => hold(place.child(name)));
    if (held === undefined) return;
    this.#resolver.assertMovable(whole, held.facts);
    if (!access.unlimited) await assertAllowed(access, whole, held);
  }

  /** What stands where something comes to is lost. */
  async #assertReplaceable({ path, place, name }: Spot): Promise<void> {
    const facts = await orMissing(() => lstat(place.child(name), { bigint: true }));
    if (facts !== undefined) this.#resolver.assertMovable(joined(path, name), facts);
  }

  /** The directory, and its last name after links: what is really written. */
  async #target(access: Access, path: string): Promise<Parent> {
    const parent = await this.#parent(access, path);
    if (!(await isLink(parent))) return parent;
    await parent[Symbol.asyncDispose]();
    const found = await this.#resolver.follow(access, path);
    if (found === undefined) {
      throw new OperoneError("conflict", `"${path}" is a link to what does not exist; write to its target`);
    }
    await found.place[Symbol.asyncDispose]();
    return await this.#parent(access, found.path);
  }

  async #parent(access: Access, path: string): Promise<Parent> {
    const parent = await this.#resolver.parent(access, path);
    try {
      assertNameHere(parent.name);
      if (!isNameText(parent.name)) throw strangeName(parent.name);
    } catch (error) {
      await parent.place[Symbol.asyncDispose]();
      throw error;
    }
    return { ...parent, [Symbol.asyncDispose]: () => parent.place[Symbol.asyncDispose]() };
  }

  async #directory(access: Access, path: string): Promise<Resolved & AsyncDisposable> {
    const found = await this.#resolver.follow(access, path);
    if (found === undefined) throw missing(path);
    const held = { ...found, [Symbol.asyncDispose]: () => found.place[Symbol.asyncDispose]() };
    if (found.place.facts.isDirectory()) return held;
    await held[Symbol.asyncDispose]();
    throw new OperoneError("conflict", `"${path}" is no directory`);
  }

  #assertWritable(path: string): void {
    if (this.#options.writable) return;
    throw new OperoneError("unsupported", `"${path}" lies in what was mounted to be read alone`);
  }
}

/** A directory that is held, and a name in it. */
export type Parent = Resolved & { readonly name: string } & AsyncDisposable;

/** Directory by directory, each held: a link that comes into its place leads nowhere. */
async function assertAllowed(access: Access, path: string, held: HeldPlace): Promise<void> {
  access.check(path);
  if (!held.facts.isDirectory()) return;
  for (const name of await namesOf(held)) {
    await using inner = await orMissing(() => hold(held.child(name)));
    if (inner !== undefined) await assertAllowed(access, joined(path, name), inner);
  }
}

/** As root: what is new belongs to the owner of the directory that it lies in. */
async function adopt(folder: HeldPlace, name: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  await using made = await hold(folder.child(name));
  if (made.facts.isDirectory()) await chown(made.path, Number(folder.facts.uid), Number(folder.facts.gid));
}

/** A place of the node's own. */
async function hostSpot(host: string): Promise<Spot & AsyncDisposable> {
  const path = dirname(host);
  const place = await hold(path);
  return { place, path, name: basename(host), [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

/** Lets whatever else waits have its turn. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function missing(path: string): OperoneError {
  return new OperoneError("not_found", `There is nothing at "${path}"`);
}

function strangeName(name: string): OperoneError {
  return new OperoneError(
    "invalid_input",
    `${JSON.stringify(name)} spells bytes that are characters; write these instead`,
  );
}

/** Lets go of the directory when the system will not say, as of a name that is too long. */
async function isLink(parent: Parent): Promise<boolean> {
  try {
    return (await orMissing(() => lstat(parent.place.child(parent.name))))?.isSymbolicLink() === true;
  } catch (error) {
    await parent[Symbol.asyncDispose]();
    throw error;
  }
}

/** Undefined: it went away meanwhile. */
async function entryIn(folder: HeldPlace, path: string, name: string): Promise<Entry | undefined> {
  const child = folder.child(name);
  const facts = await orMissing(() => lstat(child, { bigint: true }));
  if (facts === undefined) return undefined;
  const target = facts.isSymbolicLink() ? await orMissing(() => linkText(child)) : undefined;
  return entryOf(joined(path, name), facts, target);
}

/** What the directory itself tells is enough, unless a name is no text. */
async function namesIn(folder: HeldPlace): Promise<readonly Named[]> {
  const found = await readdir(folder.path, { withFileTypes: true });
  if (!found.some(({ name }) => name.includes("\ufffd") || !isNameText(name)))
    return found.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
  const names = (await readdir(folder.path, { encoding: "buffer" })).map(textOfName);
  const all = await Promise.all(
    names.map(async (name) => {
      const facts = await orMissing(() => lstat(folder.child(name)));
      return facts === undefined ? undefined : { name, kind: kindOf(facts) };
    }),
  );
  return all.filter((one) => one !== undefined);
}
