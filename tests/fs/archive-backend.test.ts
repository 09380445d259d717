import { afterAll, expect, test } from "bun:test";
import { chmodSync, linkSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { OperoneError } from "../../src/kernel/error.ts";
import { formats, Workshop } from "./archive-maker.ts";
import { all, bytesOf, code, names, only, pieces, signal, text } from "./backend-probe.ts";
import { type Content, readingSuite } from "./reading-suite.ts";

const bytes = (of: string) => new TextEncoder().encode(of);
const shops: Workshop[] = [];
afterAll(() => {
  for (const shop of shops) shop[Symbol.dispose]();
});

async function holding(format: (typeof formats)[number], content: Content) {
  const shop = new Workshop();
  shops.push(shop);
  shop.put(content);
  return shop.open(await shop.pack(format));
}

for (const format of formats) {
  readingSuite({ name: format, holding: (content) => holding(format, content) });

  test(`${format}: nothing in it can be changed`, async () => {
    await using backend = await holding(format, new Map([["/a", bytes("1")]]));
    expect((await backend.traits(all, "/")).writable).toBe(false);
    const changes: readonly ((access: typeof all) => Promise<unknown>)[] = [
      (access) => backend.write(access, "/a"),
      (access) => backend.append(access, "/a"),
      (access) => backend.makeDirectory(access, "/d"),
      (access) => backend.move(access, "/a", "/b"),
      (access) => backend.remove(access, "/a"),
      (access) => backend.assertWhole(access, "/a"),
      (access) => backend.takeOut(access, "/a"),
      (access) => backend.bringIn(access, "/nowhere", "/b"),
    ];
    for (const change of changes) {
      expect(await code(() => change(all))).toBe("unsupported");
      expect(await code(() => change(only("/other")))).toBe("forbidden");
    }
    expect(await text(backend, "/a")).toBe("1");
  });

  test(`${format}: any tree comes out as it was put in`, async () => {
    const name = fc
      .string({ unit: "binary", minLength: 1, maxLength: 60 })
      .filter((text) => !/[\0/]|[\uf780-\uf7ff]/.test(text) && text.isWellFormed() && !/^\.{1,2}$/.test(text))
      .filter((text) => format !== "zip" || !/[\\\n\r]|^.:/u.test(text));
    const tree = fc.dictionary(
      name,
      fc.oneof(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.dictionary(name, fc.uint8Array({ maxLength: 2_000 }), { maxKeys: 3 }),
      ),
      { minKeys: 1, maxKeys: 4 },
    );
    await fc.assert(
      fc.asyncProperty(tree, async (folders) => {
        using shop = new Workshop();
        const content = new Map<string, Uint8Array | undefined>();
        for (const [top, inside] of Object.entries(folders)) {
          if (inside instanceof Uint8Array) content.set(`/${top}`, inside);
          else {
            content.set(`/${top}`, undefined);
            for (const [inner, of] of Object.entries(inside)) content.set(`/${top}/${inner}`, of);
          }
        }
        shop.put(content);
        await using backend = shop.open(await shop.pack(format));
        for (const [path, of] of content) {
          if (of === undefined) expect(await backend.stat(all, path)).toMatchObject({ kind: "directory" });
          else expect((await bytesOf(backend, path)).equals(of)).toBe(true);
        }
        const inside = [...content.keys()].filter((path) => path.lastIndexOf("/") === 0);
        expect(await names(backend, "/")).toEqual(inside.map((path) => path.slice(1)).sort());
      }),
      { numRuns: 15 },
    );
  }, 60_000);

  test(`${format}: modes, times and links are those that were packed`, async () => {
    using shop = new Workshop();
    shop.put(
      new Map([
        ["/d", undefined],
        ["/d/a", bytes("1")],
      ]),
    );
    chmodSync(shop.path("d/a"), 0o4750);
    utimesSync(shop.path("d/a"), 1_000_000_000, 1_000_000_000);
    symlinkSync("d/a", shop.path("to-a"));
    symlinkSync("d", shop.path("to-d"));
    symlinkSync("../to-d", shop.path("d/up"));
    await using backend = shop.open(await shop.pack(format));
    expect(await backend.stat(all, "/d/a")).toMatchObject({ modifiedMs: 1_000_000_000_000, mode: 0o750 });
    expect(await backend.stat(all, "/to-a")).toMatchObject({ kind: "link", target: "d/a" });
    expect(await backend.stat(all, "/to-a", { follow: true })).toMatchObject({ kind: "file", path: "/d/a" });
    expect(await text(backend, "/to-d/up/up/a")).toBe("1");
    expect(await code(() => bytesOf(backend, "/to-a", undefined))).toBe("done");
    expect(await code(() => backend.open(only("/to-a"), "/to-a"))).toBe("forbidden");
  });

  test(`${format}: what takes its place is seen at once`, async () => {
    using shop = new Workshop();
    shop.put(new Map([["/a", bytes("old")]]));
    const path = await shop.pack(format);
    await using backend = shop.open(path);
    const before = await backend.stat(all, "/a");
    await using file = await backend.open(all, "/a");
    writeFileSync(shop.path("a"), "newer");
    renameSync(path, shop.path("../away"));
    expect(await code(() => backend.stat(all, "/a"))).toBe("unavailable");
    await shop.pack(format);
    expect(await text(backend, "/a")).toBe("newer");
    expect((await backend.stat(all, "/a"))?.etag).not.toBe(before?.etag);
    // What was open is the old, or is said to be gone; it is never half of each.
    const old = await Array.fromAsync(file.read(signal)).catch((error: unknown) => error);
    if (old instanceof OperoneError) expect(old.code).toBe("conflict");
    else expect(Buffer.concat(Array.isArray(old) ? old : []).toString()).toBe("old");
  });
}

test("an archive in an archive is read as any other", async () => {
  using shop = new Workshop();
  shop.put(new Map([["/a", bytes("inner")]]));
  const inner = await shop.pack("tar.gz");
  renameSync(inner, shop.path("inner.tar.gz"));
  await using outer = shop.open(await shop.pack("zip"));
  const { ArchiveBackend } = await import("../../modules/fs/archive/archive-backend.ts");
  const { systemClock } = await import("../../src/platform/clock.ts");
  await using backend = new ArchiveBackend({
    ...{ below: outer, access: all, path: "/inner.tar.gz", shown: "/@it", clock: systemClock() },
  });
  expect(await text(backend, "/a")).toBe("inner");
});

test("a hard link in a tar is the file that it was made of", async () => {
  using shop = new Workshop();
  shop.put(new Map([["/a", bytes("same")]]));
  linkSync(shop.path("a"), shop.path("b"));
  await using backend = shop.open(await shop.pack("tar"));
  expect([await text(backend, "/a"), await text(backend, "/b")]).toEqual(["same", "same"]);
});

test("long names of GNU and of pax, and large numbers, are read", async () => {
  for (const how of ["gnu", "pax", "ustar"] as const) {
    using shop = new Workshop();
    const long = how === "ustar" ? "n".repeat(90) : "n".repeat(200);
    shop.put(
      new Map([
        [`/${long}`, undefined],
        [`/${long}/${long}`, bytes(how)],
      ]),
    );
    await using backend = shop.open(await shop.pack("tar", `--format=${how}`));
    expect(await text(backend, `/${long}/${long}`)).toBe(how);
  }
});

test("names that are no UTF-8 are kept, and names that differ by case are two", async () => {
  for (const format of formats) {
    using shop = new Workshop();
    writeFileSync(Buffer.concat([Buffer.from(`${shop.path("")}/`), Buffer.from([0x61, 0xff])]), "odd");
    shop.put(
      new Map([
        ["/A", bytes("large")],
        ["/a", bytes("small")],
      ]),
    );
    await using backend = shop.open(await shop.pack(format));
    expect(await text(backend, "/a\uf7ff")).toBe("odd");
    expect([await text(backend, "/A"), await text(backend, "/a")]).toEqual(["large", "small"]);
  }
});

test("a stream of several parts is read as one", async () => {
  using shop = new Workshop();
  shop.put(new Map([["/a", new Uint8Array(300_000).fill(7)]]));
  const tar = shop.bytes(await shop.pack("tar"));
  const halves = [new Uint8Array(tar.subarray(0, 100_000)), new Uint8Array(tar.subarray(100_000))];
  for (const packed of [
    halves.map((one) => Bun.gzipSync(one)),
    halves.map((one) => Bun.zstdCompressSync(one)),
  ]) {
    await using backend = shop.open(shop.file(Buffer.concat(packed.map((one) => Buffer.from(one)))));
    expect(await bytesOf(backend, "/a")).toEqual(Buffer.alloc(300_000, 7));
  }
});

test("files of a compressed archive are read in any order, several at once", async () => {
  const content = new Map(
    Array.from({ length: 12 }, (_, at) => [`/f${at}`, new Uint8Array(200_000).fill(at)]),
  );
  for (const format of ["tar.gz", "tar.zst"] as const) {
    await using backend = await holding(format, content);
    const order = [5, 0, 11, 3, 3, 4, 5, 6, 1];
    const read = await Promise.all(
      order.map((at) => bytesOf(backend, `/f${at}`, { start: 100_000, end: 150_000 })),
    );
    expect(read.map((one) => [one.length, one[0]])).toEqual(order.map((at) => [50_000, at]));
    for (const at of order)
      expect((await bytesOf(backend, `/f${at}`)).every((byte) => byte === at)).toBe(true);
  }
});

test("a zip larger than the old format knows, and one behind a program, are read", async () => {
  using shop = new Workshop();
  await shop.run("sh", "-c", `echo streamed | zip -q -fz- ../large.zip -`);
  await using large = shop.open(shop.path("../large.zip"));
  expect(await text(large, "/-")).toBe("streamed\n");
  const program = Buffer.concat([Buffer.from("MZ and a program"), shop.bytes(shop.path("../large.zip"))]);
  await using behind = shop.open(shop.file(program));
  expect(await text(behind, "/-")).toBe("streamed\n");
});

test("writing is refused before a byte of it is taken", async () => {
  await using backend = await holding("zip", new Map([["/a", bytes("1")]]));
  let taken = false;
  const content = pieces("x");
  const next = content.next.bind(content);
  content.next = async () => {
    taken = true;
    return await next();
  };
  const writable: {
    write(access: typeof all, path: string, of: AsyncIterable<Uint8Array>): Promise<unknown>;
  } = backend;
  expect(await code(() => writable.write(all, "/a", content))).toBe("unsupported");
  expect(taken).toBe(false);
});
