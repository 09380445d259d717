/** What an archive from anywhere must not do. */
import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import type { ArchiveLimits } from "../../modules/fs/archive/archive-limits.ts";
import type { Entry } from "../../modules/fs/backend.ts";
import { formats, tarEnd, tarEntry, Workshop } from "./archive-maker.ts";
import { all, bytesOf, code, names, only, signal, text } from "./backend-probe.ts";
import { zipOf } from "./zip-maker.ts";

/** What comes of looking into it and reading all: the code of the error, or "done". */
async function outcome(bytes: Uint8Array, limits: Partial<ArchiveLimits> = {}): Promise<string> {
  using shop = new Workshop();
  await using backend = shop.open(shop.file(bytes), limits);
  return await code(() => readAll(backend, "/"));
}

async function readAll(
  backend: ReturnType<Workshop["open"]>,
  path: string,
  read: Buffer[] = [],
): Promise<void> {
  const entries: Entry[] = (await Array.fromAsync(backend.list(all, path, signal))).flat();
  for (const entry of entries) {
    if (entry.kind === "directory") await readAll(backend, entry.path, read);
    else if (entry.kind === "file") read.push(await bytesOf(backend, entry.path));
  }
}

const tar = (...entries: readonly Buffer[]) => Buffer.concat([...entries, tarEnd]);

test("names that lead out are refused, whatever they look like", async () => {
  const names = ["../a", "a/../../b", "/etc/passwd", "a/..", "//a", "..", `${"n".repeat(256)}`];
  for (const name of names) {
    expect([name, await outcome(zipOf([{ name, body: "x" }]))]).toEqual([name, "conflict"]);
    const pax = tarEntry("x", { type: "x", body: record("path", name) });
    expect([name, await outcome(tar(pax, tarEntry("short", { body: "x" })))]).toEqual([name, "conflict"]);
  }
  for (const name of ["a\\b", "..\\a", "C:/a", "C:a", "a\0b"])
    expect([name, await outcome(zipOf([{ name, body: "x" }]))]).toEqual([name, "conflict"]);
  expect(await outcome(tar(tarEntry("x", { type: "x", body: record("path", "a\0b") }), tarEntry("y")))).toBe(
    "conflict",
  );
  expect(await outcome(zipOf([{ name: "./a//b/", body: "" }]))).toBe("done");
});

const record = (key: string, value: string) => {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const digits = String(bytes + 3).length;
  return `${bytes + String(bytes + digits).length}${rest}`;
};

test("links out of the archive are shown, and never followed", async () => {
  for (const format of formats) {
    using shop = new Workshop();
    mkdirSync(shop.path("d"));
    symlinkSync("/etc", shop.path("absolute"));
    symlinkSync("../../../../../../../../etc", shop.path("d/up"));
    symlinkSync("absolute/passwd", shop.path("twice"));
    symlinkSync("round", shop.path("round"));
    symlinkSync("nothing", shop.path("dangling"));
    await using backend = shop.open(await shop.pack(format));
    expect(await backend.stat(all, "/absolute")).toMatchObject({ kind: "link", target: "/etc" });
    for (const path of ["/absolute/passwd", "/d/up/passwd", "/twice"]) {
      expect(await code(() => backend.open(all, path))).toBe("forbidden");
      expect(await code(() => backend.stat(all, path, { follow: true }))).toBe("forbidden");
    }
    expect(await code(() => names(backend, "/absolute"))).toBe("forbidden");
    expect(await code(() => bytesOf(backend, "/round"))).toBe("conflict");
    expect(await code(() => bytesOf(backend, "/dangling"))).toBe("not_found");
  }
});

test("a link through what is not the caller's is refused, wherever it ends", async () => {
  const bytes = tar(
    tarEntry("mine/a", { body: "x" }),
    tarEntry("mine/link", { type: "2", link: "../other/back" }),
    tarEntry("other/back", { type: "2", link: "../mine/a" }),
  );
  using shop = new Workshop();
  await using backend = shop.open(shop.file(bytes));
  expect(await text(backend, "/mine/link")).toBe("x");
  expect(await code(() => backend.open(only("/mine"), "/mine/link"))).toBe("forbidden");
});

test("nothing is put below a link, nor is a name a file and a directory", async () => {
  const link = tarEntry("d", { type: "2", link: "/etc" });
  expect(await outcome(tar(link, tarEntry("d/passwd", { body: "x" })))).toBe("conflict");
  expect(await outcome(tar(tarEntry("a", { body: "x" }), tarEntry("a/b")))).toBe("conflict");
  expect(await outcome(tar(tarEntry("a/b"), tarEntry("a")))).toBe("conflict");
  expect(
    await outcome(
      zipOf([
        { name: "a", body: "x" },
        { name: "a/b", body: "x" },
      ]),
    ),
  ).toBe("conflict");
});

