/** Between paths and keys. A key is any text; a path has names that are neither empty nor `.` nor `..`. */
import { OperoneError } from "../../../src/kernel/error.ts";
import { nameOf, parentOf } from "../file-path.ts";
import type { Bucket, StoredObject } from "./bucket.ts";

/** Of a name, in UTF-8: as many as disks take, so that what is here can be copied there. */
const nameBytesMax = 255;
/** Of a key (S3's limit), with the slash that a directory's has. */
const keyBytesMax = 1_024;

/** What is at a path. Where an object and keys below its name are there, the object is what counts. */
export type Found = { readonly kind: "file"; readonly object: StoredObject } | { readonly kind: "directory" };

export class ObjectNames {
  readonly #bucket: Bucket;
  readonly #prefix: string;

  /** @param prefix what all keys begin with: "" or "a/b/" */
  constructor(bucket: Bucket, prefix: string) {
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  key(path: string): string {
    return this.#prefix + path.slice(1);
  }

  /** What the keys in a directory begin with; that key itself is of the directory. */
  folderKey(path: string): string {
    return path === "/" ? this.#prefix : `${this.key(path)}/`;
  }

  /** Undefined for a key that no path names. */
  pathOf(key: string): string | undefined {
    const inner = key.slice(this.#prefix.length);
    return inner.split("/").every(isName) ? `/${inner}` : undefined;
  }

  /** @throws OperoneError `invalid_input` for what could not be made */
  assertNew(path: string): void {
    const name = nameOf(path);
    if (Buffer.byteLength(name) > nameBytesMax)
      throw new OperoneError("invalid_input", `The name "${name}" has more than ${nameBytesMax} bytes`);
    if (Buffer.byteLength(this.folderKey(path)) > keyBytesMax)
      throw new OperoneError(
        "invalid_input",
        `"${path}" makes a key of more than ${keyBytesMax} bytes; use shorter names`,
      );
  }

  async find(path: string): Promise<Found | undefined> {
    if (path === "/") return { kind: "directory" };
    if (Buffer.byteLength(this.key(path)) > keyBytesMax) return undefined;
    const object = await this.#bucket.head(this.key(path), path);
    if (object !== undefined) return { kind: "file", object };
    const { objects, prefixes } = await this.#bucket.list(this.folderKey(path), path, { max: 1, deep: true });
    return objects.length + prefixes.length > 0 ? { kind: "directory" } : undefined;
  }

  /** @throws OperoneError `not_found` */
  async existing(path: string): Promise<Found> {
    const found = await this.find(path);
    if (found !== undefined) return found;
    throw new OperoneError("not_found", `There is nothing at "${path}"`);
  }

  /** @throws OperoneError `not_found`, `conflict` when what it would lie in is no directory */
  async assertParent(path: string): Promise<void> {
    const folder = parentOf(path);
    const found = await this.find(folder);
    if (found?.kind === "directory") return;
    if (found === undefined)
      throw new OperoneError("not_found", `There is no directory "${folder}"; make it first`);
    throw new OperoneError("conflict", `"${folder}" is no directory`);
  }

  /** The directory's own key, and all below, in their order. */
  async *below(path: string): AsyncGenerator<StoredObject, void> {
    let after: string | undefined;
    do {
      const page = await this.#bucket.list(this.folderKey(path), path, {
        deep: true,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.objects;
      after = page.next;
    } while (after !== undefined);
  }
}

export function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("\0") && name.isWellFormed();
}

export function occupied(path: string): OperoneError {
  return new OperoneError(
    "conflict",
    `Something is at "${path}" already; replace it, or choose another name`,
  );
}

export function assertNotRoot(path: string): void {
  if (path === "/") throw new OperoneError("conflict", `"/" is the root, and stays where it is`);
}
