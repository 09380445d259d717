/** Dry runs whose command is played by the test: it writes into the upper folder as the kernel would. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Authority, Caller } from "../../src/kernel/authority.ts";
import { simulatedClock, simulatedLog, simulatedRandom } from "../../src/kernel/simulated.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { removeFolder } from "../../src/platform/folder-contents.ts";
import { DryRuns, type PendingDryRun } from "./dry-runs.ts";
import { limits } from "./limits.ts";

const linux = process.platform === "linux";
const bounds = { keepMs: 1_000, countMax: 3, perCallerMax: 2, bytesMax: 1_000_000, allBytesMax: 10_000_000 };
const owner: Caller = { kind: "owner", id: "owner", name: "owner" };
const token: Caller = { kind: "token", id: "t", name: "t" };
const authority: Authority = { check() {}, decide: () => "allow", sets: [] };

let top = "";
let clock = simulatedClock();
let runs: DryRuns;
let count = 0;
beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), "operone-dry-")));
});
afterAll(() => (linux ? removeFolder(top) : rmSync(top, { recursive: true })));
beforeEach(() => {
  clock = simulatedClock();
  runs = runsWith(bounds);
});

function runsWith(limited: typeof bounds): DryRuns {
  const ports = { clock, files: diskFiles(), log: simulatedLog(), random: simulatedRandom(++count) };
  return new DryRuns(ports, join(top, "data"), limited);
}

function workspaceWith(files: Readonly<Record<string, string>>): string {
  const workspace = join(top, `w${++count}`);
  mkdirSync(workspace);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(workspace, path, ".."), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
  return workspace;
}

async function begun(workspace: string, caller = owner): Promise<PendingDryRun & { readonly upper: string }> {
  const pending = await runs.begin({ workspace, caller, argv: ["x"], requests: [] });
  return { ...pending, upper: join(pending.folder, "upper") };
}

const whiteout = (path: string) => Bun.spawnSync(["mknod", path, "c", "0", "0"]);
const context = (caller = owner) => ({ caller, authority, signal: new AbortController().signal });

if (linux) {
  test("what was added, changed and removed is told and applied", async () => {
    const workspace = workspaceWith({
      a: "1\n",
      gone: "g\n",
      "folder/in": "i\n",
      "folder/down/x": "",
      same: "s",
    });
    const { upper, finish } = await begun(workspace);
    writeFileSync(join(upper, "a"), "2\n");
    writeFileSync(join(upper, "same"), "s");
    writeFileSync(join(upper, "new"), "n\n", { mode: 0o755 });
    whiteout(join(upper, "gone"));
    whiteout(join(upper, "folder"));
    symlinkSync("a", join(upper, "link"));
    mkdirSync(join(upper, "made/in"), { recursive: true });
    chmodSync(join(upper, "made/in"), 0o500);
    const { dryRun, changes } = await finish();
    expect(changes.map(({ status, path }) => `${status} ${path}`)).toEqual([
      "changed a",
      "removed folder/down/x",
      "removed folder/down",
      "removed folder/in",
      "removed folder",
      "removed gone",
      "added link",
      "added made",
      "added made/in",
      "added new",
    ]);
    expect(await runs.apply(dryRun.id ?? "", context())).toEqual({ applied: 10, already: 0, leftOut: [] });
    expect(readdirSync(workspace).sort()).toEqual(["a", "link", "made", "new", "same"]);
    expect(readFileSync(join(workspace, "a"), "utf8")).toBe("2\n");
    expect(readlinkSync(join(workspace, "link"))).toBe("a");
    expect(lstatSync(join(workspace, "new")).mode & 0o777).toBe(0o755);
    expect(lstatSync(join(workspace, "made/in")).mode & 0o777).toBe(0o500);
  });

  test("one thing in the place of another, and a folder's mode, are applied", async () => {
    const workspace = workspaceWith({ file: "f", "folder/in": "i", "kept/in": "k" });
    symlinkSync("old", join(workspace, "link"));
    const { upper, finish } = await begun(workspace);
    mkdirSync(join(upper, "file"));
    writeFileSync(join(upper, "file/in"), "now a folder");
    writeFileSync(join(upper, "folder"), "now a file");
    mkdirSync(join(upper, "kept"), { mode: 0o700 });
    symlinkSync("new", join(upper, "link"));
    const { dryRun, changes } = await finish();
    expect(changes.find(({ path }) => path === "kept")).toMatchObject({ mode: "700", modeBefore: "755" });
    await runs.apply(dryRun.id ?? "", context());
    expect(readFileSync(join(workspace, "file/in"), "utf8")).toBe("now a folder");
    expect(readFileSync(join(workspace, "folder"), "utf8")).toBe("now a file");
    expect(lstatSync(join(workspace, "kept")).mode & 0o777).toBe(0o700);
    expect(readlinkSync(join(workspace, "link"))).toBe("new");
  });

  test("a pipe, a protected name and set-id bits are left out, and the notes say so", async () => {
    const workspace = workspaceWith({ ".bashrc": "mine\n", ".git/config": "" });
    const { upper, finish } = await begun(workspace);
    Bun.spawnSync(["mkfifo", join(upper, "pipe")]);
    writeFileSync(join(upper, ".bashrc"), "theirs\n");
    mkdirSync(join(upper, ".git/hooks"), { recursive: true });
    mkdirSync(join(upper, "n"));
    writeFileSync(join(upper, "n/.bashrc"), "allowed");
    writeFileSync(join(upper, "set"), "s");
    chmodSync(join(upper, "set"), 0o4755);
    const { dryRun } = await finish();
    const { leftOut } = await runs.apply(dryRun.id ?? "", context());
    expect(leftOut).toEqual([
      { path: ".bashrc", note: "it is protected" },
      { path: "pipe", note: "it is a pipe" },
    ]);
    expect(readFileSync(join(workspace, ".bashrc"), "utf8")).toBe("mine\n");
    expect(lstatSync(join(workspace, "set")).mode & 0o7777).toBe(0o755);
    expect(existsSync(join(workspace, "pipe"))).toBe(false);
  });

  test("a file with another name outside of the workspace changes under its own name alone", async () => {
    const workspace = workspaceWith({ a: "1" });
    const outside = join(top, `outside${count}`);
    linkSync(join(workspace, "a"), outside);
    const { upper, finish } = await begun(workspace);
    writeFileSync(join(upper, "a"), "2");
    const { dryRun, changes } = await finish();
    expect(changes[0]?.note).toContain("other names keep");
    await runs.apply(dryRun.id ?? "", context());
    expect([readFileSync(outside, "utf8"), readFileSync(join(workspace, "a"), "utf8")]).toEqual(["1", "2"]);
  });

  test("another folder at the path of the workspace is not the workspace", async () => {
    const workspace = workspaceWith({ a: "1" });
    const { upper, finish } = await begun(workspace);
    writeFileSync(join(upper, "new"), "n");
    const { dryRun } = await finish();
    renameSync(workspace, `${workspace}-away`);
    mkdirSync(workspace);
    await expect(runs.apply(dryRun.id ?? "", context())).rejects.toMatchObject({ code: "conflict" });
    expect(readdirSync(workspace)).toEqual([]);
  });

  test("more paths than are taken are told in part, and not applied", async () => {
    const workspace = workspaceWith({});
    runs = runsWith({ ...bounds, bytesMax: 10_000_000 });
    const { upper, finish } = await begun(workspace);
    for (let at = 0; at <= limits.changesMax; at++) symlinkSync("x", join(upper, `${at}`));
    const { dryRun, changes } = await finish();
    expect(dryRun).toMatchObject({
      id: null,
      refusal: expect.stringContaining(`more than ${limits.changesMax}`),
    });
    expect(changes).toHaveLength(limits.changesShownMax);
    // On a busy machine; nothing waits for it.
  }, 60_000);

  test("a try that broke off says how far it came, and goes on when it is repeated", async () => {
    const workspace = workspaceWith({ "m/x": "1" });
    const { upper, finish } = await begun(workspace);
    writeFileSync(join(upper, "a"), "a");
    writeFileSync(join(upper, "z"), "z");
    const { dryRun } = await finish();
    const id = dryRun.id ?? "";
    const kept = join(upper, "z");
    writeFileSync(kept, "not what it was");
    await expect(runs.apply(id, context())).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining('1 of 2 changes were made, and then "z" was refused'),
    });
    expect(existsSync(join(workspace, "z"))).toBe(false);
    expect(readdirSync(workspace).sort()).toEqual(["a", "m"]);
    writeFileSync(kept, "z");
    expect(await runs.apply(id, context())).toEqual({ applied: 1, already: 1, leftOut: [] });
  });

  test("a dry run is forgotten when its time is over, when it is discarded, and when the node stops", async () => {
    const workspace = workspaceWith({});
    const folders: string[] = [];
    const kept = async () => {
      const { upper, folder, finish, close } = await begun(workspace);
      writeFileSync(join(upper, "a"), "a");
      folders.push(folder);
      const { dryRun } = await finish();
      await close();
      return dryRun.id ?? "";
    };
    const expired = await kept();
    expect(runs.list(owner)).toHaveLength(1);
    await clock.advance(bounds.keepMs);
    expect(() => runs.show(expired, owner)).toThrow("There is no dry run");
    const discarded = await kept();
    await runs.discard(discarded, owner);
    expect(runs.list(owner)).toEqual([]);
    await kept();
    await runs.stop();
    expect(runs.list(owner)).toEqual([]);
    expect(folders.slice(1).filter((folder) => existsSync(folder))).toEqual([]);
    await runs.clear();
    expect(existsSync(join(top, "data/shell/dry-runs"))).toBe(false);
  });

  test("one that ends without having changed anything, or without an end, leaves nothing", async () => {
    const { finish, close, folder } = await begun(workspaceWith({ a: "1" }));
    expect((await finish()).dryRun).toMatchObject({ id: null, changes: 0 });
    await close();
    const broken = await begun(workspaceWith({ a: "1" }));
    writeFileSync(join(broken.upper, "a"), "2");
    await broken.close();
    expect([folder, broken.folder].filter((one) => existsSync(one))).toEqual([]);
  });

  test("there are so many for each caller, so many for all, and so many bytes", async () => {
    const workspace = workspaceWith({});
    await begun(workspace, token);
    await begun(workspace, token);
    await expect(begun(workspace, token)).rejects.toMatchObject({ code: "limited" });
    await begun(workspace);
    await expect(begun(workspace)).rejects.toMatchObject({ code: "limited" });
    runs = runsWith({ ...bounds, allBytesMax: bounds.bytesMax });
    await begun(workspace);
    await expect(begun(workspace)).rejects.toMatchObject({ code: "limited" });
  });

  test("one that has written too much is told while it runs, and has no end", async () => {
    const { upper, watch, finish } = await begun(workspaceWith({}));
    const { promise, resolve } = Promise.withResolvers<unknown>();
    watch(resolve);
    writeFileSync(join(upper, "big"), Buffer.alloc(bounds.bytesMax + 1));
    await clock.advance(500);
    expect(await promise).toMatchObject({ code: "too_large" });
    await expect(finish()).rejects.toMatchObject({ code: "too_large" });
  });

  test("folders too deep to be looked into are no dry run", async () => {
    const { upper, finish } = await begun(workspaceWith({}));
    mkdirSync(join(upper, "d/".repeat(limits.depthMax + 2)), { recursive: true });
    await expect(finish()).rejects.toMatchObject({ code: "too_large" });
  });
}

test("an id that nobody has is told so, with where to look", () => {
  expect(() => runs.show("0011223344556677", token)).toThrow("dry-run-list");
});
