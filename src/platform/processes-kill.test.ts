import { describe, expect, test } from "bun:test";
import { alive, finish, firstLine, linux, sessionOf, shell, until } from "../../tests/platform/children.ts";

describe("killing", () => {
  test("the whole group gets the signal, grandchildren that ignore it go with SIGKILL", async () => {
    const child = shell('trap "" TERM; (trap "" TERM; sleep 60) & echo $!; sleep 60 & echo $!; wait; wait');
    const pids = await firstLine(child, 2);
    expect(child.kill("SIGTERM")).toBe(true);
    await Bun.sleep(50);
    expect(alive(child.pid)).toBe(true);
    expect(child.kill("SIGKILL")).toBe(true);
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    await until(() => !pids.some(alive));
    // A group counts its zombies until somebody has collected them.
    await until(() => !child.kill("SIGKILL"));
  });

  test("those left behind after the child's own exit can still be killed", async () => {
    const child = shell("sleep 60 & echo $!");
    const [pid = 0] = await firstLine(child, 1);
    await child.exited;
    expect(alive(pid)).toBe(true);
    expect(child.kill("SIGKILL")).toBe(true);
    await until(() => !alive(pid));
  });

  test("background jobs in groups of their own, and a setsid whose parent lives, are found too", async () => {
    if (!linux) return;
    const child = shell("set -m; sleep 60 & echo $!; setsid sleep 60 & echo $!; wait");
    const pids = await firstLine(child, 2);
    // The second is a fork that becomes `setsid sleep`; wait until it leads its own session.
    await until(() => sessionOf(pids[1] ?? 0) !== child.pid);
    child.kill("SIGKILL");
    await until(() => !pids.some(alive));
  });

  test("one that left the session is still known at SIGKILL when its parent has died of SIGTERM", async () => {
    if (!linux) return;
    const child = shell(`setsid sh -c 'trap "" TERM; echo $$; sleep 60; sleep 60' & wait`);
    const [pid = 0] = await firstLine(child, 1);
    child.kill("SIGTERM");
    await child.exited;
    expect(alive(pid)).toBe(true);
    expect(child.kill("SIGKILL")).toBe(true);
    await until(() => !alive(pid));
  });

  test("two hundred children at once, killed in one turn, are all gone", async () => {
    const children = Array.from({ length: 200 }, () => shell("sleep 60 & sleep 60"));
    for (const child of children) child.kill("SIGKILL");
    const exits = await Promise.all(children.map(finish));
    expect(exits.every(({ signal }) => signal === "SIGKILL")).toBe(true);
  }, 30_000);
});
