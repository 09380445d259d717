import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskFiles } from "./files.ts";

const files = diskFiles();
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "operone-files-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

describe("reading", () => {
  test("a file that is missing, or lies below a file, is undefined", async () => {
    await writeFile(join(folder, "plain"), "x");
    expect(await files.read(join(folder, "missing"), 10)).toBeUndefined();
    expect(await files.read(join(folder, "plain", "below"), 10)).toBeUndefined();
    expect(await files.facts(join(folder, "missing"))).toBeUndefined();
    expect(await files.list(join(folder, "missing"))).toEqual([]);
  });

  test("a file of exactly the limit is read, one byte more is refused", async () => {
    const path = join(folder, "limit");
    await writeFile(path, "12345");
    expect(text(await files.read(path, 5))).toBe("12345");
    await expect(files.read(path, 4)).rejects.toMatchObject({ code: "too_large" });
  });

  test("a file that tells no size is still read whole and held to the limit", async () => {
    const endless = "/dev/zero";
    if (process.platform === "win32") return;
    await expect(files.read(endless, 100_000)).rejects.toMatchObject({ code: "too_large" });
  });

  test("a stream gives the exact bytes and ends early when its signal aborts", async () => {
    const path = join(folder, "stream");
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    await writeFile(path, Buffer.concat(Array.from({ length: 16 }, () => bytes)));
    const all = await collect(files.stream(path, new AbortController().signal));
    expect(all.length).toBe(16 * bytes.length);
    expect(Buffer.from(all.subarray(-bytes.length)).equals(bytes)).toBe(true);

    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of files.stream(path, abort.signal)) abort.abort(new Error("enough"));
    })();
    await expect(reading).rejects.toThrow("enough");
    await expect(collect(files.stream(join(folder, "missing"), abort.signal))).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

describe("writing", () => {
  test("a private file replaces the old one and is readable by its owner alone", async () => {
    const path = join(folder, "private");
    await writeFile(path, "old", { mode: 0o644 });
    await files.writePrivate(path, "new");
    expect(text(await files.read(path, 10))).toBe("new");
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("a write through a link replaces the link and leaves what it pointed to", async () => {
    const target = join(folder, "target");
    await writeFile(target, "kept");
    await symlink(target, join(folder, "link"));
    await files.writePrivate(join(folder, "link"), "own");
    expect(text(await files.read(target, 10))).toBe("kept");
  });

  test("a write that fails leaves the old state and no temporary file", async () => {
    const place = join(folder, "failing");
    await mkdir(join(place, "directory", "full"), { recursive: true });
    await expect(files.writePrivate(join(place, "directory"), "x")).rejects.toThrow();
    await expect(files.writePrivate(join(place, "no", "such", "folder"), "x")).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(await readdir(place)).toEqual(["directory"]);
  });

  test("many writers of one file leave one whole version", async () => {
    const path = join(folder, "contended");
    const versions = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5_000));
    await Promise.all(versions.map((version) => files.writePrivate(path, version)));
    expect(versions).toContain(text(await files.read(path, 1_000_000)) ?? "");
  });
});

test("a directory that is ensured, and each that had to be made above it, is private", async () => {
  const deep = join(folder, "a", "b", "c");
  await files.ensureDirectory(deep);
  await files.ensureDirectory(deep);
  if (process.platform === "win32") return;
  for (const path of [deep, join(folder, "a")]) expect((await files.facts(path))?.mode).toBe(0o700);
  expect((await files.facts(deep))?.ownerId).toBe(process.getuid?.());
});

test("facts, names, removal and free space are as on the disk", async () => {
  const place = join(folder, "facts");
  await files.ensureDirectory(join(place, "inner"));
  await files.writePrivate(join(place, "b"), "12");
  await files.writePrivate(join(place, "a"), "1");
  expect(await files.list(place)).toEqual(["a", "b", "inner"]);
  expect(await files.facts(join(place, "b"))).toMatchObject({ kind: "file", sizeBytes: 2 });
  expect(await files.facts(join(place, "inner"))).toMatchObject({ kind: "directory" });
  await files.remove(join(place, "inner"));
  await files.remove(join(place, "inner"));
  expect(await files.list(place)).toEqual(["a", "b"]);
  expect(await files.freeBytes(folder)).toBeGreaterThan(0);
});
