import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { systemRandom } from "../../../src/platform/random.ts";
import type { ByteRange, OpenFile } from "../backend.ts";
import { cachedFile } from "./cached-file.ts";
import { ContentCache, pieceBytes } from "./content-cache.ts";

const root = mkdtempSync(join(tmpdir(), "operone-cache-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const random = (count: number) => systemRandom().bytes(count);
const { signal } = new AbortController();
let made = 0;

function cacheOf(bytesMax = 64 * 1024 * 1024, directory = join(root, String(made++))) {
  return { directory, cache: new ContentCache({ directory, bytesMax, random }) };
}

/** A file far away that counts what is read of it. */
class FarFile implements OpenFile {
  sentBytes = 0;
  readonly entry: OpenFile["entry"];
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, etag = "1", path = "/a") {
    this.#bytes = bytes;
    this.entry = { path, kind: "file", sizeBytes: bytes.length, modifiedMs: 0, etag };
  }

  async *read(_: AbortSignal, { start, end }: ByteRange = { start: 0, end: this.#bytes.length }) {
    for (let at = start; at < Math.min(end, this.#bytes.length); at += 50_000) {
      const chunk = this.#bytes.slice(at, Math.min(at + 50_000, end));
      this.sentBytes += chunk.length;
      yield chunk;
    }
  }

  async [Symbol.asyncDispose]() {}
}

async function bytesOf(file: OpenFile, range?: ByteRange): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read(signal, range)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && !one.name.startsWith("pieces.db"))
    .map((one) => join(one.parentPath, one.name));
}

test("what was read once is not sent again, also after a start", async () => {
  const bytes = random(3 * pieceBytes + 17);
  const { cache, directory } = cacheOf();
  const first = new FarFile(bytes);
  expect(await bytesOf(cachedFile(first, cache, "pi"))).toEqual(Buffer.from(bytes));
  expect(first.sentBytes).toBe(bytes.length);
  cache[Symbol.dispose]();
  using again = cacheOf(undefined, directory).cache;
  const second = new FarFile(bytes);
  expect(await bytesOf(cachedFile(second, again, "pi"))).toEqual(Buffer.from(bytes));
  expect(second.sentBytes).toBe(0);
  expect(again.facts).toMatchObject({ pieces: 4, hits: 4, misses: 0 });
});

test("another version, another path and another source are other files", async () => {
  using cache = cacheOf().cache;
  await bytesOf(cachedFile(new FarFile(Buffer.from("old"), "1"), cache, "pi"));
  for (const [file, source] of [
    [new FarFile(Buffer.from("new"), "2"), "pi"],
    [new FarFile(Buffer.from("new"), "1", "/b"), "pi"],
    [new FarFile(Buffer.from("new"), "1"), "laptop"],
  ] as const)
    expect(Buffer.from(await bytesOf(cachedFile(file, cache, source))).toString()).toBe("new");
});

test("a file whose version nobody knows is read where it is", async () => {
  using cache = cacheOf().cache;
  const file = new FarFile(Buffer.from("x"));
  const { etag: _, ...entry } = file.entry;
  const nameless: OpenFile = {
    entry,
    read: (...all) => file.read(...all),
    [Symbol.asyncDispose]: async () => {},
  };
  await bytesOf(cachedFile(nameless, cache, "pi"));
  await bytesOf(cachedFile(nameless, cache, "pi"));
  expect(file.sentBytes).toBe(2);
});

test("any ranges of a file are its bytes, whatever was read before", async () => {
  const bytes = random(2 * pieceBytes + 100);
  const place = fc.integer({ min: 0, max: bytes.length + 10 });
  const ranges = fc.array(fc.tuple(place, place), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(ranges, async (all) => {
      using cache = cacheOf().cache;
      for (const [one, other] of all) {
        const range = { start: Math.min(one, other), end: Math.max(one, other) };
        const got = await bytesOf(cachedFile(new FarFile(bytes), cache, "pi"), range);
        expect(Buffer.compare(got, bytes.subarray(range.start, range.end))).toBe(0);
      }
    }),
    { numRuns: 40 },
  );
});

test("a piece that is not what its name says is thrown away, and fetched again", async () => {
  const bytes = random(pieceBytes);
  const { cache, directory } = cacheOf();
  using _ = cache;
  await bytesOf(cachedFile(new FarFile(bytes), cache, "pi"));
  const [piece = ""] = filesBelow(directory);
  const bomb = Bun.zstdCompressSync(new Uint8Array(64 * 1024 * 1024));
  for (const wrong of [Buffer.from("broken"), Bun.zstdCompressSync(random(pieceBytes)), bomb]) {
    writeFileSync(piece, wrong);
    const far = new FarFile(bytes);
    expect(await bytesOf(cachedFile(far, cache, "pi"))).toEqual(Buffer.from(bytes));
    expect(far.sentBytes).toBe(bytes.length);
  }
});

test("never more is kept than was allowed, and what was used last stays", async () => {
  const { cache, directory } = cacheOf(5 * (pieceBytes + 1024));
  using _ = cache;
  const files = Array.from({ length: 12 }, (__, at) => new FarFile(random(pieceBytes), "1", `/${at}`));
  const [kept] = files;
  if (kept === undefined) throw new Error("no file");
  for (const file of files) {
    await bytesOf(cachedFile(file, cache, "pi"));
    await bytesOf(cachedFile(kept, cache, "pi"));
    expect(cache.facts.storedBytes).toBeLessThanOrEqual(cache.facts.bytesMax);
  }
  expect(kept.sentBytes).toBe(pieceBytes);
  const onDisk = filesBelow(directory).reduce((sum, path) => sum + statSync(path).size, 0);
  expect(onDisk).toBe(cache.facts.storedBytes);
});

test("what came from a place is forgotten with it, but not what another holds too", async () => {
  const { cache, directory } = cacheOf();
  using _ = cache;
  const [shared, own] = [random(100), random(100)];
  await bytesOf(cachedFile(new FarFile(shared), cache, "pi"));
  await bytesOf(cachedFile(new FarFile(own, "1", "/own"), cache, "pi"));
  await bytesOf(cachedFile(new FarFile(shared), cache, "laptop"));
  expect(await cache.forget("pi")).toBe(1);
  expect(filesBelow(directory)).toHaveLength(1);
  const again = new FarFile(shared);
  await bytesOf(cachedFile(again, cache, "laptop"));
  expect(again.sentBytes).toBe(0);
});

test("a cache that is broken begins anew, and one that cannot write only misses", async () => {
  const { cache, directory } = cacheOf();
  await bytesOf(cachedFile(new FarFile(random(10)), cache, "pi"));
  cache[Symbol.dispose]();
  writeFileSync(join(directory, "pieces.db"), "no database".repeat(1000));
  using anew = cacheOf(undefined, directory).cache;
  expect(anew.facts).toMatchObject({ pieces: 0, storedBytes: 0 });
  expect(filesBelow(directory)).toEqual([]);
  // Where its pieces should go is a file now.
  const bytes = Buffer.from("here");
  const { hash } = { hash: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") };
  writeFileSync(join(directory, hash.slice(0, 2)), "");
  expect(await bytesOf(cachedFile(new FarFile(bytes), anew, "pi"))).toEqual(bytes);
  expect(anew.facts.pieces).toBe(0);
});

test("a reader that goes in the middle leaves no half piece, and nothing open", async () => {
  const { cache, directory } = cacheOf();
  using _ = cache;
  const bytes = random(3 * pieceBytes);
  for await (const chunk of cachedFile(new FarFile(bytes), cache, "pi").read(signal)) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  expect(filesBelow(directory)).toEqual([]);
  const far = new FarFile(bytes);
  expect(await bytesOf(cachedFile(far, cache, "pi"))).toEqual(Buffer.from(bytes));
  expect(far.sentBytes).toBe(bytes.length);
});
