/**
 * What S3 has no word for: a move. It is a copy that is compared with the original before the first byte of that goes, so
 * one that is interrupted leaves the original, or both, and never neither.
 */
import { OperoneError } from "../../../src/kernel/error.ts";
import { type Bucket, changed, type StoredObject } from "./bucket.ts";
import type { ObjectNames } from "./object-names.ts";

/** Of a directory that is moved or removed as a whole. */
const objectsMax = 100_000;

const never = new AbortController().signal;

export class ObjectMoves {
  readonly #bucket: Bucket;
  readonly #names: ObjectNames;

  constructor(bucket: Bucket, names: ObjectNames) {
    this.#bucket = bucket;
    this.#names = names;
  }

  /** A file, or a directory's own key with all below, in their order. @throws OperoneError `too_large` */
  async whole(path: string, isDirectory: boolean): Promise<readonly StoredObject[]> {
    const [bucket, names] = [this.#bucket, this.#names];
    if (!isDirectory) {
      const object = await bucket.head(names.key(path), path);
      return object === undefined ? [] : [object];
    }
    const found: StoredObject[] = [];
    for await (const object of names.below(path)) {
      if (names.pathOf(object.key.replace(/\/$/, "")) === undefined)
        throw new OperoneError(
          "conflict",
          `"${path}" holds the key "${object.key}", which is no path; move or remove that with a tool of the storage`,
        );
      found.push(object);
      if (found.length > objectsMax)
        throw new OperoneError(
          "too_large",
          `"${path}" holds more than ${objectsMax} objects; take its folders one by one`,
        );
    }
    return found;
  }

  async move(objects: readonly StoredObject[], from: string, to: string): Promise<void> {
    const [bucket, names] = [this.#bucket, this.#names];
    const keys = (object: StoredObject) => names.key(to) + object.key.slice(names.key(from).length);
    const made: string[] = [];
    try {
      for (const object of objects) {
        // What was there before is not ours to take away again.
        if ((await bucket.head(keys(object), to)) === undefined) made.push(keys(object));
        await this.#copy(object, keys(object), from);
      }
    } catch (error) {
      for (const key of made.toReversed()) await bucket.remove(key, to).catch(() => {});
      throw error;
    }
    await this.#removeAll(objects, from);
  }

  async #copy(object: StoredObject, key: string, path: string): Promise<void> {
    const bucket = this.#bucket;
    const sent = new Bun.CryptoHasher("sha256");
    const hashed = async function* () {
      for await (const chunk of bucket.read(object, path, never, 0, object.sizeBytes)) {
        sent.update(chunk);
        yield chunk;
      }
    };
    // A directory's own key, which the upload cannot name.
    if (key.endsWith("/")) return await bucket.put(key, path, new Uint8Array(0));
    await bucket.upload(key, path, hashed());
    const copy = await bucket.head(key, path);
    const arrived = new Bun.CryptoHasher("sha256");
    if (copy?.sizeBytes === object.sizeBytes)
      for await (const chunk of bucket.read(copy, path, never, 0, copy.sizeBytes)) arrived.update(chunk);
    if (copy?.sizeBytes === object.sizeBytes && sent.digest("hex") === arrived.digest("hex")) return;
    throw new OperoneError(
      "unavailable",
      `"${path}" did not arrive whole; it is still where it was, try again`,
    );
  }

  /** Those that are what was copied. From the last on, so that a directory goes after what is in it. */
  async #removeAll(objects: readonly StoredObject[], path: string): Promise<void> {
    const bucket = this.#bucket;
    for (const { key, etag } of objects)
      if ((await bucket.head(key, path))?.etag !== etag) throw changed(path);
    for (const { key } of objects.toReversed()) await bucket.remove(key, path);
  }
}
