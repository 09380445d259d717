/** Every limit of a confined command, really exceeded; and what the answer says about it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { builtProgram } from "../../src/platform/launcher-build.ts";
import { type ShellNode, shellNode } from "../shell/shell-node.ts";

/** Seconds of the CPU take longer by the clock on a busy machine. */
const cpuTestMs = 60_000;
const mib = 1024 * 1024;
let folder = "";
let work = "";
let node: ShellNode;
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-limits-")));
  work = join(folder, "work");
  mkdirSync(work);
  const cpu = process.arch === "arm64" ? "arm64" : "x64";
  const attempt = builtProgram(join(import.meta.dir, "../.."), "tests/sandbox/attempt", cpu);
  if ("why" in attempt) throw new Error(attempt.why);
  copyFileSync(attempt.file, join(work, "attempt"));
  const host = simulatedHost({ dataDirectory: join(folder, "data") });
  const limits = {
    timeoutMsMax: 60_000,
    outputBytesMax: 10_000,
    cpuSecondsMax: 1,
    memoryBytesMax: 32 * mib,
    processesMax: 20,
    openFilesMax: 30,
    fileBytesMax: mib,
    scratchBytesMax: mib,
  };
  node = await shellNode(
    {
      profiles: {
        tight: { limits },
        hasty: { limits: { timeoutMsMax: 100 } },
        shared: { limits: { memoryBytesMax: 96 * mib, diskBytesMax: 32 * mib } },
      },
    },
    {},
    { host },
  );
});
afterAll(async () => {
  await node.kernel.stop();
  rmSync(folder, { recursive: true });
});

const tight = (argv: readonly string[], more: Readonly<Record<string, unknown>> = {}) =>
  node.run({ argv, profile: "tight", workingDirectory: work, ...more });

/** ENOMEM, EAGAIN, EMFILE, EFBIG, ENOSPC: what a program is told that goes too far, and can go on. */
for (const [name, words, errno] of [
  ["memory of a process", ["memory", `${64 * mib}`], 12],
  ["processes", ["processes", "40"], 11],
  ["open files", ["open files", "60"], 24],
  ["the size of a file", ["written", `${2 * mib}`, "large"], 27],
  ["the size of /tmp", ["written", `${2 * mib - 65_536}`, "/tmp/large"], 27],
] as const) {
  test(`a command goes not beyond its limit on ${name}`, async () => {
    const { stdout, exit } = await tight(["./attempt", ...words]);
    expect(exit.code).not.toBe(0);
    expect(exit.reason).toBe("exited");
    expect(Number.parseInt(stdout.toString(), 10)).toBe(errno);
  });
}

test("room in /tmp ends before a file's own limit where many are written", async () => {
  const script = "for n in 1 2 3; do head -c 524288 /dev/zero >/tmp/$n || exit 9; done";
  expect((await tight(["sh", "-c", script])).exit.code).toBe(9);
});

test(
  "the end by CPU time, by the size of a file, by time and by output says which it was",
  async () => {
    const computing = await tight(["sh", "-c", "while :; do :; done"]);
    expect(computing.exit).toMatchObject({ signal: "SIGXCPU", reason: "cpu_limit" });
    const written = await tight(["head", "-c", `${2 * mib}`, "/dev/zero"], { outputBytesMax: 10 });
    expect(written.exit.reason).toBe("output_limit");
    const large = await tight(["dd", "if=/dev/zero", "of=large", "bs=1M", "count=2"]);
    expect(large.exit).toMatchObject({ signal: "SIGXFSZ", reason: "file_size_limit" });
    const late = await node.run({ argv: ["sleep", "60"], profile: "hasty" });
    expect(late.exit.reason).toBe("timeout");
  },
  cpuTestMs,
);

test(
  "a command that will not hear of its CPU time is ended all the same",
  async () => {
    const { exit } = await tight(["sh", "-c", "trap '' XCPU; while :; do :; done"]);
    expect(exit).toMatchObject({ signal: "SIGKILL" });
  },
  cpuTestMs,
);

for (const [name, words] of [
  ["of many processes", ["memory of all", "8", `${16 * mib}`]],
  ["of many processes, while others end all the time", ["memory of restless", "8", `${16 * mib}`]],
  ["in files without a name", ["nameless", "8", `${16 * mib}`]],
  ["in segments that no process holds", ["segments", "8", `${16 * mib}`]],
] as const) {
  test(`memory ${name} is counted together, and ends the command`, async () => {
    const { exit } = await node.run({
      argv: ["./attempt", ...words],
      profile: "shared",
      workingDirectory: work,
    });
    expect(exit).toMatchObject({ signal: "SIGKILL", reason: "memory_limit" });
    expect(exit.durationMs).toBeLessThan(15_000);
  }, 30_000);
}

test("memory that many share counts once, and what is below the limit goes on", async () => {
  const run = (...words: string[]) =>
    node.run({ argv: ["./attempt", ...words], profile: "shared", workingDirectory: work });
  expect((await run("shared", "8", `${48 * mib}`)).exit).toMatchObject({ code: 0, reason: "exited" });
  const { exit } = await run("nameless", "2", `${16 * mib}`, "600");
  expect(exit.reason).toBe("exited");
}, 40_000);

test("a command that takes more of the disk than it may is ended, in however many files", async () => {
  const script = "i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero >part$i || exit 1; done";
  const { exit } = await node.run({ argv: ["sh", "-c", script], profile: "shared", workingDirectory: work });
  expect(exit).toMatchObject({ signal: "SIGKILL", reason: "disk_limit" });
  rmSync(join(work, "part1"), { force: true });
}, 30_000);

test("a call names no more than its profile", async () => {
  await expect(tight(["true"], { timeoutMs: 60_001 })).rejects.toMatchObject({ code: "invalid_input" });
  await expect(tight(["true"], { outputBytesMax: 10_001 })).rejects.toMatchObject({ code: "invalid_input" });
});
