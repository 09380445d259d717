/**
 * Writes files whole: the bytes go to a file of their own in the same directory, are on the disk before it takes the
 * name, and the name is on the disk before the call is answered. After a crash at any moment there are the old bytes or the
 * new ones.
 */
import { type BigIntStats, constants } from "node:fs";
import { chmod, type FileHandle, lchown, link, lstat, open, rename, unlink } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Entry, WriteOptions } from "../backend.ts";
import { joined } from "../file-path.ts";
import { codeOf } from "../system-error.ts";
import { entryOf, etagOf } from "./entry-facts.ts";
import type { Parent } from "./local-backend.ts";
import { syncDirectory } from "./move.ts";
import { assertFile, type HeldPlace, hold, openHeld, orMissing } from "./place.ts";

const chunkBytes = 256 * 1024;
/** What is left of a write that was killed: `.operone-write-` and 16 digits. */
const draftPrefix = ".operone-write-";

/** For opening what the writer itself finds at the name, and not a link to elsewhere. */
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export class FileWriter {
  readonly #random: (count: number) => Uint8Array;
  /** The last write to each place; writes of this node to one file go one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(random: (count: number) => Uint8Array) {
    this.#random = random;
  }

  async write(target: Parent, content: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<Entry> {
    const path = joined(target.path, target.name);
    assertWanted(await factsAt(target), options, path);
    const draft = `${draftPrefix}${Buffer.from(this.#random(8)).toString("hex")}`;
    const draftPath = target.place.child(draft);
    try {
      await this.#fill(target, draft, content, options);
      return await this.#inTurn(target, () => this.#publish(target, draft, options));
    } finally {
      // Gone when it was given its name.
      await unlink(draftPath).catch(() => {});
    }
  }

  async append(
    target: Parent,
    content: AsyncIterable<Uint8Array>,
    { ifMatch }: { readonly ifMatch?: string },
  ): Promise<Entry> {
    const path = joined(target.path, target.name);
    return await this.#inTurn(target, async () => {
      const facts = await factsAt(target);
      assertWanted(facts, { mode: "any", ...(ifMatch === undefined ? {} : { ifMatch }) }, path);
      if (facts === undefined) {
        return await this.#whole(target, content, { mode: "create" });
      }
      // Its other names may lie where the caller has no right to write.
      if (facts.nlink > 1n) {
        const more = concatenated(await bytesAt(target, path), content);
        return await this.#whole(target, more, { mode: "replace", ifMatch: etagOf(facts) });
      }
      return await appendTo(target, facts, content);
    });
  }

  /** As root: what is new belongs to the owner of the directory that it lies in. */
  async adopt(folder: HeldPlace, name: string): Promise<void> {
    if (process.getuid?.() !== 0) return;
    await lchown(folder.child(name), Number(folder.facts.uid), Number(folder.facts.gid));
  }

  /** In the turn that the caller has already. */
  async #whole(target: Parent, content: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<Entry> {
    const draft = `${draftPrefix}${Buffer.from(this.#random(8)).toString("hex")}`;
    try {
      await this.#fill(target, draft, content, options);
      return await this.#publish(target, draft, options);
    } finally {
      await unlink(target.place.child(draft)).catch(() => {});
    }
  }

  async #fill(
    target: Parent,
    draft: string,
    content: AsyncIterable<Uint8Array>,
    { permissions = 0o666, bytesMax, modifiedMs }: WriteOptions,
  ): Promise<void> {
    await using file = await open(target.place.child(draft), newFile, permissions & 0o777);
    await copyInto(file, content, joined(target.path, target.name), bytesMax);
    if (modifiedMs !== undefined) await file.utimes(modifiedMs / 1_000, modifiedMs / 1_000);
    await file.sync();
  }

  async #publish(target: Parent, draft: string, options: WriteOptions): Promise<Entry> {
    const { place, name } = target;
    const path = joined(target.path, name);
    const before = await factsAt(target);
    assertWanted(before, options, path);
    const [from, to] = [place.child(draft), place.child(name)];
    if (before === undefined) {
      await this.adopt(place, draft);
      await giveName(from, to, path);
      // To lose its other name changes a file, and so its etag.
      await unlink(from).catch(() => {});
    } else {
      if (process.getuid?.() === 0) await lchown(from, Number(before.uid), Number(before.gid));
      if (process.platform !== "win32") await chmod(from, Number(before.mode & 0o777n));
      await rename(from, to);
    }
    await syncDirectory(place.path);
    return entryOf(path, await lstat(to, { bigint: true }));
  }

  async #inTurn<T>(target: Parent, work: () => Promise<T>): Promise<T> {
    const key = joined(target.path, target.name);
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work, work);
    const settled = turn.catch(() => {});
    this.#turns.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === settled) this.#turns.delete(key);
    }
  }
}

