import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { GrantSet } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { bytesOf, outcomeOf, shellNode } from "../../tests/shell/shell-node.ts";

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

async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(100_000);
}

async function until(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 800; round++) {
    if (condition()) return;
    await Bun.sleep(10);
  }
  throw new Error("it did not come about within 8 seconds");
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !linux || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Reads items until the output holds so many numbers. */
async function pidsFrom(iterator: AsyncIterator<unknown>, count: number): Promise<number[]> {
  let text = "";
  while (text.split("\n").length <= count) {
    const { value } = (await iterator.next()) as { value?: { text?: string } };
    text += value?.text ?? "";
  }
  return text.trim().split("\n").map(Number);
}

describe("output", () => {
  test("stdout, stderr and the exit come as items, the exit last", async () => {
    await using node = await shellNode();
    const { stdout, stderr, exit, items } = await node.run(sh("echo out; echo err >&2; exit 3"));
    expect([stdout.toString(), stderr.toString()]).toEqual(["out\n", "err\n"]);
    expect(exit).toMatchObject({ code: 3, signal: null, reason: "exited" });
    expect(exit.durationMs).toBeGreaterThan(0);
    expect(items.at(-1)).toEqual({ exit });
  });

  test("every byte value comes back exactly, and so do characters that are cut between chunks", async () => {
    await using node = await shellNode();
    const all = Uint8Array.from({ length: 256 * 100 }, (_, index) => index % 256);
    const binary = await node.run({ argv: ["cat"] }, { bytes: chunks(all) });
    expect(binary.stdout.equals(Buffer.from(all))).toBe(true);

    const text = "añ€😀\u{feff}".repeat(2_000);
    const cut = Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte));
    const echoed = await node.run({ argv: ["cat"] }, { bytes: chunks(Buffer.from(`\u{feff}${text}`)) });
    expect(echoed.items.every((item) => !("base64" in item))).toBe(true);
    expect(echoed.stdout.toString()).toBe(`\u{feff}${text}`);
    const dribbled = await node.run({ argv: ["cat"] }, { bytes: chunks(...cut.slice(0, 300)) });
    expect(dribbled.stdout.equals(Buffer.concat(cut.slice(0, 300)))).toBe(true);
  });

  test("a slow reader holds a huge output back, and the memory stays flat", async () => {
    await using node = await shellNode();
    const bytes = 200_000_000;
    const before = process.memoryUsage.rss();
    const iterator = await node.items({ argv: ["head", "-c", String(bytes), "/dev/zero"] });
    let seen = 0;
    let grown = 0;
    let rounds = 0;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      if ("exit" in next.value) continue;
      seen += bytesOf(next.value).length;
      if (rounds++ < 100) await Bun.sleep(2);
      grown = Math.max(grown, process.memoryUsage.rss() - before);
    }
    expect(seen).toBe(bytes);
    expect(grown).toBeLessThan(150_000_000);
  }, 30_000);

  test("a command that keeps its pipe open in the background after its exit ends with its group", async () => {
    await using node = await shellNode();
    const iterator = await node.items(sh("sleep 60 & echo $!"));
    const [pid = 0] = await pidsFrom(iterator, 1);
    const { exit } = await outcomeOf(iterator);
    expect(exit).toMatchObject({ code: 0, reason: "exited" });
    await until(() => !alive(pid));
  });

  test("what is left silent in the group goes too, after the answer", async () => {
    await using node = await shellNode();
    const { stdout, exit } = await node.run(sh("sleep 60 >/dev/null 2>&1 & echo $!"));
    expect(exit).toMatchObject({ code: 0, reason: "exited" });
    await until(() => !alive(Number(stdout.toString())));
  });

  test("the last part of a pipeline may still write after the command's own exit", async () => {
    await using node = await shellNode();
    const { stdout } = await node.run(sh("(sleep 0.2; echo late) & exit 0", { killGraceMs: 3_000 }));
    expect(stdout.toString()).toBe("late\n");
  });

  test("a daemon that holds the pipe cannot hold the call", async () => {
    if (!linux) return;
    await using node = await shellNode();
    const iterator = await node.items(sh("setsid sh -c 'echo $$; exec sleep 20' & sleep 0.2; exit 4"));
    const [pid = 0] = await pidsFrom(iterator, 1);
    expect((await outcomeOf(iterator)).exit).toMatchObject({ code: 4, reason: "exited" });
    // Nothing but a sandbox finds it: it left the group, and its parent is dead.
    if (alive(pid)) process.kill(pid, "SIGKILL");
  });
});

