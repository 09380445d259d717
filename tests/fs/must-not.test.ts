/** What no operation may do, each really tried with a token for one folder. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { allowing, type FsNode, fsNode, granted } from "./fs-node.ts";

let node: FsNode;
let token: ReturnType<typeof granted>;
let outside = "";
beforeAll(async () => {
  node = await fsNode();
  outside = join(node.folder, "outside");
  mkdirSync(join(outside, "deep"), { recursive: true });
  writeFileSync(join(outside, "secret"), "outside");
  writeFileSync(join(outside, "deep/secret"), "outside");
  writeFileSync(join(node.folder, "data/owner.token"), "outside");
  writeFileSync(join(node.work, "mine"), "mine");
  token = granted(allowing("fs.read", node.work));
});
afterAll(() => node[Symbol.asyncDispose]());

const readings = ["stat", "list", "tree", "usage", "hash", "read"] as const;

/** Whether any operation that reads gives something of what lies outside. */
async function leaks(path: string, call = token): Promise<string[]> {
  const tried = readings.map(async (operation) => {
    const value = await node.value(operation, { path }, call).catch((error: Error) => `refused ${error}`);
    return typeof value === "string" ? [] : [operation];
  });
  const bytes = await node.bytes("content", { path }, call).catch(() => undefined);
  const found = await node.items("glob", { pattern: "**", path }, call).catch(() => []);
  return [
    ...(await Promise.all(tried)).flat(),
    ...(bytes === undefined ? [] : ["content"]),
    ...(found.length === 0 ? [] : ["glob"]),
  ];
}

test("a path outside of the folder is refused, by every operation and in every spelling", async () => {
  const work = node.work;
  for (const path of [outside, join(outside, "secret"), `${work}x`, "/", "/etc/passwd", "~"])
    expect([path, await leaks(path)]).toEqual([path, []]);
  for (const path of [`${work}/../outside/secret`, `${work}/./../outside/secret`, "relative", `${work}/\0`])
    expect([path, await leaks(path)]).toEqual([path, []]);
  expect(await leaks(join(work, "mine"))).toContain("read");
});

test("a link that leads outside gives nothing, wherever in the path it is, and does not tell what exists there", async () => {
  const link = (text: string, name: string) => symlinkSync(text, join(node.work, name));
  link(join(outside, "secret"), "absolute");
  link("../outside/secret", "relative");
  link("../outside", "folder");
  link("absolute", "twice");
  link("../outside/none", "missing");
  link("/proc/self/environ", "process");
  link("loop", "loop");
  const names = [
    "absolute",
    "relative",
    "folder",
    "folder/secret",
    "folder/deep/secret",
    "twice",
    "missing",
    "process",
    "loop",
  ];
  for (const name of names) {
    const found = await leaks(join(node.work, name));
    expect([name, found]).toEqual([name, []]);
  }
  const errorOf = (name: string) =>
    node.value("read", { path: join(node.work, name) }, token).catch((error) => error.code);
  expect(await errorOf("relative")).toBe("forbidden");
  expect(await errorOf("missing")).toBe("forbidden");
  // The link itself is the caller's.
  expect(await node.value("stat", { path: join(node.work, "relative"), follow: false }, token)).toMatchObject(
    {
      target: "../outside/secret",
    },
  );
});

test("a link that stays inside works, relative or absolute, and where a second folder is granted it may lead there", async () => {
  symlinkSync(join(node.work, "mine"), join(node.work, "own-absolute"));
  symlinkSync("mine", join(node.work, "own-relative"));
  for (const name of ["own-absolute", "own-relative"])
    expect(await node.value("read", { path: join(node.work, name) }, token)).toMatchObject({ text: "mine" });
  const both = granted(allowing("fs.read", node.work, outside));
  expect(await node.value("read", { path: join(node.work, "relative") }, both)).toMatchObject({
    text: "outside",
  });
});

