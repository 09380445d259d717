/** Archives and storage, mounted on a node and used by its operations. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Workshop } from "./archive-maker.ts";
import { allowing, fsNode, granted } from "./fs-node.ts";
import { type SwiftServer, startSwift } from "./swift-server.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let server: SwiftServer;
beforeAll(async () => {
  server = await startSwift();
}, 100_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const refusal = async (work: Promise<unknown>) =>
  (await work.then(
    () => ({ code: "done", message: "" }),
    (failure: unknown) => failure,
  )) as { readonly code: string; readonly message: string };

async function packed(shop: Workshop, folder: string): Promise<string> {
  mkdirSync(shop.path("d"));
  writeFileSync(shop.path("d/a.md"), "milk\n");
  writeFileSync(shop.path("b.md"), "tea\n");
  symlinkSync("/etc/passwd", shop.path("out"));
  const path = join(folder, "box.tar.gz");
  renameSync(await shop.pack("tar.gz"), path);
  return path;
}

test("an archive is read, walked, searched, hashed and copied out below its mount, and never changed", async () => {
  await using node = await fsNode();
  using shop = new Workshop();
  const path = await packed(shop, node.work);
  await node.value("mount", { name: "box", kind: "archive", path });
  expect(await node.value("read", { path: "/@box/d/a.md" })).toMatchObject({ text: "milk\n" });
  expect(await node.items("glob", { pattern: "**/*.md", path: "/@box" })).toEqual([
    { path: "/@box/b.md", kind: "file" },
    { path: "/@box/d/a.md", kind: "file" },
  ]);
  await node.value("copy", { from: "/@box/d", to: join(node.work, "out") });
  expect(await node.value("read", { path: join(node.work, "out/a.md") })).toMatchObject({ text: "milk\n" });
  expect((await refusal(node.value("write", { path: "/@box/c", text: "x" }))).code).toBe("unsupported");
  expect((await refusal(node.value("remove", { path: "/@box/b.md" }))).code).toBe("unsupported");
  expect((await refusal(node.value("read", { path: "/@box/out" }))).code).toBe("forbidden");
  rmSync(path);
  const gone = await refusal(node.value("read", { path: "/@box/b.md" }));
  expect(gone).toMatchObject({ code: "unavailable" });
  expect(gone.message).not.toContain(node.work);
});

test("whoever may read a part of an archive reads nothing else, nor where it lies", async () => {
  await using node = await fsNode();
  using shop = new Workshop();
  await node.value("mount", { name: "box", kind: "archive", path: await packed(shop, node.work) });
  const caller = granted(allowing("fs.read", "/@box/d"));
  expect(await node.value("read", { path: "/@box/d/a.md" }, caller)).toMatchObject({ text: "milk\n" });
  expect((await refusal(node.value("read", { path: "/@box/b.md" }, caller))).code).toBe("forbidden");
  expect(JSON.stringify(await node.value("mounts", {}, caller))).not.toContain(node.work);
});

test("what is no archive, is hostile, or lies in another mount is not mounted", async () => {
  await using node = await fsNode();
  const path = join(node.work, "no.zip");
  writeFileSync(path, "hello");
  const mount = (path: string) => refusal(node.value("mount", { name: "x", kind: "archive", path }));
  expect((await mount(path)).code).toBe("conflict");
  expect((await mount(node.work)).code).toBe("conflict");
  expect((await mount(join(node.work, "nothing"))).code).toBe("not_found");
  expect((await mount("/@x/a.zip")).code).toBe("invalid_input");
  expect((await mount(join(node.folder, "data/node.key"))).code).toBe("forbidden");
  expect(await node.value("mounts", {})).toEqual({ mounts: [] });
});

test("storage is written, read, moved, copied and removed to the trash below its mount", async () => {
  await using node = await fsNode({});
  const { endpoint, bucket, accessKeyId } = server;
  const settings = { endpoint, bucket, keyId: accessKeyId, prefix: "mounted", secret: "storage" };
  await node.value("mount", { name: "s3", kind: "s3", ...settings });
  await node.value("write", { path: "/@s3/d/a.md", text: "milk\n", parents: true });
  await node.value("append", { path: "/@s3/d/a.md", text: "tea\n" });
  await node.value("edit", { path: "/@s3/d/a.md", edits: [{ old: "tea", new: "rum" }] });
  await node.value("move", { from: "/@s3/d/a.md", to: "/@s3/d/b.md" });
  writeFileSync(join(node.work, "c"), new Uint8Array(10_000_000).fill(9));
  await node.value("copy", { from: join(node.work, "c"), to: "/@s3/d/c" });
  expect(await node.value("hash", { path: "/@s3/d/c" })).toEqual({
    ...((await node.value("hash", { path: join(node.work, "c") })) as object),
    ...{ path: "/@s3/d/c", etag: expect.any(String) },
  });
  const { trash } = await node.value<{ trash: string }>("remove", { path: "/@s3/d", recursive: true });
  expect((await refusal(node.value("read", { path: "/@s3/d/b.md" }))).code).toBe("not_found");
  await node.value("restore", { id: trash });
  expect(await node.value("read", { path: "/@s3/d/b.md" })).toMatchObject({ text: "milk\nrum\n" });
  await node.value("remove", { path: "/@s3/d", recursive: true, permanent: true });
  const everything = JSON.stringify([node.log.entries, await node.value("mounts", {})]);
  expect(everything).not.toContain(server.secretAccessKey);
});

test("storage with a wrong place or key is not mounted", async () => {
  await using node = await fsNode();
  const { endpoint, bucket, accessKeyId } = server;
  const right = { endpoint, bucket, keyId: accessKeyId, secret: "storage" };
  const mount = (changes: object) =>
    refusal(node.value("mount", { name: "x", kind: "s3", ...right, ...changes }));
  for (const endpoint of [
    "ftp://127.0.0.1",
    "file:///etc",
    "http://me:pw@127.0.0.1",
    "http://127.0.0.1/a",
    "no",
  ])
    expect([endpoint, (await mount({ endpoint })).code]).toEqual([endpoint, "invalid_input"]);
  for (const prefix of ["/a", "a/", "a//b", "../a", ""])
    expect([prefix, (await mount({ prefix })).code]).toEqual([prefix, "invalid_input"]);
  expect((await mount({ bucket: "a/b" })).code).toBe("invalid_input");
  expect((await mount({ secret: "wrong" })).code).toBe("unavailable");
  expect((await mount({ bucket: "nothing-here" })).code).toBe("unavailable");
  expect(await node.value("mounts", {})).toEqual({ mounts: [] });
});
