/**
 * The files of another node, for one call: each method is an operation there, as the caller of that call. What the caller
 * may do is judged there, by that node and the grants that travel with the call.
 */
import type { Answer } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type {
  Access,
  AppendOptions,
  Backend,
  ByteRange,
  Entry,
  Named,
  OpenFile,
  Traits,
  WriteOptions,
} from "./backend.ts";
import { absolutePath, nameOf } from "./file-path.ts";
import type { EntryShape } from "./shapes.ts";
import type { Place } from "./tree.ts";

type Caller = Pick<CallContext, "call">;

/** Entries in one answer of a list. */
const pageEntries = 500;

/** Judged by the other node. */
export const elsewhere: Access = { allows: () => true, check: () => {}, unlimited: true };

/** @param at the path as its node understands it: `~` is a home there */
export function remotePlace(
  caller: Caller,
  { node, path }: { readonly node: string; readonly path: string },
): Place {
  return {
    backend: new RemoteBackend(caller, node),
    path: path.startsWith("~") ? path : absolutePath(path),
    access: elsewhere,
    shown: (inner) => `${node}:${inner}`,
  };
}

export class RemoteBackend implements Backend {
  readonly kind = "node";
  readonly #caller: Caller;
  readonly #node: string;

  constructor(caller: Caller, node: string) {
    this.#caller = caller;
    this.#node = node;
  }

  async traits(): Promise<Traits> {
    return { writable: true, caseSensitive: true, normalizesUnicode: false, hasModes: true };
  }

  async stat(
    _: Access,
    path: string,
    { follow = false }: { readonly follow?: boolean } = {},
  ): Promise<Entry | undefined> {
    try {
      return entryFrom(await this.#value("stat", { path, follow }));
    } catch (error) {
      if (!(error instanceof OperoneError) || error.code !== "not_found") throw error;
      // It is the node that there is not, and nothing was asked of anybody.
      if (error.details?.node !== undefined) throw error;
      return undefined;
    }
  }

  async *list(_: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void> {
    let cursor: string | undefined;
    do {
      const input = { path, limit: pageEntries, ...(cursor === undefined ? {} : { cursor }) };
      const page = (await this.#value("list", input, signal)) as { entries: unknown[]; cursor?: string };
      yield page.entries.map((one) => checkedIn(path, entryFrom(one)));
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  async *names(_: Access, path: string, signal: AbortSignal): AsyncGenerator<readonly Named[], void> {
    for await (const batch of this.list(_, path, signal))
      yield batch.map((entry) => ({ name: nameOf(entry.path), kind: entry.kind }));
  }

  async open(access: Access, path: string): Promise<OpenFile> {
    const entry = await this.stat(access, path, { follow: true });
    if (entry === undefined)
      throw new OperoneError("not_found", `There is nothing at "${path}" on the node "${this.#node}"`);
    return {
      entry,
      read: (signal, range) => this.bytes(path, entry, signal, range),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async write(
    _: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> {
    const { bytesMax: __, ...input } = options;
    return entryFrom(await this.#value("write", { path, ...input }, undefined, content));
  }

  async append(
    _: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: AppendOptions = {},
  ): Promise<Entry> {
    return entryFrom(await this.#value("append", { path, ...options }, undefined, content));
  }

  async makeDirectory(_: Access, path: string): Promise<Entry> {
    return entryFrom(await this.#value("mkdir", { path }));
  }

  async move(
    _: Access,
    from: string,
    to: string,
    { replace }: { readonly replace: boolean },
  ): Promise<Entry> {
    return entryFrom(await this.#value("move", { from, to, replace }));
  }

  async remove(_: Access, path: string): Promise<void> {
    await this.#value("remove", { path, permanent: true });
  }

  async hash(_: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string> {
    const input = { path, ...(firstBytes === undefined ? {} : { firstBytes }) };
    const { hash } = (await this.#value("hash", input, signal)) as { hash: string };
    return hash;
  }

  async assertWhole(): Promise<void> {}

  /** The answer of the other node is not needed, only that it is one. */
  async rehearse(_: Access, path: string, kind: "file" | "directory"): Promise<void> {
    if (kind === "directory") {
      await this.#value("mkdir", { path, parents: true, dryRun: true });
      return;
    }
    try {
      await this.#value("write", { path, text: "", dryRun: true });
    } catch (error) {
      // The rights were judged before a difference was found to be too much.
      if (!(error instanceof OperoneError) || error.code !== "too_large") throw error;
    }
  }

  takeOut(): Promise<Entry> {
    throw new OperoneError(
      "unsupported",
      `What is on the node "${this.#node}" has its trash there; name that node`,
    );
  }

  bringIn(): Promise<Entry> {
    throw new OperoneError("unsupported", `What was removed on the node "${this.#node}" is restored there`);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #value(
    operation: string,
    input: object,
    signal?: AbortSignal,
    bytes?: AsyncIterable<Uint8Array>,
  ): Promise<unknown> {
    const answer = await this.#call(operation, input, signal, bytes);
    if (answer.gives === "value") return answer.value;
    throw new OperoneError("internal", `"fs.${operation}" of the node "${this.#node}" gave ${answer.gives}`);
  }

  #call(
    operation: string,
    input: object,
    signal?: AbortSignal,
    bytes?: AsyncIterable<Uint8Array>,
  ): Promise<Answer> {
    return this.#caller.call({
      operation: `fs.${operation}`,
      input,
      node: this.#node,
      ...(signal === undefined ? {} : { signal }),
      ...(bytes === undefined ? {} : { bytes }),
    });
  }

  /** No more than the file is said to have: the other node could send for ever. */
  async *bytes(
    path: string,
    { sizeBytes, etag }: Entry,
    signal: AbortSignal,
    range: ByteRange = { start: 0, end: sizeBytes },
  ): AsyncGenerator<Uint8Array, void> {
    const end = Math.min(range.end, sizeBytes);
    let left = Math.max(0, end - range.start);
    if (left === 0) return;
    const answer = await this.#call("content", { path }, signal);
    if (answer.gives !== "bytes") throw new OperoneError("internal", `"fs.content" gave ${answer.gives}`);
    if (answer.bytes.etag !== etag) {
      answer.discard?.();
      throw new OperoneError(
        "conflict",
        `"${path}" on the node "${this.#node}" changed meanwhile; copy it again`,
      );
    }
    for await (const chunk of answer.bytes.open({ start: range.start, end })) {
      left -= chunk.length;
      if (left < 0)
        throw new OperoneError(
          "conflict",
          `The node "${this.#node}" gave more of "${path}" than it has; copy it again`,
        );
      yield chunk;
    }
    if (left > 0)
      throw new OperoneError(
        "conflict",
        `The node "${this.#node}" gave less of "${path}" than it has; copy it again`,
      );
  }
}

/** The answer has passed the schema of the operation. */
function entryFrom(value: unknown): Entry {
  const { path, kind, sizeBytes, modifiedMs, createdMs, mode, etag, target } = value as EntryShape;
  return {
    ...{ path, kind, sizeBytes, modifiedMs },
    ...(createdMs === undefined ? {} : { createdMs }),
    ...(mode === undefined ? {} : { mode }),
    ...(etag === undefined ? {} : { etag }),
    ...(target === undefined ? {} : { target }),
  };
}

/** A name of another node must not lead to elsewhere on this one. */
function checkedIn(folder: string, entry: Entry): Entry {
  const name = nameOf(entry.path);
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) return entry;
  throw new OperoneError(
    "conflict",
    `The node lists ${JSON.stringify(entry.path)} in "${folder}", which is no name`,
  );
}
