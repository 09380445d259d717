/**
 * A folder of another node as a tree of its own. That node judges each call by its caller; beyond that, what a path
 * really means there must lie in the folder, and be the caller's here.
 *
 * What is judged and what is done are two calls, so a link that is put there in between can lead a write elsewhere on
 * that node: to where the caller may write there, and to nothing else. What is read is known by its etag.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Access, Backend, Entry, Named, OpenFile, Traits, WriteOptions } from "./backend.ts";
import { absolutePath, isWithin, joined, nameOf, parentOf } from "./file-path.ts";
import { bringInByCopy, takeOutByCopy } from "./host-carry.ts";
import type { MountCaller } from "./mount-kind.ts";
import { elsewhere, RemoteBackend } from "./remote-backend.ts";

/** So many bytes of a name does every file system take; a longer one would be another error on each. */
const nameBytesMax = 255;
const chunkBytesMax = 256 * 1024;

interface FarPlace {
  readonly node: string;
  /** As that node understands it. */
  readonly path: string;
}

export function remoteFolder(caller: MountCaller, place: FarPlace): Backend {
  const tellsWhere = caller.authority.sets.every((set) => set.owner);
  return new RemoteFolder(new RemoteBackend(caller, place.node), place, tellsWhere);
}

class RemoteFolder implements Backend {
  readonly kind = "node";
  readonly #far: RemoteBackend;
  readonly #place: FarPlace;
  readonly #tellsWhere: boolean;
  #root: Promise<string> | undefined;

  /** @param tellsWhere whether messages may name the node and its path: to the owner, who has mounted it */
  constructor(far: RemoteBackend, place: FarPlace, tellsWhere: boolean) {
    this.#far = far;
    this.#place = place;
    this.#tellsWhere = tellsWhere;
  }

  async traits(access: Access, path: string): Promise<Traits> {
    await this.#existing(access, path);
    return await this.#far.traits();
  }

  async stat(
    access: Access,
    path: string,
    { follow = false }: { readonly follow?: boolean } = {},
  ): Promise<Entry | undefined> {
    if (follow || path === "/") return await this.#real(access, path);
    access.check(path);
    const parent = await this.#real(access, parentOf(path), true);
    if (parent?.kind !== "directory") return undefined;
    const own = joined(parent.path, nameOf(path));
    access.check(own);
    const entry = await this.#told(async () => this.#far.stat(elsewhere, await this.#out(own)));
    return entry === undefined ? undefined : { ...entry, path: own };
  }

  async *list(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    const folder = await this.#existing(access, path);
    if (folder.kind !== "directory") throw new OperoneError("conflict", `"${path}" is no directory`);
    const far = await this.#out(folder.path);
    try {
      for await (const batch of this.#far.list(elsewhere, far, signal)) {
        const own = batch.map((entry) => ({ ...entry, path: joined(folder.path, nameOf(entry.path)) }));
        yield own.filter((entry) => access.allows(entry.path));
      }
    } catch (error) {
      throw await this.#ours(error);
    }
  }

