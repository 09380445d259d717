import { expect, test } from "bun:test";
import { ChildFamily } from "./child-family.ts";
import type { ProcessRow } from "./process-table.ts";

/** A system with these processes, which remembers who got what. Ends of groups are for the test to make. */
function system(
  ...rows: readonly (readonly [pid: number, parent: number, group: number, session: number])[]
) {
  const table = new Map<number, ProcessRow>(
    rows.map(([pid, parent, group, session]) => [
      pid,
      { pid, parent, group, session, startTicks: `t${pid}` },
    ]),
  );
  const sent: [number, NodeJS.Signals | 0][] = [];
  const there = (pid: number) =>
    pid > 0 ? table.has(pid) : [...table.values()].some(({ group }) => group === -pid);
  return {
    rows: table,
    sent,
    table: () => new Map(table),
    process: (pid: number) => table.get(pid),
    send(pid: number, signal: NodeJS.Signals | 0) {
      if (signal !== 0) sent.push([pid, signal]);
      return there(pid);
    },
  };
}

const linux = process.platform === "linux";

test("the group gets the signal as a group, and those outside it each their own", () => {
  if (!linux) return;
  const use = system([100, 1, 100, 100], [101, 100, 100, 100], [102, 100, 102, 100], [103, 101, 103, 103]);
  expect(new ChildFamily(100, () => false, use).kill("SIGTERM")).toBe(true);
  expect(use.sent).toEqual([
    [-100, "SIGTERM"],
    [102, "SIGTERM"],
    [103, "SIGTERM"],
  ]);
});

test("when another process has got the child's number, its group gets nothing", () => {
  if (!linux) return;
  const stranger = system([100, 1, 100, 100], [101, 100, 100, 100]);
  const family = new ChildFamily(100, () => true, stranger);
  for (const signal of ["SIGTERM", "SIGKILL", "SIGINT", 0] as const) expect(family.kill(signal)).toBe(false);
  expect(stranger.sent).toEqual([]);
});

test("one that was seen outside the group is found again, and a stranger with its number is not touched", () => {
  if (!linux) return;
  const use = system([100, 1, 100, 100], [103, 100, 103, 103]);
  let ended = false;
  const family = new ChildFamily(100, () => ended, use);
  family.kill("SIGTERM");
  ended = true;
  use.rows.delete(100);
  use.rows.set(103, { pid: 103, parent: 1, group: 103, session: 103, startTicks: "t103" });
  expect(family.kill(0)).toBe(true);
  use.sent.length = 0;
  expect(family.kill("SIGKILL")).toBe(true);
  expect(use.sent).toEqual([[103, "SIGKILL"]]);
  use.rows.set(103, { pid: 103, parent: 1, group: 103, session: 103, startTicks: "later" });
  use.sent.length = 0;
  expect(family.kill(0)).toBe(false);
  expect(family.kill("SIGKILL")).toBe(false);
  expect(use.sent).toEqual([]);
});

test("signals of a terminal go to the group alone, and asking sends nothing", () => {
  if (!linux) return;
  const use = system([100, 1, 100, 100], [102, 100, 102, 100]);
  const family = new ChildFamily(100, () => false, use);
  expect(family.kill("SIGINT")).toBe(true);
  expect(family.kill(0)).toBe(true);
  expect(use.sent).toEqual([[-100, "SIGINT"]]);
});

test("a group of which only zombies are left counts as gone", () => {
  if (!linux) return;
  const use = system([1, 0, 1, 1]);
  const zombies = { ...use, send: (pid: number) => pid === -100 };
  expect(new ChildFamily(100, () => true, zombies).kill(0)).toBe(false);
});

test("processes of the kernel and the node's own family are no family of a child", () => {
  if (!linux) return;
  const use = system([2, 0, 0, 0], [3, 2, 0, 0], [50, 1, 50, 50], [100, 50, 100, 100]);
  new ChildFamily(100, () => false, use).kill("SIGKILL");
  expect(use.sent).toEqual([[-100, "SIGKILL"]]);
});

test("one that leaves the group between the look at it and the signal gets its own", () => {
  if (!linux) return;
  const use = system([100, 1, 100, 100], [103, 100, 100, 100], [104, 100, 100, 100]);
  const leaving: typeof use = {
    ...use,
    send(pid, signal) {
      if (pid === -100 && signal === "SIGTERM") {
        use.rows.delete(100);
        use.rows.set(103, { pid: 103, parent: 1, group: 103, session: 103, startTicks: "t103" });
        use.rows.set(104, { pid: 104, parent: 1, group: 104, session: 104, startTicks: "a stranger" });
      }
      return use.send(pid, signal);
    },
  };
  const family = new ChildFamily(100, () => !use.rows.has(100), leaving);
  expect(family.kill("SIGTERM")).toBe(true);
  expect(use.sent).toEqual([
    [-100, "SIGTERM"],
    [103, "SIGTERM"],
  ]);
  expect(family.kill(0)).toBe(true);
  use.rows.delete(103);
  expect(family.kill(0)).toBe(false);
});