test("a deny below a granted folder holds, through links and for everything that walks", async () => {
  mkdirSync(join(node.work, "shut/in"), { recursive: true });
  writeFileSync(join(node.work, "shut/in/secret"), "outside");
  symlinkSync("shut/in/secret", join(node.work, "round"));
  const deny = {
    permission: "fs.read",
    scope: { paths: [join(node.work, "shut")] },
    decision: "deny",
  } as const;
  const call = granted(allowing("fs.read", node.work), deny);
  for (const name of ["shut", "shut/in/secret", "round"])
    expect([name, await leaks(join(node.work, name), call)]).toEqual([name, []]);
  const seen = JSON.stringify([
    await node.value("list", { path: node.work }, call),
    await node.value("tree", { path: node.work }, call),
    await node.items("glob", { pattern: "**", path: node.work }, call),
    await node.value("usage", { path: node.work }, call),
  ]);
  expect(seen).toContain("mine");
  expect(seen).not.toMatch(/"path":"[^"]*shut/);
});

test("the node's own files are nobody's, not even the owner's, and no listing shows them", async () => {
  const owner = {};
  const data = join(node.folder, "data");
  symlinkSync(data, join(node.work, "data-link"));
  for (const path of [
    data,
    join(data, "owner.token"),
    join(node.work, "data-link"),
    join(node.work, "data-link/owner.token"),
  ])
    expect([path, await leaks(path, owner)]).toEqual([path, []]);
  const everything = granted({ permission: "fs.read", scope: "*", decision: "allow" });
  expect(await leaks(join(data, "owner.token"), everything)).toEqual([]);
  expect(JSON.stringify(await node.value("tree", { path: node.folder }))).not.toContain("owner.token");
});

test("a process's own files are nobody's", async () => {
  if (!(process.platform === "linux")) return;
  for (const path of [
    "/proc/self/environ",
    `/proc/${process.pid}/environ`,
    "/proc/self/root/etc/passwd",
    "/dev/fd/0",
  ])
    expect([path, await leaks(path, {})]).toEqual([path, []]);
});

test("a pipe and a device are never opened", async () => {
  if (!(process.platform !== "win32")) return;
  const pipe = join(node.work, "pipe");
  Bun.spawnSync(["mkfifo", pipe]);
  for (const path of [pipe, "/dev/zero"]) {
    for (const operation of ["read", "hash"])
      await expect(node.value(operation, { path })).rejects.toMatchObject({ code: "conflict" });
    await expect(node.bytes("content", { path })).rejects.toMatchObject({ code: "conflict" });
  }
});

test("a second name of a file is in the scope where it lies, and tells nothing of the first one's place", async () => {
  linkSync(join(outside, "secret"), join(node.work, "second"));
  expect(await node.value("stat", { path: join(node.work, "second") }, token)).toMatchObject({
    path: join(node.work, "second"),
  });
});

