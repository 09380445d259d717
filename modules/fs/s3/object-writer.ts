/** Writes objects: small ones in one request, large ones in parts that nobody sees before the last. */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { WriteOptions } from "../backend.ts";
import { type Bucket, type Condition, partBytes, type StoredObject } from "./bucket.ts";
import { KeyLocks } from "./key-locks.ts";

export interface Target {
  readonly key: string;
  readonly path: string;
  /** What is there, when it may be written over; asked before the content and again before it is seen. */
  wanted(): Promise<StoredObject | undefined>;
}

const never = new AbortController().signal;

export class ObjectWriter {
  readonly #bucket: Bucket;
  readonly #locks = new KeyLocks();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async write(
    target: Target,
    content: AsyncIterable<Uint8Array>,
    { mode, ifMatch, bytesMax }: Pick<WriteOptions, "mode" | "ifMatch" | "bytesMax">,
  ): Promise<void> {
    await target.wanted();
    const condition =
      ifMatch === undefined
        ? mode === "create"
          ? ({ absent: true } as const)
          : undefined
        : { etag: ifMatch };
    const bytes = bytesMax === undefined ? content : limited(content, bytesMax, target.path);
    const { head, rest } = await firstPart(bytes);
    if (rest === undefined)
      await this.#locks.hold(target.key, async () => {
        await target.wanted();
        await this.#put(target, head, condition);
      });
    else await this.#parts(target, head, rest);
  }

  /** Storage cannot append: the old bytes are sent again, with the new ones behind. */
  async append(target: Target, content: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#locks.hold(target.key, async () => {
      const before = await target.wanted();
      const { head, rest } = await firstPart(this.#both(target, before, content));
      const condition = before === undefined ? ({ absent: true } as const) : { etag: before.etag };
      if (rest === undefined) await this.#put(target, head, condition);
      else {
        const bucket = this.#bucket;
        const checked = async function* () {
          yield head;
          yield* rest;
          const now = await bucket.head(target.key, target.path);
          if (now?.etag !== before?.etag) throw overtaken(target.path);
        };
        await bucket.upload(target.key, target.path, checked());
      }
    });
  }

  async *#both(
    { path }: Target,
    before: StoredObject | undefined,
    content: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void> {
    if (before !== undefined) yield* this.#bucket.read(before, path, never, 0, before.sizeBytes);
    yield* content;
  }

  async #put(
    { key, path }: Target,
    bytes: Uint8Array<ArrayBuffer>,
    condition: Condition | undefined,
  ): Promise<void> {
    await this.#bucket.put(key, path, bytes, condition);
  }

  /** S3 completes an upload without a condition here: so what is there is looked at last, while no other writes. */
  async #parts(target: Target, head: Uint8Array, rest: AsyncIterable<Uint8Array>): Promise<void> {
    const locks = this.#locks;
    let release = () => {};
    const checked = async function* () {
      yield head;
      yield* rest;
      release = await locks.take(target.key);
      await target.wanted();
    };
    try {
      await this.#bucket.upload(target.key, target.path, checked());
    } finally {
      release();
    }
  }
}

/** `rest` is absent when that was all. */
async function firstPart(
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array<ArrayBuffer>; readonly rest?: AsyncIterable<Uint8Array> }> {
  const chunks = content[Symbol.asyncIterator]();
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  while (sizeBytes < partBytes) {
    const next = await chunks.next();
    if (next.done === true) return { head: new Uint8Array(Buffer.concat(parts)) };
    parts.push(next.value);
    sizeBytes += next.value.length;
  }
  return { head: new Uint8Array(Buffer.concat(parts)), rest: { [Symbol.asyncIterator]: () => chunks } };
}

async function* limited(
  content: AsyncIterable<Uint8Array>,
  bytesMax: number,
  path: string,
): AsyncGenerator<Uint8Array, void> {
  let sizeBytes = 0;
  for await (const chunk of content) {
    sizeBytes += chunk.length;
    if (sizeBytes > bytesMax)
      throw new OperoneError(
        "too_large",
        `"${path}" would have more than ${bytesMax} bytes; nothing was written`,
      );
    yield chunk;
  }
}

function overtaken(path: string): OperoneError {
  return new OperoneError(
    "conflict",
    `"${path}" was written by somebody else meanwhile; nothing was appended, try again`,
  );
}