test("of two entries with one name the later counts", async () => {
  for (const bytes of [
    tar(tarEntry("a", { body: "first" }), tarEntry("a", { body: "second" })),
    zipOf([
      { name: "a", body: "first" },
      { name: "a", body: "second" },
    ]),
  ]) {
    using shop = new Workshop();
    await using backend = shop.open(shop.file(bytes));
    expect(await text(backend, "/a")).toBe("second");
  }
});

test("hard links lead only to what is in the archive", async () => {
  for (const link of ["/etc/passwd", "../x", "nothing", "d"]) {
    const bytes = tar(tarEntry("d", { type: "5" }), tarEntry("a", { type: "1", link }));
    expect([link, await outcome(bytes)]).toEqual([link, "conflict"]);
  }
});

test("devices and pipes are shown, and cannot be opened", async () => {
  for (const type of ["3", "4", "6", "Z"]) {
    using shop = new Workshop();
    await using backend = shop.open(shop.file(tar(tarEntry("dev", { type }))));
    expect(await backend.stat(all, "/dev")).toMatchObject({ kind: "other", sizeBytes: 0 });
    expect(await code(() => bytesOf(backend, "/dev"))).toBe("conflict");
  }
});

test("files that share bytes, as in a bomb of Fifield's, are refused before one is read", async () => {
  const honest = zipOf([
    { name: "a", body: "x".repeat(1_000) },
    { name: "b", body: "y".repeat(1_000) },
  ]);
  expect(await outcome(honest)).toBe("done");
  const shared = zipOf([
    { name: "a", body: "x".repeat(1_000) },
    { name: "b", body: "y", startsWith: "a" },
  ]);
  using shop = new Workshop();
  await using backend = shop.open(shop.file(shared));
  expect(await code(() => backend.stat(all, "/a"))).toBe("conflict");
});

test("a zip that says where its directory is as large ones do is read, also behind something else", async () => {
  const parts = [{ name: "a", body: "large" }];
  const whole = zipOf(parts, true);
  const behind = Buffer.concat([Buffer.from("MZ, a program"), whole]);
  for (const bytes of [whole, behind]) {
    using shop = new Workshop();
    await using backend = shop.open(shop.file(bytes));
    expect(await text(backend, "/a")).toBe("large");
  }
  const broken = Buffer.from(whole);
  broken.writeUInt32LE(0, whole.indexOf(Buffer.from("PK\x06\x06", "latin1")));
  expect(await outcome(broken)).toBe("conflict");
});

test("more than so many claimed entries are refused before one is read", async () => {
  const bytes = zipOf([{ name: "a", body: "x" }], true);
  bytes.writeBigUInt64LE(10n ** 9n, bytes.indexOf(Buffer.from("PK\x06\x06", "latin1")) + 32);
  expect(await outcome(bytes)).toBe("too_large");
});

test("sizes and checksums that lie are found out", async () => {
  const body = "hello world";
  for (const lie of [
    { sizeBytes: 5 },
    { sizeBytes: 50 },
    { crc32: 1 },
    { packedBytes: 3 },
    { localMethod: 0 },
  ])
    expect([lie, await outcome(zipOf([{ name: "a", body, ...lie }]))]).toEqual([lie, "conflict"]);
  for (const lie of [{ sizeBytes: 5 }, { crc32: 1 }])
    expect([lie, await outcome(zipOf([{ name: "a", body, stored: true, ...lie }]))]).toEqual([
      lie,
      "conflict",
    ]);
  expect(await outcome(tar(tarEntry("a", { body, sizeBytes: 2 ** 32 })))).toBe("conflict");
  expect(await outcome(Buffer.concat([tarEntry("a", { body: "x".repeat(600) }).subarray(0, 700)]))).toBe(
    "conflict",
  );
});

test("more bytes than the directory says are never given, and the checksum behind a tar is looked at", async () => {
  using shop = new Workshop();
  const body = new Uint8Array(3_000_000);
  await using lying = shop.open(shop.file(zipOf([{ name: "a", body, sizeBytes: 1_000_000 }])));
  await using file = await lying.open(all, "/a");
  let given = 0;
  const read = async () => {
    for await (const chunk of file.read(signal)) given += chunk.length;
  };
  expect(await code(read)).toBe("conflict");
  expect(given).toBeLessThanOrEqual(1_000_000);
  const long = Buffer.concat([tar(tarEntry("a", { body: "x" })), Buffer.alloc(2_000_000)]);
  const packed = Buffer.from(Bun.gzipSync(new Uint8Array(long)));
  packed.writeUInt32LE(0, packed.length - 8);
  expect(await outcome(packed)).toBe("conflict");
});

