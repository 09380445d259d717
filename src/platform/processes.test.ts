import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child, SpawnOptions } from "../kernel/ports.ts";
import { childLedger } from "./child-ledger.ts";
import { systemProcesses } from "./processes.ts";

const processes = systemProcesses();
const linux = process.platform === "linux";
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "operone-processes-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (argv: readonly string[], options: Partial<SpawnOptions> = {}): Child =>
  processes.spawn({
    argv,
    workingDirectory: folder,
    environment: processes.cleanEnvironment(),
    stdin: "none",
    ...options,
  });
const shell = (script: string, options: Partial<SpawnOptions> = {}) => start(["sh", "-c", script], options);

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

async function finish(child: Child) {
  const [stdout, stderr, exit] = await Promise.all([
    bytesOf(child.stdout),
    bytesOf(child.stderr),
    child.exited,
  ]);
  return { stdout: stdout.toString(), stderr: stderr.toString(), ...exit };
}

/** Waits for something that the system does in its own time. */
async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (condition()) return;
    await Bun.sleep(10);
  }
  throw new Error("it did not come about within 5 seconds");
}

/** A zombie waits for its parent and runs no more. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!linux) return true;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

const descriptors = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
const pipesOpen = () => descriptors().filter((target) => target.startsWith("pipe:")).length;

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
    for await (const chunk of child.stdout) {
      bytes += chunk.length;
      if (bytes < 3_000_000) await Bun.sleep(5);
      grown = Math.max(grown, process.memoryUsage.rss() - before);
    }
    expect(bytes).toBe(bytesTotal);
    // Far below what passed through; the collector takes its time with what was read.
    expect(grown).toBeLessThan(bytesTotal / 2);
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

  test("a hundred megabytes of stdin are counted, with the memory flat", async () => {
    const child = start(["wc", "-c"], { stdin: "pipe" });
    const chunk = new Uint8Array(1_000_000);
    const before = process.memoryUsage.rss();
    for (let index = 0; index < 100; index++) await child.writeStdin(chunk);
    child.closeStdin();
    expect((await finish(child)).stdout.trim()).toBe("100000000");
    expect(process.memoryUsage.rss() - before).toBeLessThan(80_000_000);
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
      const attempt = () => start(argv, options);
      expect(attempt, what).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    }
    if (linux) expect(pipesOpen()).toBe(before);
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

function sessionOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
}

/** The process ids that a script says first; the rest of its output is left to a reader in the background. */
async function firstLine(child: Child, count: number): Promise<number[]> {
  const reader = child.stdout[Symbol.asyncIterator]();
  let text = "";
  while (text.split("\n").length <= count) {
    const { value } = await reader.next();
    if (value === undefined) break;
    text += Buffer.from(value).toString();
  }
  await reader.return?.();
  await child.stderr[Symbol.asyncIterator]().return?.();
  return text.trim().split("\n").map(Number);
}

describe("after a node was killed", () => {
  const ledger = () => join(folder, "ledger", "running");

  test("its running children are ended by the next one, those that had ended are not looked for", async () => {
    if (!linux) return;
    const first = systemProcesses({ ledger: ledger() });
    const options = {
      workingDirectory: folder,
      environment: first.cleanEnvironment(),
      stdin: "none",
    } as const;
    const short = first.spawn({ ...options, argv: ["true"] });
    const long = first.spawn({ ...options, argv: ["sh", "-c", "sleep 60 & echo $!; wait"] });
    const [grandchild = 0] = await firstLine(long, 1);
    await finish(short);

    const next = systemProcesses({ ledger: ledger() });
    expect(await next.endLeftovers()).toBe(1);
    expect(await long.exited).toEqual({ code: null, signal: "SIGKILL" });
    await until(() => !alive(grandchild));
    expect(await next.endLeftovers()).toBe(0);
  });

  test("a stranger that has a remembered number is left alone", async () => {
    if (!linux) return;
    const stranger = start(["sleep", "60"]);
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const line = (ticks: number) => `${boot}\n+${stranger.pid} ${ticks}\n`;
    const path = join(folder, "strangers");
    writeFileSync(path, line(1));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    // The same number and start, but of another boot.
    const stat = readFileSync(`/proc/${stranger.pid}/stat`, "utf8");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    writeFileSync(path, line(ticks).replace(boot, "00000000-0000-0000-0000-000000000000"));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    expect(alive(stranger.pid)).toBe(true);
    writeFileSync(path, line(ticks));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(1);
    await finish(stranger);
  });

  test("the file is private, stays small however many children there were, and names those that run", async () => {
    if (!linux) return;
    const path = join(folder, "many", "children");
    const ledger = childLedger(path);
    const long = start(["sleep", "60"]);
    ledger.started(long.pid);
    for (let round = 0; round < 10_000; round++) {
      ledger.started(process.pid);
      ledger.ended(process.pid);
    }
    expect(statSync(path).size).toBeLessThan(70_000);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(childLedger(path).endLeftovers()).toBe(1);
    expect(await finish(long)).toMatchObject({ signal: "SIGKILL" });
  });

  test("damage to the file harms nobody, and a file that cannot be written keeps no command from running", async () => {
    if (!linux) return;
    const path = join(folder, "damaged");
    writeFileSync(path, "+1 x\n\0\0\n-\n+-5 7\n");
    const own = systemProcesses({ ledger: path });
    expect(await own.endLeftovers()).toBe(0);
    const options = { workingDirectory: folder, environment: {}, stdin: "none" } as const;
    await finish(own.spawn({ ...options, argv: ["/bin/true"] }));
    expect(await systemProcesses({ ledger: path }).endLeftovers()).toBe(0);
    const unwritable = systemProcesses({ ledger: "/proc/no/such/ledger" });
    expect((await finish(unwritable.spawn({ ...options, argv: ["/bin/true"] }))).code).toBe(0);
    expect(existsSync("/proc/no")).toBe(false);
  });
});
