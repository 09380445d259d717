import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesOf, finish, linux, shell, start, until } from "../../tests/platform/children.ts";
import type { SpawnOptions } from "../kernel/ports.ts";
import { systemProcesses } from "./processes.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "operone-processes-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pipesOpen = () =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
    } catch {
      return false;
    }
  }).length;

describe("where the C library cannot be called", () => {
  const fallback = systemProcesses({ pipes: "bun" });
  const options = { workingDirectory: "/", environment: fallback.cleanEnvironment() };

  test("bytes pass unchanged, except that a child cannot open its stdout by name", async () => {
    const all = Uint8Array.from({ length: 256 * 1_000 }, (_, index) => index % 256);
    const child = fallback.spawn({ ...options, stdin: "pipe", argv: ["sh", "-c", "cat; echo done >&2"] });
    const reading = Promise.all([bytesOf(child.stdout), bytesOf(child.stderr)]);
    await child.writeStdin(all);
    child.closeStdin();
    const [stdout, stderr] = await reading;
    expect(stdout.equals(Buffer.from(all))).toBe(true);
    expect(stderr.toString()).toBe("done\n");
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test("a reader that is not wanted is closed, and the child feels it", async () => {
    const child = fallback.spawn({ ...options, stdin: "none", argv: ["yes"] });
    await child.stdout[Symbol.asyncIterator]().return?.();
    await bytesOf(child.stderr);
    // SIGPIPE, or an error of write(2) where something that it had written was thrown away.
    expect((await child.exited).code).not.toBe(0);
  });
});

describe("bytes", () => {
  test("all 256 values pass through stdin, stdout and stderr unchanged", async () => {
    const all = Uint8Array.from({ length: 256 * 40 }, (_, index) => index % 256);
    const child = shell("tee /dev/stderr", { stdin: "pipe" });
    const reading = Promise.all([bytesOf(child.stdout), bytesOf(child.stderr)]);
    await child.writeStdin(all);
    child.closeStdin();
    const [stdout, stderr] = await reading;
    expect(stdout.equals(Buffer.from(all))).toBe(true);
    expect(stderr.equals(Buffer.from(all))).toBe(true);
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  test("a child can open its own stdin, stdout and stderr by name, as on a terminal", async () => {
    const child = shell("cat < /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr", {
      stdin: "pipe",
    });
    await child.writeStdin(new TextEncoder().encode("in "));
    child.closeStdin();
    expect(await finish(child)).toEqual({ stdout: "in out\n", stderr: "err\n", code: 0, signal: null });
  });

  test("many megabytes arrive whole while a slow reader keeps the memory flat", async () => {
    const bytesTotal = 600_000_000;
    const child = shell(`head -c ${bytesTotal} /dev/zero`);
    const before = process.memoryUsage.rss();
    let bytes = 0;
    let grown = 0;
    let collected = 0;
    for await (const chunk of child.stdout) {
      bytes += chunk.length;
      if (bytes < 3_000_000) await Bun.sleep(5);
      // What was read and dropped must not count, however late the collector would come by itself.
      if (bytes - collected > 30_000_000) {
        Bun.gc(true);
        collected = bytes;
      }
      grown = Math.max(grown, process.memoryUsage.rss() - before);
    }
    expect(bytes).toBe(bytesTotal);
    // Without back-pressure it would be about all of it.
    expect(grown).toBeLessThan(bytesTotal * 0.7);
    await child.stderr[Symbol.asyncIterator]().return?.();
  });

  test("a child blocks while nobody reads it", async () => {
    if (!linux) return;
    const child = start(["head", "-c", "50000000", "/dev/zero"]);
    const written = () => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1]);
    await until(() => written() > 0);
    const first = child.stdout[Symbol.asyncIterator]();
    await first.next();
    await Bun.sleep(50);
    // What was taken, what the pipe holds (256 KiB), and what the reader took before it stopped.
    expect(written()).toBeLessThan(2_000_000);
    child.kill("SIGKILL");
    await Promise.all([first.return?.(), child.stderr[Symbol.asyncIterator]().return?.(), child.exited]);
  });

  test("hundreds of megabytes of stdin are counted, with the memory flat", async () => {
    const child = start(["wc", "-c"], { stdin: "pipe" });
    const chunk = new Uint8Array(1_000_000);
    const before = process.memoryUsage.rss();
    for (let index = 0; index < 500; index++) {
      await child.writeStdin(chunk);
      if (index % 50 === 0) Bun.gc(true);
    }
    child.closeStdin();
    expect((await finish(child)).stdout.trim()).toBe("500000000");
    expect(process.memoryUsage.rss() - before).toBeLessThan(350_000_000);
  });

  test("writing to a child that closed its stdin, or after closing it, is EPIPE", async () => {
    const child = shell("exec 0<&-; sleep 5", { stdin: "pipe" });
    const writing = (async () => {
      for (;;) await child.writeStdin(new Uint8Array(100_000));
    })();
    await expect(writing).rejects.toMatchObject({ code: "EPIPE" });
    child.kill("SIGKILL");
    await finish(child);

    const closed = start(["cat"], { stdin: "pipe" });
    closed.closeStdin();
    await expect(closed.writeStdin(new Uint8Array(1))).rejects.toMatchObject({ code: "EPIPE" });
    expect((await finish(closed)).code).toBe(0);
  });

  test("without a stdin the child reads an end at once", async () => {
    expect(await finish(start(["cat"]))).toMatchObject({ stdout: "", code: 0 });
  });
});

describe("what a child gets of the node", () => {
  test("only its three descriptors: no socket, no file and no other child's pipe", async () => {
    if (!linux) return;
    using _server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { openSync, closeSync } = await import("node:fs");
    const file = openSync(join(folder, "open"), "w");
    const other = start(["sleep", "20"]);
    const child = start(["sleep", "20"], { stdin: "pipe" });
    // The kernel closes the rest while it loads the program, a moment after the spawn has returned.
    await until(() => readdirSync(`/proc/${child.pid}/fd`).join() === "0,1,2");
    for (const each of [child, other]) {
      each.kill("SIGKILL");
      each.closeStdin();
      await finish(each);
    }
    closeSync(file);
  });

  test("exactly the environment that was named", async () => {
    const { stdout } = await finish(start(["/usr/bin/env"], { environment: { ONLY: "this one" } }));
    expect(stdout).toBe("ONLY=this one\n");
  });

  test("no controlling terminal, and a session and group of its own", async () => {
    if (!linux) return;
    const { stdout } = await finish(shell("cut -d' ' -f1,5,6,7 /proc/$$/stat"));
    const [pid, group, session, terminal] = stdout.trim().split(" ");
    expect([group, session, terminal]).toEqual([pid, pid, "0"]);
  });
});

describe("exit", () => {
  test("a code is told as a code and a signal as a signal", async () => {
    expect(await finish(shell("exit 7"))).toMatchObject({ code: 7, signal: null });
    expect(await finish(shell("kill -KILL $$"))).toMatchObject({ code: null, signal: "SIGKILL" });
    expect(await finish(shell("exit 137"))).toMatchObject({ code: 137, signal: null });
  });

  const refusals: readonly [string, Partial<SpawnOptions> & { readonly argv: string[] }, string, RegExp][] = [
    ["a program that is nowhere", { argv: ["no-such-program"] }, "not_found", /no such program in PATH/],
    ["a path that is nowhere", { argv: ["./no-such"] }, "not_found", /no such file/],
    ["a path below a file", { argv: ["/etc/passwd/x"] }, "not_found", /part of its path/],
    ["a file that is not executable", { argv: ["./plain"] }, "forbidden", /not executable/],
    ["a folder", { argv: ["/"] }, "forbidden", /not executable/],
    ["a script whose interpreter is missing", { argv: ["./orphan"] }, "not_found", /interpreter/],
    [
      "a missing working directory",
      { argv: ["true"], workingDirectory: "/no/such" },
      "not_found",
      /"\/no\/such"/,
    ],
    [
      "a file as working directory",
      { argv: ["true"], workingDirectory: "/etc/passwd" },
      "not_found",
      /not a dir/,
    ],
    ["a relative working directory", { argv: ["true"], workingDirectory: "." }, "invalid_input", /absolute/],
    ["an argument that is too long", { argv: ["true", "x".repeat(3_000_000)] }, "too_large", /stdin/],
    ["a NUL byte", { argv: ["true", "a\0b"] }, "invalid_input", /NUL/],
  ];
  test("each reason for which nothing starts has its code and its next step, and leaves no pipe open", async () => {
    writeFileSync(join(folder, "plain"), "x", { mode: 0o644 });
    writeFileSync(join(folder, "orphan"), "#!/no/such/interpreter\n", { mode: 0o755 });
    const before = linux ? pipesOpen() : 0;
    for (const [what, { argv, ...options }, code, message] of refusals) {
      const attempt = () => start(argv, { workingDirectory: folder, ...options });
      expect(attempt, what).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    }
    // Fewer is fine: a pipe of the test before may have closed meanwhile.
    if (linux) expect(pipesOpen()).toBeLessThanOrEqual(before);
  });
});

describe("descriptors", () => {
  test("two thousand children leave none behind", async () => {
    if (!linux) return;
    await finish(start(["true"]));
    const before = pipesOpen();
    const one = async () => {
      const child = start(["true"], { stdin: "pipe" });
      child.closeStdin();
      await finish(child);
    };
    for (let round = 0; round < 100; round++) await Promise.all(Array.from({ length: 20 }, one));
    // Bun closes a pipe that has ended on another thread.
    await until(() => pipesOpen() <= before);
    expect(pipesOpen()).toBeLessThanOrEqual(before);
  }, 60_000);

  test("a reader that is not wanted, before or during a read, is closed, and the child feels it", async () => {
    const untouched = start(["yes"]);
    await untouched.stdout[Symbol.asyncIterator]().return?.();
    await bytesOf(untouched.stderr);
    expect(await untouched.exited).toEqual({ code: null, signal: "SIGPIPE" });

    const waiting = start(["sleep", "20"]);
    const reader = waiting.stdout[Symbol.asyncIterator]();
    const read = reader.next();
    await reader.return?.();
    expect(await read).toMatchObject({ done: true });
    expect(await reader.next()).toMatchObject({ done: true });
    waiting.kill("SIGKILL");
    await finish(waiting);
  });
});

test("a report comes through descriptor 3 alone, and a child without one has no such descriptor", async () => {
  const script = "(echo said >&3) 2>/dev/null || echo none";
  const options = {
    argv: ["sh", "-c", script],
    workingDirectory: "/",
    environment: {},
    stdin: "none",
  } as const;
  const text = async (pipe: AsyncIterable<Uint8Array> = (async function* () {})()) =>
    Buffer.concat(await Array.fromAsync(pipe)).toString();
  const reporting = systemProcesses().spawn({ ...options, report: true });
  expect([await text(reporting.report), await text(reporting.stdout)]).toEqual(["said\n", ""]);
  const plain = systemProcesses().spawn(options);
  expect([await text(plain.report), await text(plain.stdout)]).toEqual(["", "none\n"]);
  expect(() => systemProcesses({ pipes: "bun" }).spawn({ ...options, report: true })).toThrow(
    "no pipe for its report",
  );
});