async function factsAt({ place, name }: Parent): Promise<BigIntStats | undefined> {
  return await orMissing(() => lstat(place.child(name), { bigint: true }));
}

/** @throws OperoneError `conflict`, `not_found`, `precondition_failed` */
function assertWanted(
  facts: BigIntStats | undefined,
  { mode, ifMatch }: Pick<WriteOptions, "mode" | "ifMatch">,
  path: string,
): void {
  if (facts !== undefined && mode === "create")
    throw new OperoneError(
      "conflict",
      `There is something at "${path}" already; replace it, or choose another name`,
    );
  if (facts === undefined && mode === "replace")
    throw new OperoneError("not_found", `There is no file at "${path}" to be replaced`);
  if (facts !== undefined) assertFile(facts, path);
  const etag = facts === undefined ? undefined : etagOf(facts);
  if (ifMatch === undefined || ifMatch === etag) return;
  throw new OperoneError(
    "precondition_failed",
    `"${path}" ${etag === undefined ? "does not exist any more" : `has changed (its etag is "${etag}")`}; read it again, then write`,
  );
}

/** @throws OperoneError `conflict` for a name that somebody has taken meanwhile */
async function giveName(from: string | Buffer, to: string | Buffer, path: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST")
      throw new OperoneError(
        "conflict",
        `Something came to "${path}" while it was written; look at it first`,
      );
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
    await rename(from, to);
  }
}

async function copyInto(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  path: string,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<number> {
  let total = 0;
  for await (const chunk of content) {
    total += chunk.length;
    if (total > bytesMax)
      throw new OperoneError(
        "too_large",
        `"${path}" would have more than the ${bytesMax} bytes that are allowed`,
        {
          limitBytes: bytesMax,
        },
      );
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
  }
  return total;
}

/** What came so far is taken back when the rest does not come. */
async function appendTo(
  target: Parent,
  facts: BigIntStats,
  content: AsyncIterable<Uint8Array>,
): Promise<Entry> {
  const path = joined(target.path, target.name);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(target.place.child(target.name), flags);
  const opened = await file.stat({ bigint: true });
  if (opened.ino !== facts.ino || opened.nlink !== 1n)
    throw new OperoneError("conflict", `"${path}" was replaced meanwhile; try again`);
  try {
    await copyInto(file, content, path);
    await file.sync();
  } catch (error) {
    await file.truncate(Number(opened.size)).catch(() => {});
    throw error;
  }
  return entryOf(path, await file.stat({ bigint: true }));
}

async function bytesAt(target: Parent, path: string): Promise<AsyncIterable<Uint8Array>> {
  const place = await hold(target.place.child(target.name));
  const file = await openHeld(place, path);
  await place[Symbol.asyncDispose]();
  return (async function* () {
    await using _ = file;
    for (;;) {
      const chunk = new Uint8Array(chunkBytes);
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  })();
}

async function* concatenated(
  ...parts: readonly AsyncIterable<Uint8Array>[]
): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) yield* part;
}
