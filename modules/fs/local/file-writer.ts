/**
 * Writes files whole: the bytes go to a file of their own in the same directory, are on the disk before it takes the
 * name, and the name is on the disk before the call is answered. After a crash at any moment there are the old bytes or the
 * new ones.
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { AppendOptions, Entry, WriteOptions } from "../backend.ts";
import { joined } from "../file-path.ts";
import { codeOf } from "../system-error.ts";
import { syncDirectory } from "./carry.ts";
import { type Draft, Drafts, type DraftsOptions } from "./drafts.ts";
import { entryOf, etagOf } from "./entry-facts.ts";
import type { Parent } from "./local-backend.ts";

import { assertFile, hold, openHeld, orMissing, type SystemPath } from "./place.ts";

const chunkBytes = 256 * 1024;
/** Of what is appended; more is gathered on the disk. */
const gatheredBytesMax = 1024 * 1024;

export interface WriterOptions extends DraftsOptions {
  /** @throws OperoneError for what is nobody's to be read */
  assertReadable(path: string, facts: BigIntStats): void;
}

export class FileWriter {
  readonly #options: WriterOptions;
  readonly #drafts: Drafts;
  /** The last write to each place; writes of this node to one file go one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#drafts = new Drafts(options);
  }

  async write(target: Parent, content: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<Entry> {
    const before = await factsAt(target);
    assertWanted(before, options, joined(target.path, target.name));
    await using draft = await this.#filled(target, before, content, options);
    return await this.#inTurn(target, () => publish(target, draft, options));
  }

  /** All of it is there before the first byte is added: a caller that is slow holds nobody up. */
  async append(
    target: Parent,
    content: AsyncIterable<Uint8Array>,
    { ifMatch, partial = false, modifiedMs }: AppendOptions,
  ): Promise<Entry> {
    const path = joined(target.path, target.name);
    const wanted = { mode: "any", ...(ifMatch === undefined ? {} : { ifMatch }) } as const;
    const time = modifiedMs === undefined ? {} : { modifiedMs };
    const before = await factsAt(target);
    assertWanted(before, wanted, path);
    if (partial && before?.nlink === 1n) return await appendTo(target, before, content, { partial, ...time });
    await using gathered = await this.#gathered(target, content);
    return await this.#inTurn(target, async () => {
      const facts = await factsAt(target);
      assertWanted(facts, wanted, path);
      if (facts === undefined)
        return await this.#whole(target, facts, gathered.bytes(), { mode: "create", ...time });
      // Its other names may lie where the caller has no right to write.
      if (facts.nlink > 1n) {
        this.#options.assertReadable(path, facts);
        const more = concatenated(await bytesAt(target, path), gathered.bytes());
        return await this.#whole(target, facts, more, { mode: "replace", ifMatch: etagOf(facts), ...time });
      }
      return await appendTo(target, facts, gathered.bytes(), time);
    });
  }

  /** In the turn that the caller has already. */
  async #whole(
    target: Parent,
    before: BigIntStats | undefined,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    await using draft = await this.#filled(target, before, content, options);
    return await publish(target, draft, options);
  }

  async #filled(
    { path, place, name }: Parent,
    before: BigIntStats | undefined,
    content: AsyncIterable<Uint8Array>,
    { permissions = 0o666, bytesMax, modifiedMs }: WriteOptions,
  ): Promise<Draft> {
    // What replaces a file may be as secret as that one.
    const draft = await this.#drafts.open(place, before === undefined ? permissions & 0o777 : 0o600);
    try {
      await copyInto(draft.file, content, joined(path, name), bytesMax);
      if (modifiedMs !== undefined) await draft.file.utimes(modifiedMs / 1_000, modifiedMs / 1_000);
      await draft.file.sync();
      return draft;
    } catch (error) {
      await draft[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #gathered({ path, place, name }: Parent, content: AsyncIterable<Uint8Array>): Promise<Gathered> {
    const parts: Uint8Array[] = [];
    let total = 0;
    const all = content[Symbol.asyncIterator]();
    for (let next = await all.next(); !next.done; next = await all.next()) {
      // Whoever gave it may fill it anew.
      parts.push(next.value.slice());
      total += next.value.length;
      if (total > gatheredBytesMax) break;
    }
    if (total <= gatheredBytesMax) return { bytes: () => each(parts), [Symbol.asyncDispose]: async () => {} };
    const draft = await this.#drafts.open(place, 0o600);
    try {
      const rest: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => all };
      await copyInto(draft.file, concatenated(each(parts), rest), joined(path, name));
    } catch (error) {
      await draft[Symbol.asyncDispose]();
      throw error;
    }
    return {
      bytes: () => bytesOf(draft.file),
      [Symbol.asyncDispose]: () => draft[Symbol.asyncDispose](),
    };
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

/** What came of a call, whole. */
interface Gathered extends AsyncDisposable {
  bytes(): AsyncIterable<Uint8Array>;
}

/** By what is open, and not by its name: that could be somebody else's by now. */
async function publish(target: Parent, draft: Draft, options: WriteOptions): Promise<Entry> {
  const { place, name } = target;
  const path = joined(target.path, name);
  const before = await factsAt(target);
  assertWanted(before, options, path);
  const to = place.child(name);
  // As root: what is new belongs to the owner of the directory that it lies in.
  const { uid, gid } = before ?? place.facts;
  if (process.getuid?.() === 0) await draft.file.chown(Number(uid), Number(gid));
  if (before !== undefined && process.platform !== "win32")
    await draft.file.chmod(Number(before.mode & 0o777n));
  await draft.settle();
  if (before === undefined) {
    await giveName(draft.path, to, path);
    // To lose its other name changes a file, and so its etag.
    await unlink(draft.path).catch(() => {});
  } else await rename(draft.path, to);
  await syncDirectory(place.path);
  return entryOf(path, await draft.facts(to));
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
async function giveName(from: SystemPath, to: SystemPath, path: string): Promise<void> {
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
  written: (count: number) => void = () => {},
): Promise<void> {
  let total = 0;
  for await (const chunk of content) {
    total += chunk.length;
    if (total > bytesMax) {
      const limit = { limitBytes: bytesMax };
      throw new OperoneError(
        "too_large",
        `"${path}" would have more than the ${bytesMax} bytes that are allowed`,
        limit,
      );
    }
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await file.write(chunk, at, chunk.length - at);
      written(bytesWritten);
      at += bytesWritten;
    }
  }
}

/** Unless a part will do, what was written is taken back when the rest cannot be, but for what somebody wrote behind it. */
async function appendTo(
  target: Parent,
  facts: BigIntStats,
  content: AsyncIterable<Uint8Array>,
  { partial = false, modifiedMs }: AppendOptions,
): Promise<Entry> {
  const path = joined(target.path, target.name);
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using file = await open(target.place.child(target.name), flags);
  const opened = await file.stat({ bigint: true });
  if (opened.ino !== facts.ino || opened.dev !== facts.dev || opened.nlink !== 1n)
    throw new OperoneError("conflict", `"${path}" was replaced meanwhile; try again`);
  let written = 0;
  try {
    await copyInto(file, content, path, undefined, (count) => (written += count));
    if (modifiedMs !== undefined) await file.utimes(modifiedMs / 1_000, modifiedMs / 1_000);
    await file.sync();
  } catch (error) {
    const { size } = await file.stat();
    if (!partial && size === Number(opened.size) + written)
      await file.truncate(Number(opened.size)).catch(() => {});
    throw error;
  }
  return entryOf(path, await file.stat({ bigint: true }));
}

async function bytesAt(target: Parent, path: string): Promise<AsyncIterable<Uint8Array>> {
  await using place = await hold(target.place.child(target.name));
  const file = await openHeld(place, path);
  return (async function* () {
    await using _ = file;
    yield* bytesOf(file);
  })();
}

/** From its beginning. */
async function* bytesOf(file: FileHandle): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; ; ) {
    const chunk = new Uint8Array(chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function* each(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* parts;
}

async function* concatenated(
  ...parts: readonly AsyncIterable<Uint8Array>[]
): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) yield* part;
}