test("while folders turn into links and back, nothing outside is read", async () => {
  const [swap, aside] = [join(node.work, "swap"), join(node.work, "aside")];
  mkdirSync(swap);
  writeFileSync(join(swap, "secret"), "inside!");
  const turner = Bun.spawn(
    [process.execPath, join(import.meta.dir, "link-turner.ts"), swap, aside, outside],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await turner.stdout.getReader().read();
  const told: Record<string, number> = {};
  const begun = performance.now();
  // Until both faces of the folder were met: else nothing was tried.
  const isTried = () => (told["inside!"] ?? 0) > 0 && (told.refused ?? 0) > 0;
  for (let round = 0; round < 1_500 || (!isTried() && performance.now() - begun < 40_000); round++) {
    const { text = "refused" } = await node
      .value<{ text: string }>("read", { path: join(swap, "secret") }, token)
      .catch(() => ({ text: "refused" }));
    told[text] = (told[text] ?? 0) + 1;
    const entries = await node.value("list", { path: swap }, token).catch(() => ({}));
    expect(JSON.stringify(entries)).not.toContain("deep");
  }
  turner.kill("SIGKILL");
  await turner.exited;
  expect(told.outside).toBeUndefined();
  expect(told["inside!"]).toBeGreaterThan(0);
  expect(told.refused).toBeGreaterThan(0);
}, 60_000);

test("no content of a file comes into the log or the audit", async () => {
  const path = join(node.work, "diary");
  writeFileSync(path, "very private words");
  await node.value("read", { path });
  await node.bytes("content", { path });
  await node.value("read", { path: join(node.work, "pipe") }).catch(() => {});
  expect(readFileSync(path, "utf8")).toContain("private");
  expect(JSON.stringify([node.log.entries, node.journal.records])).not.toContain("private");
  renameSync(path, `${path}2`);
});

const changing: readonly (readonly [string, (path: string) => object])[] = [
  ["write", (path) => ({ path, text: "planted", parents: true })],
  ["append", (path) => ({ path, text: "planted" })],
  ["edit", (path) => ({ path, edits: [{ old: "outside", new: "planted" }] })],
  ["mkdir", (path) => ({ path, parents: true })],
  ["remove", (path) => ({ path, recursive: true })],
  ["remove", (path) => ({ path, recursive: true, permanent: true })],
  ["move", (from) => ({ from, to: join(node.work, "taken") })],
  ["move", (to) => ({ from: join(node.work, "gift"), to, replace: true })],
  ["copy", (from) => ({ from, to: join(node.work, "taken") })],
  ["copy", (to) => ({ from: join(node.work, "gift"), to, replace: true })],
];

/** Whether any operation that writes does something at the path. */
async function changes(path: string, call: ReturnType<typeof granted>): Promise<string[]> {
  const done: string[] = [];
  for (const [operation, inputOf] of changing) {
    writeFileSync(join(node.work, "gift"), "gift");
    const worked = await node.value(operation, inputOf(path), call).then(
      () => true,
      () => false,
    );
    if (worked) done.push(operation);
  }
  return done;
}

test("nothing is changed, made, removed, taken or put outside of the folder, whatever leads there", async () => {
  const call = granted(allowing("fs.read", node.work), allowing("fs.write", node.work));
  const picture = () => execFileSync("find", [outside, "-printf", "%p %y %s %m %T@ %l\\n"]).toString();
  const before = picture();
  symlinkSync(outside, join(node.work, "out"));
  symlinkSync(join(outside, "secret"), join(node.work, "out-file"));
  symlinkSync(join(outside, "new"), join(node.work, "out-new"));
  const paths = ["out/secret", "out/deep", "out/new/er", "../outside/secret"].map(
    (name) => `${node.work}/${name}`,
  );
  for (const path of [...paths, outside, join(outside, "secret"), join(outside, "planted"), "/etc/planted"])
    expect([path, await changes(path, call)]).toEqual([path, []]);
  expect(picture()).toBe(before);
  // A link itself is the caller's, and what it leads to is not.
  for (const operation of ["write", "append", "mkdir"])
    await expect(
      node.value(
        operation,
        { path: join(node.work, "out-new"), ...(operation === "mkdir" ? {} : { text: "x" }) },
        call,
      ),
    ).rejects.toThrow();
  await expect(
    node.value("write", { path: join(node.work, "out-file"), text: "x" }, call),
  ).rejects.toMatchObject({
    code: "forbidden",
  });
  await node.value("remove", { path: join(node.work, "out-file") }, call);
  expect(picture()).toBe(before);
});

test("what a deny keeps from a caller does not come to it by moving, copying or removing what is above", async () => {
  mkdirSync(join(node.work, "above/shut"), { recursive: true });
  writeFileSync(join(node.work, "above/shut/secret"), "outside");
  const shut = { paths: [join(node.work, "above/shut")] };
  const call = granted(
    allowing("fs.read", node.work),
    allowing("fs.write", node.work),
    { permission: "fs.read", scope: shut, decision: "deny" },
    { permission: "fs.write", scope: shut, decision: "deny" },
  );
  const [from, to] = [join(node.work, "above"), join(node.work, "beside")];
  await expect(node.value("move", { from, to }, call)).rejects.toMatchObject({ code: "forbidden" });
  for (const permanent of [false, true])
    await expect(node.value("remove", { path: from, recursive: true, permanent }, call)).rejects.toThrow();
  await node.value("copy", { from, to }, call).catch(() => {});
  expect(await leaks(join(to, "shut/secret"), {})).toEqual([]);
  expect(readFileSync(join(node.work, "above/shut/secret"), "utf8")).toBe("outside");
});

test("the node's own files are changed by nobody, not even with what is above them", async () => {
  for (const path of [
    join(node.folder, "data"),
    join(node.folder, "data/owner.token"),
    join(node.folder, "data/new"),
  ])
    expect([path, await changes(path, {} as ReturnType<typeof granted>)]).toEqual([path, []]);
  for (const permanent of [false, true])
    await expect(
      node.value("remove", { path: node.folder, recursive: true, permanent }),
    ).rejects.toMatchObject({
      code: "forbidden",
    });
  await expect(node.value("move", { from: node.folder, to: `${node.folder}-2` })).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(readFileSync(join(node.work, "mine"), "utf8")).toBe("mine");
  expect(readFileSync(join(node.folder, "data/owner.token"), "utf8")).toBe("outside");
});

test("what another caller removed is in nobody's trash but that of who may write there", async () => {
  writeFileSync(join(node.work, "theirs"), "x");
  const { trash } = await node.value<{ trash: string }>("remove", { path: join(node.work, "theirs") });
  const stranger = granted(allowing("fs.write", outside));
  expect(await node.value("trash-list", {}, stranger)).toEqual({ items: [] });
  for (const [operation, input] of [
    ["restore", { id: trash }],
    ["trash-empty", { ids: [trash] }],
  ] as const)
    await expect(node.value(operation, input, stranger)).rejects.toMatchObject({ code: "not_found" });
  const mine = granted(allowing("fs.write", node.work));
  await expect(node.value("restore", { id: trash, to: join(outside, "theirs") }, mine)).rejects.toMatchObject(
    { code: "forbidden" },
  );
  await node.value("restore", { id: trash }, mine);
});

test("what is asked of a person is put before one with all that will be done, and holds for what is below", async () => {
  const ask = { permission: "fs.write", scope: { paths: [node.work] }, decision: "ask" } as const;
  const call = granted(allowing("fs.read", node.work), ask);
  const count = node.asked.length;
  await node.value("mkdir", { path: join(node.work, "asked") }, call);
  await node.value("remove", { path: join(node.work, "asked"), recursive: true }, call);
  expect(node.asked.slice(count)).toMatchObject([{ path: join(node.work, "asked") }, { recursive: true }]);
});

test("while folders turn into links and back, nothing outside is written or removed", async () => {
  const call = granted(allowing("fs.read", node.work), allowing("fs.write", node.work));
  const [swap, aside] = [join(node.work, "swap2"), join(node.work, "aside2")];
  mkdirSync(swap);
  const turner = Bun.spawn(
    [process.execPath, join(import.meta.dir, "link-turner.ts"), swap, aside, outside],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await turner.stdout.getReader().read();
  let [done, refused] = [0, 0];
  const count = (work: Promise<unknown>) =>
    work.then(
      () => (done += 1),
      () => (refused += 1),
    );
  const begun = performance.now();
  const isTried = () => done > 0 && refused > 0;
  for (let round = 0; round < 400 || (!isTried() && performance.now() - begun < 40_000); round++) {
    await count(node.value("write", { path: join(swap, "secret"), text: "planted" }, call));
    await count(node.value("append", { path: join(swap, "secret"), text: "planted" }, call));
    await count(node.value("mkdir", { path: join(swap, `d${round}`) }, call));
    await count(node.value("remove", { path: join(swap, "deep"), recursive: true, permanent: true }, call));
    await count(node.value("remove", { path: join(swap, "secret"), permanent: true }, call));
  }
  turner.kill("SIGKILL");
  await turner.exited;
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("outside");
  expect(readFileSync(join(outside, "deep/secret"), "utf8")).toBe("outside");
  expect(readdirSync(outside).toSorted()).toEqual(["deep", "secret"]);
  expect([done > 0, refused > 0]).toEqual([true, true]);
}, 60_000);

test("a second name of the node's own file is not searched", async () => {
  const data = join(node.folder, "data");
  writeFileSync(join(data, "owner.token"), "needle-of-the-owner");
  const folder = join(node.work, "second-names");
  mkdirSync(folder);
  linkSync(join(data, "owner.token"), join(folder, "token"));
  writeFileSync(join(folder, "other"), "needle-of-the-owner");
  const input = { path: folder, pattern: "needle-of-the-owner" };
  for (const as of [{}, granted(allowing("fs.read", folder))]) {
    const found = await node.items<{ path?: string }>("search", input, as);
    expect(found.flatMap(({ path }) => path ?? [])).toEqual([join(folder, "other")]);
  }
});

test("who may write and not read is not shown what is there by a write that only tells", async () => {
  const path = join(node.work, "mine");
  const writer = granted(allowing("fs.write", node.work));
  for (const operation of ["write", "append"]) {
    const told = node.value(operation, { path, text: "x", dryRun: true }, writer);
    await expect(told).rejects.toMatchObject({ code: "forbidden" });
  }
  expect(readFileSync(path, "utf8")).toBe("mine");
});