describe("input", () => {
  test("a hundred megabytes of stdin are counted with the memory flat", async () => {
    await using node = await shellNode();
    const part = new Uint8Array(1_000_000);
    const before = process.memoryUsage.rss();
    const source = async function* () {
      for (let index = 0; index < 100; index++) yield part;
    };
    const { stdout } = await node.run({ argv: ["wc", "-c"] }, { bytes: source() });
    expect(stdout.toString().trim()).toBe("100000000");
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  }, 30_000);

  test("a hundred megabytes through cat come back whole", async () => {
    await using node = await shellNode();
    const source = async function* () {
      for (let index = 0; index < 100; index++) yield new Uint8Array(1_000_000).fill(index);
    };
    const { stdout } = await node.run({ argv: ["cat"] }, { bytes: source() });
    expect(stdout.length).toBe(100_000_000);
    expect([stdout[0], stdout[55_500_000], stdout[99_999_999]]).toEqual([0, 55, 99]);
  }, 30_000);

  test("a command that closes its stdin, or exits without reading, ends the caller's bytes", async () => {
    await using node = await shellNode();
    let returned = 0;
    const source = async function* () {
      try {
        yield* endless();
      } finally {
        returned += 1;
      }
    };
    const closed = await node.run(sh("exec 0<&-; sleep 0.1; echo on"), { bytes: source() });
    expect(closed.stdout.toString()).toBe("on\n");
    expect((await node.run({ argv: ["true"] }, { bytes: source() })).exit.code).toBe(0);
    await until(() => returned === 2);
  });

  test("a caller whose bytes break off ends the command: half a stdin is never taken for the whole", async () => {
    await using node = await shellNode();
    const marker = join(folder, "whole");
    const broken = async function* () {
      yield Buffer.from("half");
      await Bun.sleep(50);
      throw new OperoneError("cancelled", "the upload broke off");
    };
    const running = node.run(sh(`cat >/dev/null && echo whole > ${marker}`), { bytes: broken() });
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    await Bun.sleep(50);
    expect(() => readFileSync(marker)).toThrow();
  });

  test("a source that never gives anything does not hold a command that is done", async () => {
    await using node = await shellNode();
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
    };
    expect((await node.run({ argv: ["true"] }, { bytes: silent })).exit.code).toBe(0);
  });
});

describe("interact", () => {
  const messages = async function* (...list: readonly unknown[]) {
    for (const message of list) yield message;
  };
  const operation = "shell.interact";

  test("text and base64 go to stdin, and the end of the messages ends it", async () => {
    await using node = await shellNode();
    const sent = messages({ stdin: "añ" }, { stdinBase64: "/wA=" });
    const { stdout } = await node.run({ argv: ["cat"] }, { operation, messages: sent });
    expect([...stdout]).toEqual([...Buffer.from("añ"), 0xff, 0]);
  });

  test("close ends stdin while the messages go on, and what is sent after it is dropped", async () => {
    await using node = await shellNode();
    const hold = Promise.withResolvers<void>();
    const sent = async function* () {
      yield { stdin: "x" };
      yield { close: true };
      yield { stdin: "y" };
      await hold.promise;
    };
    const { stdout } = await node.run({ argv: ["cat"] }, { operation, messages: sent() });
    expect(stdout.toString()).toBe("x");
    hold.resolve();
  });

  test("a signal overtakes stdin that the command does not read", async () => {
    await using node = await shellNode();
    const big = "x".repeat(900_000);
    const sent = async function* () {
      yield { stdin: big };
      yield { signal: "SIGINT" };
      await new Promise(() => {});
    };
    const { exit } = await node.run({ argv: ["sleep", "60"] }, { operation, messages: sent() });
    expect(exit).toMatchObject({ code: null, signal: "SIGINT", reason: "exited" });
  });

  test("a message of another form ends the command", async () => {
    await using node = await shellNode();
    const running = node.run({ argv: ["cat"] }, { operation, messages: messages({ signal: "SIGSTOP" }) });
    await expect(running).rejects.toMatchObject({ code: "invalid_input" });
  });
});

