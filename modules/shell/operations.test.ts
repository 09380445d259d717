import { expect, test } from "bun:test";
import { owner, shellNode } from "../../tests/shell/shell-node.ts";
import { operations } from "./operations.ts";
import type { CommandExit, CommandItem } from "./shapes.ts";

const [run] = operations;
const ended = (exit: Partial<CommandExit>): CommandItem => ({
  exit: { code: null, signal: null, reason: "exited", tier: "none", durationMs: 12.5, ...exit },
});

test("the command line gives the command's own bytes to the same stream", () => {
  expect(run?.cli.render?.({ stream: "stdout", text: "añ" })).toEqual({ stdout: "añ" });
  expect(run?.cli.render?.({ stream: "stderr", base64: "/wA=" })).toEqual({ stderr: Uint8Array.of(255, 0) });
  expect(run?.cli.render?.(ended({ code: 3 }))).toEqual({});
});

test("the command line exits as the command did: its code, or 128 and the signal's number", () => {
  for (const [exit, code] of [
    [{ code: 0 }, 0],
    [{ code: 7 }, 7],
    [{ code: 255 }, 255],
    [{ signal: "SIGKILL" }, 137],
    [{ signal: "SIGINT" }, 130],
    [{ signal: "SIGTERM", reason: "timeout" }, 124],
    [{ signal: "SIGKILL", reason: "output_limit" }, 125],
  ] as const) {
    expect(run?.cli.exit?.(ended(exit))).toBe(code);
  }
  expect(run?.cli.failureExit).toBe(125);
  // Cut off before its exit: that is a failure of ours.
  expect(run?.cli.exit?.({ stream: "stdout", text: "half" })).toBe(125);
});

test("what the node did to the command is said on stderr", () => {
  expect(String(run?.cli.render?.(ended({ reason: "timeout" })).stderr)).toContain("its time was over");
  expect(String(run?.cli.render?.(ended({ reason: "output_limit" })).stderr)).toContain("beyond its limit");
});

test("who holds no right to commands gets none, on any operation", async () => {
  await using node = await shellNode();
  for (const operation of ["shell.run", "shell.interact"]) {
    for (const sets of [
      [],
      [{ holder: "t", owner: false, grants: [] }],
      [owner, { holder: "t", owner: false, grants: [] }],
      [
        {
          holder: "t",
          owner: false,
          grants: [{ permission: "shell.unconfined", decision: "allow" as const }],
        },
      ],
    ]) {
      const refused = node.run({ argv: ["true"] }, { operation, sets });
      await expect(refused).rejects.toMatchObject({ code: "forbidden" });
    }
  }
  expect(node.journal.records.every(({ kind }) => kind === "denial")).toBe(true);
});

test("a person who is asked sees exactly what will run, and no value of a secret", async () => {
  await using node = await shellNode({}, { db: Buffer.from("hunter2") });
  const grants = ["shell.unconfined", "access.secret.use"].map((permission) => ({
    permission,
    scope: "*",
    decision: "ask" as const,
  }));
  await node.run(
    {
      argv: ["echo", "a b", "$HOME"],
      workingDirectory: "/",
      environment: { GREETING: "hi" },
      secrets: { PASSWORD: "db" },
    },
    { sets: [{ holder: "t", owner: false, grants }] },
  );
  expect(node.asked).toEqual([
    expect.objectContaining({
      argv: ["echo", "a b", "$HOME"],
      workingDirectory: "/",
      environment: { GREETING: "hi" },
      secrets: { PASSWORD: "db" },
    }),
  ]);
});

test("a script runs in its shell when each of its commands is granted, and is refused with the reason when one is not", async () => {
  await using node = await shellNode();
  const grants = [
    { permission: "shell.script", scope: {}, decision: "allow" as const },
    { permission: "shell.unconfined", scope: { commands: ["cat **"] }, decision: "allow" as const },
  ];
  const call = { sets: [{ holder: "token t", owner: false, grants }] };
  const { stdout, exit } = await node.run({ script: "for i in 1 2; do echo $i; done | cat" }, call);
  expect(stdout.toString()).toBe("1\n2\n");
  expect(exit.code).toBe(0);
  for (const [script, found] of [
    ["cat /dev/null; rm x", '"argv":["rm","x"]'],
    ["cat /dev/null; eval x", '\\"eval\\" runs or changes what cannot be read here'],
    ["cat /dev/null > x", '"files":["> x"]'],
  ] as const) {
    const refused = node.run({ script }, call);
    await expect(refused).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining(found),
    });
  }
  const only = node.run({ script: "true", shell: "bash" }, call);
  await expect(only).rejects.toMatchObject({ code: "forbidden" });
  const own = await node.run({ script: 'eval "echo owner"; echo "$0"', shell: "bash" });
  expect(own.stdout.toString()).toBe("owner\nbash\n");
});

test("a person who is asked about a script sees it, and every command in it", async () => {
  await using node = await shellNode();
  const grants = ["shell.unconfined", "shell.script"].map((permission) => ({
    permission,
    scope: "*",
    decision: "ask" as const,
  }));
  const script = 'echo hi | cat; false && rm "$x"';
  await node.run({ script }, { sets: [{ holder: "t", owner: false, grants }] });
  expect(node.asked).toEqual([
    expect.objectContaining({
      script,
      reading: {
        commands: ["cat", 'rm "$x"'],
        builtins: ["echo hi", "false"],
        files: [],
        variables: [],
        unknown: [],
      },
    }),
  ]);
});
