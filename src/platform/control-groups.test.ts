import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delegatedGroups } from "./control-groups.ts";

// Plain files in the place of the kernel's: what is written where is looked at, not what the kernel does then.
let mount = "";
let own = "";
beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), "operone-groups-"));
  own = join(mount, "operone.service");
  mkdirSync(own);
  writeFileSync(join(own, "cgroup.controllers"), "cpu memory pids\n");
  writeFileSync(join(own, "cgroup.procs"), "42\n");
  writeFileSync(join(own, "cgroup.subtree_control"), "");
});
afterEach(() => rmSync(mount, { recursive: true }));

const groups = (self = "0::/operone.service\n") => delegatedGroups({ mount, self, pid: 42 });
const text = (...path: readonly string[]) => readFileSync(join(own, ...path), "utf8");

test("in a branch of its own the node moves aside, and each command gets a group with its limits", () => {
  mkdirSync(join(own, "command-7"));
  const group = groups()?.create({ memoryBytesMax: 1_000, processesMax: 10 });
  expect([text("node", "cgroup.procs"), text("cgroup.subtree_control")]).toEqual(["42", "+memory +pids"]);
  // The one that an earlier run left is gone.
  expect(existsSync(join(own, "command-7"))).toBe(false);
  expect(group?.path).toBe(join(own, "command-1"));
  expect([text("command-1", "memory.max"), text("command-1", "pids.max")]).toEqual(["1000", "12"]);
  expect(text("command-1", "memory.oom.group")).toBe("1");
  // In earnest the kernel's files go with the folder; a group that cannot go yet is no failure.
  group?.remove();
});

test("a group tells whether its memory was not enough, by what the kernel counts", () => {
  const group = groups()?.create({ memoryBytesMax: 1_000, processesMax: 10 });
  expect(group?.outOfMemory()).toBe(false);
  writeFileSync(join(own, "command-1", "memory.events"), "low 0\noom 0\noom_kill 0\noom_group_kill 0\n");
  expect(group?.outOfMemory()).toBe(false);
  writeFileSync(join(own, "command-1", "memory.events"), "low 0\noom 1\noom_kill 3\noom_group_kill 1\n");
  expect(group?.outOfMemory()).toBe(true);
});

test("a node that was started again within its part finds its branch", () => {
  writeFileSync(join(own, "cgroup.procs"), "");
  expect(groups("0::/operone.service/node\n")?.create({ memoryBytesMax: 1, processesMax: 1 }).path).toBe(
    join(own, "command-1"),
  );
});

test("a group that the node shares, that lacks a controller, or that is the root, is left alone", () => {
  expect(groups("0::/\n")).toBeUndefined();
  expect(groups("4:memory:/x\n")).toBeUndefined();
  expect(groups("0::/missing\n")).toBeUndefined();
  writeFileSync(join(own, "cgroup.procs"), "42\n43\n");
  expect(groups()).toBeUndefined();
  writeFileSync(join(own, "cgroup.procs"), "42\n");
  writeFileSync(join(own, "cgroup.controllers"), "cpu pids\n");
  expect(groups()).toBeUndefined();
  expect(text("cgroup.subtree_control")).toBe("");
});
