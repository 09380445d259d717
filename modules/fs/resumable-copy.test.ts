import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Access, Entry } from "./backend.ts";
import { LocalBackend } from "./local/local-backend.ts";
import { resumableBytesMin } from "./resumable-copy.ts";
import { transfer } from "./transfer.ts";
import type { Place } from "./tree.ts";

const everything: Access = { allows: () => true, check: () => {}, unlimited: true };
const sizeBytes = 2 * resumableBytesMin + 1_000;
const content = Buffer.alloc(sizeBytes, "0123456789abcdef\n");

/** Another node, as far as a copy sees it: its link can be cut, and it can lie. */
class FarBackend extends LocalBackend {
  override readonly kind = "node" as never;
  /** Bytes that come through before the link is cut. */
  bytesLeft = Number.POSITIVE_INFINITY;
  received = 0;
  flips = false;

  override async write(...[access, path, bytes, options]: Parameters<LocalBackend["write"]>): Promise<Entry> {
    return await super.write(access, path, this.#through(bytes), options);
  }

  override async append(
    ...[access, path, bytes, options]: Parameters<LocalBackend["append"]>
  ): Promise<Entry> {
    return await super.append(access, path, this.#through(bytes), options);
  }

  async *#through(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of bytes) {
      this.bytesLeft -= chunk.length;
      if (this.bytesLeft < 0) throw new Error("the link was cut");
      this.received += chunk.length;
      yield this.flips ? chunk.map((byte) => byte ^ 1) : chunk;
    }
  }
}

let folder = "";
let far: FarBackend;
let places: { readonly from: Place; readonly to: Place };
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-copy-")));
  writeFileSync(join(folder, "source"), content);
  const options = {
    root: "",
    refused: [],
    writable: true,
    tag: "test",
    random: (count: number) => crypto.getRandomValues(new Uint8Array(count)),
  };
  far = new FarBackend(options);
  const place = (backend: LocalBackend, name: string) =>
    ({ backend, path: join(folder, name), access: everything, shown: (path: string) => path }) as const;
  places = { from: place(new LocalBackend(options), "source"), to: place(far, "target") };
});
afterEach(() => rmSync(folder, { recursive: true }));

const copy = () =>
  transfer(places.from, places.to, {
    mode: "create",
    signal: new AbortController().signal,
    progress: () => {},
  });

test("a copy that breaks off goes on behind what has arrived, and leaves no part", async () => {
  far.bytesLeft = resumableBytesMin + 1_000_000;
  await expect(copy()).rejects.toThrow("the link was cut");
  expect(readdirSync(folder)).toHaveLength(2);
  const arrived = far.received;
  expect(arrived).toBeGreaterThan(resumableBytesMin);
  far.bytesLeft = Number.POSITIVE_INFINITY;
  far.received = 0;
  await copy();
  expect(far.received).toBe(sizeBytes - arrived);
  expect(readFileSync(join(folder, "target")).equals(content)).toBe(true);
  expect(readdirSync(folder).toSorted()).toEqual(["source", "target"]);
});

test("a part is hidden only where the file is, so whoever may write the file may copy it", async () => {
  const isShown = (path: string) => !path.includes("/.");
  const allows = (path: string) => isShown(path);
  const check = (path: string) => {
    if (!isShown(path)) throw new Error(`hidden: ${path}`);
  };
  const to = { ...places.to, access: { allows, check, unlimited: false } };
  await transfer(places.from, to, {
    mode: "create",
    signal: new AbortController().signal,
    progress: () => {},
  });
  expect(readFileSync(join(folder, "target")).equals(content)).toBe(true);
});

test("however often it breaks off, what arrives in the end is the file, and was sent about once", async () => {
  for (let attempt = 0; attempt < 20; attempt++) {
    far.bytesLeft = 5_000_000;
    const done = await copy().then(
      () => true,
      () => false,
    );
    if (done) break;
  }
  expect(readFileSync(join(folder, "target")).equals(content)).toBe(true);
  expect(far.received).toBe(sizeBytes);
});

test("a copy has the time and the mode of the original, however it arrived", async () => {
  const source = join(folder, "source");
  chmodSync(source, 0o640);
  utimesSync(source, 1_000_000, 1_000_000);
  far.bytesLeft = sizeBytes - 1;
  await expect(copy()).rejects.toThrow("the link was cut");
  far.bytesLeft = Number.POSITIVE_INFINITY;
  await copy();
  const { mtimeMs, mode } = statSync(join(folder, "target"));
  expect([mtimeMs, mode & 0o777]).toEqual([1_000_000_000, 0o640]);
});

test("a part that is not what it should be is forgotten, and a source that changed begins anew", async () => {
  far.bytesLeft = resumableBytesMin + 1;
  await expect(copy()).rejects.toThrow();
  const part = readdirSync(folder).find((name) => name.includes("operone-part")) ?? "";
  writeFileSync(join(folder, part), Buffer.alloc(resumableBytesMin, "x"));
  far.bytesLeft = Number.POSITIVE_INFINITY;
  await copy();
  expect(readFileSync(join(folder, "target")).equals(content)).toBe(true);
});

test("bytes that change on the way are noticed, and do not get the name", async () => {
  far.flips = true;
  await expect(copy()).rejects.toMatchObject({ code: "conflict" });
  expect(readdirSync(folder)).toEqual(["source"]);
  writeFileSync(join(folder, "source"), "small");
  await expect(copy()).rejects.toMatchObject({ code: "conflict" });
  expect(readdirSync(folder)).toEqual(["source"]);
});

test("a file is not copied onto a directory, and the refusal says what to write instead", async () => {
  const to = { ...places.to, path: folder };
  const options = { signal: new AbortController().signal, progress: () => {} };
  for (const mode of ["create", "any"] as const)
    await expect(transfer(places.from, to, { ...options, mode })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`copy is to have: "${join(folder, "source")}"`),
    });
  expect(readdirSync(folder)).toEqual(["source"]);
});

test("what is there already is not replaced, and is not looked for only in the end", async () => {
  writeFileSync(join(folder, "target"), "mine");
  await expect(copy()).rejects.toMatchObject({ code: "conflict" });
  expect(far.received).toBe(0);
  expect(readFileSync(join(folder, "target"), "utf8")).toBe("mine");
});