describe("a command never outlives its call", () => {
  const stubborn = 'trap "" TERM INT HUP; (trap "" TERM; sleep 60; sleep 60) & echo $!; echo $$; wait; wait';

  test("when the caller cancels, children that ignore SIGTERM are killed after the grace", async () => {
    await using node = await shellNode();
    const abort = new AbortController();
    const iterator = await node.items(sh(stubborn), { signal: abort.signal });
    const pids = await pidsFrom(iterator, 2);
    abort.abort();
    await expect(iterator.next()).rejects.toMatchObject({ code: "cancelled" });
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

describe("environment", () => {
  const before = { ...process.env };
  beforeAll(() => {
    process.env.BUN_OPTIONS_TEST = "1";
    process.env.NODE_TEST = "1";
    process.env.OPERONE_TEST = "1";
    process.env.LD_TEST = "1";
    process.env.SOME_TOKEN = "1";
  });
  afterAll(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  });

  test("nothing of the node's own is passed on but a clean few, and what the call names", async () => {
    await using node = await shellNode();
    const { stdout } = await node.run({ argv: ["env"], environment: { GREETING: "hi there" } });
    const names = stdout
      .toString()
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0] ?? "");
    const clean = /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR)$/;
    expect(names.filter((name) => !clean.test(name))).toEqual(["GREETING"]);
    expect(stdout.toString()).toContain("GREETING=hi there\n");
    expect(names).toContain("PATH");
  });

  for (const name of [
    "LD_PRELOAD",
    "BUN_OPTIONS",
    "node_options",
    "DYLD_INSERT_LIBRARIES",
    "OPERONE_HOME",
    "A B",
    "",
  ]) {
    test(`the variable "${name}" is refused`, async () => {
      await using node = await shellNode();
      await expect(node.run({ argv: ["env"], environment: { [name]: "x" } })).rejects.toMatchObject({
        code: "invalid_input",
      });
      await expect(node.run({ argv: ["env"], secrets: { [name]: "x" } })).rejects.toMatchObject({
        code: "invalid_input",
      });
    });
  }

  test("a secret comes by its name, with its own right, and shows in no preview, audit or log", async () => {
    await using node = await shellNode({}, { db: Buffer.from("hunter2"), raw: Uint8Array.of(0xff) });
    const input = { argv: ["sh", "-c", "echo $PASSWORD"], secrets: { PASSWORD: "db" } };
    expect((await node.run(input)).stdout.toString()).toBe("hunter2\n");
    const set = (permission: string, scope: unknown, decision: "allow" | "ask" = "allow") =>
      ({ permission, scope, decision }) as const;
    const without: GrantSet = { holder: "t", owner: false, grants: [set("shell.unconfined", "*")] };
    await expect(node.run(input, { sets: [without] })).rejects.toMatchObject({ code: "forbidden" });
    const asks: GrantSet = {
      holder: "t",
      owner: false,
      grants: [set("shell.unconfined", "*", "ask"), set("access.secret.use", { names: ["db"] })],
    };
    expect((await node.run(input, { sets: [asks] })).exit.code).toBe(0);
    expect(node.asked).toHaveLength(1);
    expect(JSON.stringify([node.asked, node.journal.records, node.log.entries])).not.toContain("hunter2");
    await expect(node.run({ argv: ["env"], secrets: { A: "raw" } })).rejects.toMatchObject({
      code: "invalid_input",
    });
    await expect(node.run({ argv: ["env"], secrets: { A: "missing" } })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(
      node.run({ argv: ["env"], secrets: { A: "db" }, environment: { A: "x" } }),
    ).rejects.toMatchObject({ code: "invalid_input" });
  });
});

describe("starting", () => {
  test("the working directory is the home of the node's user, or what the call names", async () => {
    await using node = await shellNode();
    expect((await node.run({ argv: ["pwd"] })).stdout.toString().trim()).toBe(realpathSync(homedir()));
    expect((await node.run({ argv: ["pwd"], workingDirectory: folder })).stdout.toString().trim()).toBe(
      folder,
    );
    for (const workingDirectory of ["relative", "./x", "", "~other"]) {
      await expect(node.run({ argv: ["pwd"], workingDirectory })).rejects.toMatchObject({
        code: "invalid_input",
      });
    }
    await expect(node.run({ argv: ["pwd"], workingDirectory: "/no/such" })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("~ is one place, whatever HOME the call sets, and the data directory where there is no home", async () => {
    await using node = await shellNode();
    const elsewhere = await node.run({ argv: ["pwd"], environment: { HOME: folder } });
    expect(elsewhere.stdout.toString().trim()).toBe(realpathSync(homedir()));
    const processes = systemProcesses();
    const homeless = {
      ...processes,
      cleanEnvironment: () => ({ ...processes.cleanEnvironment(), HOME: "/no/such/home" }),
    };
    const host = simulatedHost({ dataDirectory: folder });
    await using service = await shellNode({}, {}, { processes: homeless, host });
    expect((await service.run({ argv: ["pwd"] })).stdout.toString().trim()).toBe(folder);
    writeFileSync(join(folder, "tool"), "#!/bin/sh\necho tool\n", { mode: 0o755 });
    const below = await service.run({ argv: ["./tool"], workingDirectory: "~/" });
    expect(below.stdout.toString()).toBe("tool\n");
  });

  test("what cannot start says why, and leaves nothing taken", async () => {
    await using node = await shellNode({ commandsMax: 1 });
    writeFileSync(join(folder, "plain"), "x", { mode: 0o644 });
    for (const [argv, code] of [
      [["no-such-program"], "not_found"],
      [[join(folder, "plain")], "forbidden"],
      [[""], "invalid_input"],
      [[], "invalid_input"],
      [["echo", "a\0b"], "invalid_input"],
      [["echo", "\ud800"], "invalid_input"],
      [["echo", ...Array.from({ length: 40 }, () => "x".repeat(100_000))], "invalid_input"],
    ] as const) {
      await expect(node.run({ argv })).rejects.toMatchObject({ code });
    }
    expect((await node.run({ argv: ["true"] })).exit.code).toBe(0);
  });

  test("limits above the configured most are refused, and the smaller of default and most holds", async () => {
    await using node = await shellNode({ timeoutMsMax: 300, timeoutMsDefault: 5_000, killGraceMsMax: 300 });
    await expect(node.run({ argv: ["true"], timeoutMs: 301 })).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.stringContaining("300"),
    });
    expect((await node.run({ argv: ["sleep", "20"] })).exit.reason).toBe("timeout");
  });

  test("the commands of one caller, and of all, are limited, and an ended one leaves its place", async () => {
    await using node = await shellNode({ commandsPerCallerMax: 2, commandsMax: 3 });
    const as = (id: string) => ({ caller: { kind: "token", id, name: id } }) as const;
    const started = [
      await node.items({ argv: ["sleep", "30"] }, as("a")),
      await node.items({ argv: ["sleep", "30"] }, as("a")),
    ];
    await expect(node.run({ argv: ["true"] }, as("a"))).rejects.toMatchObject({ code: "limited" });
    started.push(await node.items({ argv: ["sleep", "30"] }, as("b")));
    await expect(node.run({ argv: ["true"] }, as("c"))).rejects.toMatchObject({ code: "limited" });
    await started[0]?.return?.();
    await until(() => true);
    for (let round = 0; round < 100; round++) {
      const outcome = await node.run({ argv: ["true"] }, as("c")).catch(() => undefined);
      if (outcome?.exit.code === 0) break;
      await Bun.sleep(10);
      if (round === 99) throw new Error("the place was never given back");
    }
    for (const iterator of started) await iterator.return?.();
  });

  test("two hundred commands at once all answer, and leave no descriptor", async () => {
    await using node = await shellNode({ commandsPerCallerMax: 250 });
    await node.run({ argv: ["true"] });
    const pipes = () =>
      linux
        ? readdirSync("/proc/self/fd").filter((fd) => {
            try {
              return readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
            } catch {
              return false;
            }
          }).length
        : 0;
    const before = pipes();
    const all = Array.from({ length: 200 }, (_, index) =>
      node.run(sh(`cat; echo ${index}`), { bytes: chunks(`${index}:`) }),
    );
    const outcomes = await Promise.all(all);
    expect(outcomes.map(({ stdout }) => stdout.toString())).toEqual(
      Array.from({ length: 200 }, (_, index) => `${index}:${index}\n`),
    );
    await until(() => pipes() <= before);
  }, 60_000);

  test("the intent is on record before the command runs", async () => {
    await using node = await shellNode();
    await node.run({ argv: ["true"] });
    expect(node.journal.records.map(({ kind }) => kind)).toEqual(["intent", "outcome"]);
    node.journal.fail = new Error("the disk is full");
    const marker = join(folder, "unrecorded");
    await expect(node.run(sh(`echo x > ${marker}`))).rejects.toThrow();
    expect(() => readFileSync(marker)).toThrow();
  });
});
