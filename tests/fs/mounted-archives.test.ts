/** Archives, mounted on a node and used by its operations. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Workshop } from "./archive-maker.ts";
import { allowing, fsNode, granted } from "./fs-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

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
