/** Searching and watching below `/@name/`: by the means of what is mounted there. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allowing, fsNode, granted } from "./fs-node.ts";

test("what is in a mount is searched and watched below its name", async () => {
  await using node = await fsNode();
  const docs = join(node.work, "docs");
  mkdirSync(join(docs, "deep"), { recursive: true });
  writeFileSync(join(docs, "deep/b.md"), "tea\n");
  await node.value("mount", { name: "docs", path: docs });
  const found = await node.items<{ path?: string }>("search", { path: "/@docs", pattern: "tea" });
  expect(found.flatMap(({ path }) => path ?? [])).toEqual(["/@docs/deep/b.md"]);
  await node.value("mount", { name: "scratch", kind: "memory" });
  await node.value("write", { path: "/@scratch/a", text: "green tea\n" });
  const inMemory = await node.items<{ path?: string }>("search", { path: "/@scratch", pattern: "tea" });
  expect(inMemory.flatMap(({ path }) => path ?? [])).toEqual(["/@scratch/a"]);
  const narrow = granted(allowing("fs.read", "/@docs/deep"));
  const seen = await node.items<{ path?: string }>("search", { path: "/@docs/deep", pattern: "." }, narrow);
  expect(seen.flatMap(({ path }) => path ?? [])).toEqual(["/@docs/deep/b.md"]);
  const end = new AbortController();
  const answer = await node.kernel.view.call({
    ...{ surface: "http", operation: "fs.watch", input: { path: "/@docs" }, signal: end.signal },
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
  });
  const told: string[] = [];
  for await (const item of answer.gives === "items" ? answer.items : []) {
    told.push(JSON.stringify(item));
    if (told.length === 1) writeFileSync(join(docs, "heard"), "");
    if (told.length > 1) break;
  }
  end.abort();
  expect(told[1]).toContain('"/@docs/heard"');
  expect(told.join("")).not.toContain(docs);
  const watching = node.items("watch", { path: "/@scratch" });
  await expect(watching).rejects.toMatchObject({ code: "unsupported" });
});
