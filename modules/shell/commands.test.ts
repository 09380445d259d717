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
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { chunks, until } from "../../tests/shell/processes.ts";
import { shellNode } from "../../tests/shell/shell-node.ts";

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

  test("a secret comes by its name, with its own right, and shows in no output, preview, audit or log", async () => {
    await using node = await shellNode({}, { db: Buffer.from("hunter2"), raw: Uint8Array.of(0xff) });
    const input = {
      argv: ["sh", "-c", 'echo "$PASSWORD" | rev; echo "$PASSWORD"; echo "$PASSWORD" >&2'],
      secrets: { PASSWORD: "db" },
    };
    const { stdout, stderr, items } = await node.run(input);
    expect(stdout.toString()).toBe("2retnuh\n[secret db]\n");
    expect(stderr.toString()).toBe("[secret db]\n");
    expect(JSON.stringify(items)).not.toContain("hunter2");
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
    await expect(node.run({ argv: ["no-such"], secrets: { PATH: "db" } })).rejects.toMatchObject({
      code: "invalid_input",
      message: expect.not.stringContaining("hunter2"),
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