  async *names(access: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    for await (const batch of this.list(access, path, signal))
      yield batch.map((entry) => ({ name: nameOf(entry.path), kind: entry.kind }));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    const entry = await this.#existing(access, path);
    if (entry.kind !== "file") throw new OperoneError("conflict", `"${path}" is no file`);
    const far = await this.#out(entry.path);
    return {
      entry,
      read: (signal, range) => this.#read(far, entry, signal, range),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async *#read(
    far: string,
    entry: Entry,
    signal: AbortSignal,
    range?: { readonly start: number; readonly end: number },
  ): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const piece of this.#far.bytes(far, entry, signal, range)) {
        // A copy: the pieces of a frame share their memory.
        for (let at = 0; at < piece.length; at += chunkBytesMax)
          yield Uint8Array.from(piece.subarray(at, at + chunkBytesMax));
        signal.throwIfAborted();
      }
    } catch (error) {
      throw await this.#ours(error);
    }
  }

  async write(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    const { bytesMax, ...rest } = options;
    return await this.#sent(access, path, limited(content, bytesMax, path), (far, bytes) =>
      this.#far.write(elsewhere, far, bytes, rest),
    );
  }

  async append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: { readonly ifMatch?: string } = {},
  ): Promise<Entry> {
    return await this.#sent(access, path, content, (far, bytes) =>
      this.#far.append(elsewhere, far, bytes, options),
    );
  }

  async makeDirectory(access: Access, path: string): Promise<Entry> {
    return await this.#changed(await this.#name(access, path), (far) =>
      this.#far.makeDirectory(elsewhere, far),
    );
  }

  async move(
    access: Access,
    from: string,
    to: string,
    options: { readonly replace: boolean },
  ): Promise<Entry> {
    const source = await this.#name(access, from);
    await this.#assertWhole(access, source);
    const target = await this.#name(access, to);
    const far = await this.#out(source);
    return await this.#changed(target, (there) => this.#far.move(elsewhere, far, there, options));
  }

  async remove(access: Access, path: string): Promise<void> {
    const own = await this.#name(access, path);
    await this.#told(async () => this.#far.remove(elsewhere, await this.#out(own)));
  }

  async hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    const { path: own } = await this.#existing(access, path);
    return await this.#told(async () => this.#far.hash(elsewhere, await this.#out(own), signal, firstBytes));
  }

  async rehearse(access: Access, path: string, kind: "file" | "directory"): Promise<void> {
    access.check(path);
    await this.#told(async () => this.#far.rehearse(elsewhere, await this.#out(path), kind));
  }

  async assertWhole(access: Access, path: string): Promise<void> {
    await this.#assertWhole(access, await this.#name(access, path));
  }

  async takeOut(access: Access, path: string, host: string): Promise<Entry> {
    return await takeOutByCopy(this, access, path, host);
  }

  async bringIn(access: Access, host: string, path: string): Promise<Entry> {
    await this.#name(access, path);
    return await bringInByCopy(this, access, host, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The path there of one here. */
  async #out(path: string): Promise<string> {
    const root = await this.#rootPath();
    return path === "/" ? root : root === "/" ? path : root + path;
  }

  /** Asked once, as only that node knows what `~` is, and where a link on the way leads. */
  #rootPath(): Promise<string> {
    const { node, path } = this.#place;
    this.#root ??= this.#far.stat(elsewhere, path, { follow: true }).then((entry) => {
      if (entry?.kind === "directory") return absolutePath(entry.path);
      throw new OperoneError(
        "unavailable",
        `The node "${node}" has no such directory any more; bring it back there, or unmount it`,
      );
    });
    return this.#root;
  }

  /** @throws OperoneError `forbidden` for what lies outside */
  async #own(far: string, asked: string): Promise<string> {
    const root = await this.#rootPath();
    if (!isWithin(far, root))
      throw new OperoneError("forbidden", `"${asked}" leads out of what is given here; name its target`);
    return root === "/" ? far : far.slice(root.length) || "/";
  }

  /** What is there, through links, by its real path. @param passing whether it is only gone through */
  async #real(access: Access, path: string, passing = false): Promise<Entry | undefined> {
    if (!passing) access.check(path);
    const entry = await this.#told(async () =>
      this.#far.stat(elsewhere, await this.#out(path), { follow: true }),
    );
    if (entry === undefined) return undefined;
    const own = await this.#own(entry.path, path);
    if (!passing || own !== path) access.check(own);
    return { ...entry, path: own };
  }

  async #existing(access: Access, path: string): Promise<Entry> {
    const entry = await this.#real(access, path);
    if (entry === undefined) throw new OperoneError("not_found", `There is nothing at "${path}"`);
    return entry;
  }

  /** A name in a directory that is there, by the directory's real path. */
  async #name(access: Access, path: string): Promise<string> {
    access.check(path);
    if (path === "/") throw new OperoneError("conflict", "The root of the tree cannot be changed itself");
    const above = parentOf(path);
    const folder = await this.#real(access, above, true);
    if (folder === undefined)
      throw new OperoneError("not_found", `There is no directory "${above}"; make it first`);
    if (folder.kind !== "directory") throw new OperoneError("conflict", `"${above}" is no directory`);
    const name = nameOf(path);
    if (Buffer.byteLength(name) > nameBytesMax)
      throw new OperoneError("invalid_input", `The name "${name}" has more than ${nameBytesMax} bytes`);
    const own = joined(folder.path, name);
    access.check(own);
    return own;
  }

  async #assertWhole(access: Access, own: string): Promise<void> {
    if (access.unlimited) return;
    const signal = new AbortController().signal;
    const folders = [own];
    const root = await this.#rootPath();
    for (const folder of folders) {
      access.check(folder);
      const entry = await this.stat(access, folder);
      if (entry?.kind !== "directory") continue;
      const far = root === "/" ? folder : root + folder;
      for await (const batch of this.#far.names(elsewhere, far, signal))
        folders.push(...batch.map(({ name }) => joined(folder, name)));
    }
  }

  /** A link at the end is followed, as far as it leads to nothing else. */
  async #sent(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    work: (far: string, bytes: AsyncIterable<Uint8Array>) => Promise<Entry>,
  ): Promise<Entry> {
    const name = await this.#name(access, path);
    const own = (await this.#real(access, name))?.path ?? name;
    const broken: unknown[] = [];
    const watched = async function* () {
      try {
        yield* content;
      } catch (error) {
        broken.push(error);
        throw error;
      }
    };
    try {
      return await this.#changed(own, (far) => work(far, watched()));
    } catch (error) {
      // What the bytes broke off with is the reason, and not what the other node makes of it.
      throw broken.length > 0 ? broken[0] : error;
    }
  }

  async #changed(own: string, work: (far: string) => Promise<Entry>): Promise<Entry> {
    const entry = await this.#told(async () => work(await this.#out(own)));
    return { ...entry, path: own };
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.#ours(error);
    }
  }

  /** The other node quotes its own paths. */
  async #ours(error: unknown): Promise<unknown> {
    if (!(error instanceof OperoneError)) return error;
    const root = (await this.#rootPath().catch(() => undefined)) ?? "/";
    const inner = (text: string) => text.replaceAll(`"${root}/`, '"/').replaceAll(`"${root}"`, '"/"');
    const message = root === "/" ? error.message : inner(error.message);
    const { node, path } = this.#place;
    const isTold =
      this.#tellsWhere || ![node, path, root].some((text) => text !== "/" && message.includes(text));
    if (isTold) return new OperoneError(error.code, message, error.details, { cause: error });
    const why =
      error.code === "forbidden" ? "a right of the caller on that node is missing" : "it is away, or refuses";
    return new OperoneError(
      error.code,
      `The node on which this lies does not give it: ${why}; the owner of this node sees where with "operone fs mounts"`,
      undefined,
      { cause: error },
    );
  }
}

/** @throws OperoneError `too_large` */
async function* limited(
  content: AsyncIterable<Uint8Array>,
  bytesMax: number | undefined,
  path: string,
): AsyncGenerator<Uint8Array, void> {
  let sent = 0;
  for await (const chunk of content) {
    sent += chunk.length;
    if (bytesMax !== undefined && sent > bytesMax)
      throw new OperoneError(
        "too_large",
        `"${path}" would have more than the ${bytesMax} bytes that are allowed`,
      );
    yield chunk;
  }
}
