import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperoneError } from "../../src/kernel/error.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { alive, pidsFrom, stubborn, until } from "../../tests/shell/processes.ts";
import { outcomeOf, shellNode } from "../../tests/shell/shell-node.ts";

const linux = process.platform === "linux";
let folder = "";
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-shell-")));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string, more: Readonly<Record<string, unknown>> = {}) => ({
  argv: ["sh", "-c", script],
  workingDirectory: folder,
  killGraceMs: 300,
  ...more,
});

describe("a command never outlives its call", () => {
  test("when the caller cancels, children that ignore SIGTERM are killed after the grace", async () => {
    await using node = await shellNode();
    const abort = new AbortController();
    const iterator = await node.items(sh(stubborn), { signal: abort.signal });
    const pids = await pidsFrom(iterator, 2);
    abort.abort();
    await expect(iterator.next()).rejects.toMatchObject({ code: "cancelled" });
    await until(() => !pids.some(alive));
  });

  test("when the caller cancels while the command is silent", async () => {
    await using node = await shellNode();
    const abort = new AbortController();
    const iterator = await node.items(sh(stubborn), { signal: abort.signal });
    const pids = await pidsFrom(iterator, 2);
    const waiting = iterator.next();
    await Bun.sleep(20);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await until(() => !pids.some(alive));
  });

  test("when its output cannot be read any more", async () => {
    const processes = systemProcesses();
    const breaking = async function* (pipe: AsyncIterable<Uint8Array>) {
      for await (const bytes of pipe) {
        yield bytes;
        throw new Error("EIO");
      }
    };
    const spawn: typeof processes.spawn = (options) => {
      const child = processes.spawn(options);
      return { ...child, stdout: breaking(child.stdout) };
    };
    await using node = await shellNode({}, {}, { processes: { ...processes, spawn } });
    const iterator = await node.items(sh("echo $$; sleep 60"));
    const pids = await pidsFrom(iterator, 1);
    await expect(outcomeOf(iterator)).rejects.toMatchObject({ code: "internal" });
    await until(() => !pids.some(alive));
  });

  test("when the reader goes away", async () => {
    await using node = await shellNode();
    const iterator = await node.items(sh(stubborn));
    const pids = await pidsFrom(iterator, 2);
    await iterator.return?.();
    await until(() => !pids.some(alive));
  });

  test("when the token is revoked", async () => {
    await using node = await shellNode();
    const abort = new AbortController();
    const iterator = await node.items(sh(stubborn), { signal: abort.signal });
    const pids = await pidsFrom(iterator, 2);
    abort.abort(new OperoneError("unauthenticated", "The token was revoked"));
    await expect(iterator.next()).rejects.toMatchObject({ code: "unauthenticated" });
    await until(() => !pids.some(alive));
  });

  test("when the node stops, and the stop waits for it", async () => {
    const node = await shellNode();
    const iterator = await node.items(sh(stubborn, { killGraceMs: 60_000 }));
    const pids = await pidsFrom(iterator, 2);
    const stopping = node.kernel.stop();
    await expect(outcomeOf(iterator)).rejects.toMatchObject({ code: "unavailable" });
    await stopping;
    expect(pids.filter(alive)).toEqual([]);
  }, 20_000);

  test("when its time is over; what it wrote until then is kept", async () => {
    await using node = await shellNode();
    const { stdout, exit } = await node.run(sh("echo before; sleep 60", { timeoutMs: 200 }));
    expect(stdout.toString()).toBe("before\n");
    expect(exit).toMatchObject({ code: null, signal: "SIGTERM", reason: "timeout" });
  });

  test("when its time is over and it ignores that", async () => {
    await using node = await shellNode();
    const { stdout, exit } = await node.run(sh(stubborn, { timeoutMs: 200 }));
    expect(exit).toMatchObject({ code: null, signal: "SIGKILL", reason: "timeout" });
    const pids = stdout.toString().trim().split("\n").map(Number);
    await until(() => !pids.some(alive));
  });

  test("when its output goes beyond the limit, of which not one byte more is given", async () => {
    await using node = await shellNode();
    const { stdout, stderr, exit } = await node.run(sh("yes", { outputBytesMax: 100_000 }));
    expect(stdout.length + stderr.length).toBe(100_000);
    expect(exit.reason).toBe("output_limit");
    const exact = await node.run({ argv: ["head", "-c", "100000", "/dev/zero"], outputBytesMax: 100_000 });
    expect(exact.exit).toMatchObject({ code: 0, reason: "exited" });
    expect(exact.stdout.length).toBe(100_000);
  });

  test("but may clean up within the grace, and say more than a pipe holds", async () => {
    await using node = await shellNode();
    for (const [reason, more] of [
      ["cancelled", {}],
      ["output_limit", { outputBytesMax: 5 }],
    ] as const) {
      const marker = join(folder, `cleaned-${reason}`);
      const script = `trap 'head -c 300000 /dev/zero && echo >${marker}; exit' TERM; echo ready; echo go; while :; do sleep 0.01; done`;
      const iterator = await node.items(sh(script, { killGraceMs: 5_000, ...more }));
      await iterator.next();
      if (reason === "cancelled") await iterator.return?.();
      else expect((await outcomeOf(iterator)).exit.reason).toBe(reason);
      await until(() => existsSync(marker));
    }
  });

  test("when it floods whoever waits for its end", async () => {
    await using node = await shellNode();
    const iterator = await node.items(sh('trap "" TERM; echo $$; exec yes', { killGraceMs: 60_000 }));
    const pids = await pidsFrom(iterator, 1);
    await iterator.return?.();
    await until(() => !pids.some(alive));
  });

  test("when it is in a group of its own, as a job of an interactive shell", async () => {
    if (!linux) return;
    await using node = await shellNode();
    const abort = new AbortController();
    const iterator = await node.items(sh("set -m; sleep 60 & echo $!; setsid sleep 60 & echo $!; wait"), {
      signal: abort.signal,
    });
    const pids = await pidsFrom(iterator, 2);
    abort.abort();
    await until(() => !pids.some(alive));
  });

  test("and a call that was cancelled before it began starts nothing", async () => {
    await using node = await shellNode();
    const marker = join(folder, "started");
    await expect(node.run(sh(`echo x > ${marker}`), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
    await Bun.sleep(50);
    expect(() => readFileSync(marker)).toThrow();
  });
});
