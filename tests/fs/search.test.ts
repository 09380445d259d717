/** Search in a real tree, on threads of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

interface Item {
  readonly path?: string;
  readonly line?: number;
  readonly text?: string;
  readonly summary?: {
    readonly matches: number;
    readonly files: number;
    readonly skipped: number;
    readonly limited: boolean;
  };
}

let node: FsNode;
beforeAll(async () => {
  node = await fsNode();
  const put = (name: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(node.work, name)), { recursive: true });
    writeFileSync(join(node.work, name), content);
  };
  put("a.md", "needle here\nand hay\n");
  put("b/deep.ts", "// hay\nconst needle = 1;\n");
  put("b/skip.log", "needle in a log\n");
  put("b/.gitignore", "*.log\n!keep.log\nbuilt/\n");
  put("b/keep.log", "needle kept\n");
  put("b/built/out.ts", "needle built\n");
  put("b/c/.ignore", "deep.ts\n");
  put("b/c/deep.ts", "needle deeper\n");
  put(".hidden/x", "needle hidden\n");
  put(".git/x", "needle of git\n");
  put("program", Buffer.concat([Buffer.from("needle"), Buffer.from([0, 1, 2, 0, 255])]));
  put("slow", `${"a".repeat(40)}!\n`);
  mkdirSync(join(node.folder, "outside"));
  writeFileSync(join(node.folder, "outside/x"), "needle outside\n");
  symlinkSync(join(node.folder, "outside"), join(node.work, "link"));
});
afterAll(() => node[Symbol.asyncDispose]());

const search = async (pattern: string, more: object = {}, call = {}) => {
  const items = await node.items<Item>("search", { pattern, path: node.work, ...more }, call);
  const found = items.flatMap(({ path, line }) =>
    path === undefined ? [] : [`${path.slice(node.work.length + 1)}:${line}`],
  );
  return { found, summary: items.at(-1)?.summary };
};

test("matches come in the order of the paths, without what is ignored, hidden, no text, or behind a link", async () => {
  const { found, summary } = await search("needle");
  expect(found).toEqual(["a.md:1", "b/deep.ts:2", "b/keep.log:1"]);
  expect(summary).toMatchObject({ matches: 3, limited: false, skipped: 1 });
  expect((await search("needle", { ignoreFiles: false })).found).toEqual([
    ...["a.md:1", "b/deep.ts:2", "b/keep.log:1", "b/skip.log:1", "b/built/out.ts:1", "b/c/deep.ts:1"],
  ]);
  expect((await search("needle", { hidden: true })).found).toContain(".hidden/x:1");
});

test("patterns of names, a limit, and a single file narrow it", async () => {
  expect((await search("needle", { glob: ["*.ts"] })).found).toEqual(["b/deep.ts:2"]);
  expect((await search("needle", { glob: ["b/*.log"] })).found).toEqual(["b/keep.log:1"]);
  expect(await search("needle", { limit: 2 })).toMatchObject({
    found: { length: 2 },
    summary: { limited: true },
  });
  const file = await node.items<Item>("search", { pattern: "hay", path: join(node.work, "a.md") });
  expect(file).toMatchObject([{ line: 2, text: "and hay" }, { summary: { files: 1 } }]);
  expect((await search("no such thing")).summary).toMatchObject({ matches: 0, limited: false });
});

test("what is no expression is refused with the way to search for it as a text", async () => {
  await expect(search("(")).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringContaining("fixed"),
  });
  expect((await search("(", { fixed: true })).found).toEqual([]);
});

test("however long a pattern takes, the node answers others meanwhile", async () => {
  const slow = search("^(a+)+$", { glob: ["slow"] }).catch((error) => error);
  expect(await node.value("stat", { path: node.work })).toMatchObject({ kind: "directory" });
  await slow;
}, 60_000);

test("a search that nobody wants any more ends", async () => {
  const controller = new AbortController();
  const slow = search("^(a+)+$", { glob: ["slow"] }, { signal: controller.signal }).catch((error) => error);
  controller.abort();
  expect(await slow).toMatchObject({ code: "cancelled" });
});

test("nothing outside of what is granted is searched, and nothing that a deny keeps back", async () => {
  const shut = { permission: "fs.read", scope: { paths: [join(node.work, "b")] }, decision: "deny" } as const;
  const call = granted(allowing("fs.read", node.work), shut);
  expect((await search("needle", { ignoreFiles: false, hidden: true }, call)).found).toEqual([
    "a.md:1",
    ".git/x:1",
    ".hidden/x:1",
  ]);
  await expect(search("needle", { path: join(node.folder, "outside") }, call)).rejects.toMatchObject({
    code: "forbidden",
  });
  await expect(search("needle", { path: join(node.work, "link") }, call)).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(await search("needle", { path: join(node.folder, "data") }, call).catch(({ code }) => code)).toBe(
    "forbidden",
  );
});

test("while folders turn into links and back, nothing outside is searched", async () => {
  const [swap, aside] = [join(node.work, "swap"), join(node.work, "aside")];
  mkdirSync(swap);
  writeFileSync(join(swap, "x"), "needle inside\n");
  const turner = Bun.spawn(
    [process.execPath, join(import.meta.dir, "link-turner.ts"), swap, aside, join(node.folder, "outside")],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await turner.stdout.getReader().read();
  let inside = 0;
  for (let round = 0; round < 40; round++) {
    const items = await node.items<Item>(
      "search",
      { pattern: "needle", path: node.work },
      granted(allowing("fs.read", node.work)),
    );
    expect(items.some(({ text }) => text?.includes("outside"))).toBe(false);
    if (items.some(({ text }) => text?.includes("inside"))) inside += 1;
  }
  turner.kill("SIGKILL");
  await turner.exited;
  expect(inside).toBeGreaterThan(0);
}, 60_000);