test("what claims or unpacks to terabytes is refused", async () => {
  expect(await outcome(zipOf([{ name: "a", body: "x", sizeBytes: 2 ** 42 }]))).toBe("too_large");
  expect(await outcome(zipOf([{ name: "a", body: "x", sizeBytes: 2 ** 31 }]))).toBe("too_large");
  const zeros = tar(tarEntry("a", { body: new Uint8Array(4_000_000) }));
  for (const packed of [Bun.gzipSync(new Uint8Array(zeros)), Bun.zstdCompressSync(new Uint8Array(zeros))]) {
    expect(await outcome(packed)).toBe("done");
    expect(await outcome(packed, { ratioFreeBytes: 1_000, ratioMax: 50 })).toBe("too_large");
    expect(await outcome(packed, { unpackedBytesMax: 3_000_000 })).toBe("too_large");
  }
  expect(await outcome(zeros, { unpackedBytesMax: 3_000_000 })).toBe("too_large");
});

test("more entries, headers, names or folders than there may be are refused", async () => {
  const many = Array.from({ length: 50 }, (_, at) => ({ name: `f${at}`, body: "" }));
  const deep = [{ name: "d/".repeat(60), body: "" }];
  const few = { entriesMax: 40 };
  expect(await outcome(zipOf(many), few)).toBe("too_large");
  expect(await outcome(zipOf(deep), few)).toBe("too_large");
  expect(await outcome(tar(...many.map(({ name }) => tarEntry(name))), few)).toBe("too_large");
  expect(await outcome(tar(tarEntry("d/".repeat(45), { type: "5" })), few)).toBe("too_large");
  expect(await outcome(zipOf(many), { namesBytesMax: 100 })).toBe("too_large");
  expect(await outcome(tar(...many.map(({ name }) => tarEntry(name))), { namesBytesMax: 100 })).toBe(
    "too_large",
  );
  const empty = tarEntry("x", { type: "x", body: record("comment", "x") });
  expect(await outcome(tar(...Array.from({ length: 200 }, () => empty), tarEntry("a")), few)).toBe(
    "too_large",
  );
  expect(await outcome(tar(tarEntry("x", { type: "L", sizeBytes: 2 ** 30 })))).toBe("too_large");
});

test("a look that takes too long ends, and is not begun anew for the same archive", async () => {
  using shop = new Workshop();
  shop.put(new Map([["/a", new Uint8Array(30_000_000)]]));
  await using backend = shop.open(await shop.pack("tar.gz"), { timeMsMax: 1 });
  expect(await code(() => backend.stat(all, "/a"))).toBe("deadline");
  expect(await code(() => backend.stat(all, "/a"))).toBe("deadline");
});

test("encrypted and unknown ways of packing are said, and the rest is read", async () => {
  using shop = new Workshop();
  writeFileSync(shop.path("a"), "secret");
  await using locked = shop.open(await shop.pack("zip", "-P", "password"));
  expect(await locked.stat(all, "/a")).toMatchObject({ kind: "file", sizeBytes: 6 });
  expect(await code(() => bytesOf(locked, "/a"))).toBe("unsupported");
  await using odd = shop.open(
    shop.file(
      zipOf([
        { name: "a", body: "x", method: 12 },
        { name: "b", body: "y" },
      ]),
    ),
  );
  expect(await code(() => bytesOf(odd, "/a"))).toBe("unsupported");
  expect(await text(odd, "/b")).toBe("y");
});

test("what is no archive is said so", async () => {
  for (const bytes of [
    "",
    "hello",
    "PK\x03\x04",
    "PK\x05\x06",
    "\x1f\x8b",
    "\x1f\x8bhello",
    "(\xb5/\xfd",
    "x".repeat(2_000),
  ])
    expect([bytes, await outcome(Buffer.from(bytes, "latin1"))]).toEqual([bytes, "conflict"]);
  expect(await outcome(Bun.gzipSync(new Uint8Array(2_000).fill(1)))).toBe("conflict");
});

test("a damaged archive gives the right bytes or a clear error, and always an end", async () => {
  for (const format of formats) {
    using shop = new Workshop();
    const [a, b] = [Buffer.from("hello ".repeat(400)), deflateRawSync(Buffer.from("random enough"))];
    shop.put(
      new Map([
        ["/d", undefined],
        ["/d/a", a],
        ["/b", b],
      ]),
    );
    symlinkSync("d/a", shop.path("link"));
    const right = [a, b, Buffer.from("d/a"), Buffer.alloc(0)].map((one) => one.toString("hex"));
    const whole = shop.bytes(await shop.pack(format));
    const flip = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
    const cut = fc.option(fc.nat(whole.length), { freq: 4, nil: whole.length });
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { maxLength: 4 }), cut, async (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, by] of changes) if (at < length) bytes[at] = (bytes[at] ?? 0) ^ by;
        using other = new Workshop();
        await using backend = other.open(other.file(bytes));
        const read: Buffer[] = [];
        const answer = await code(() => readAll(backend, "/", read));
        expect(["done", "conflict", "too_large", "unsupported", "forbidden"]).toContain(answer);
        // A tar alone keeps checksums of its headers, and none of its files.
        if (format !== "tar") for (const one of read) expect(right).toContain(one.toString("hex"));
      }),
      { numRuns: 120 },
    );
  }
}, 120_000);
