/** A start of a session that is only tried. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sessionNode } from "./session-node.ts";

const input = (argv: readonly string[]) => ({ argv, profile: "unconfined", dryRun: true });

test("a start that is only tried tells what would run, and starts nothing", async () => {
  await using node = await sessionNode();
  const mark = join(process.env.TMPDIR ?? "/tmp", `operone-mark-${crypto.randomUUID()}`);
  const told = await node.value<unknown>("start", input(["touch", mark]));
  expect(told).toMatchObject({
    argv: ["touch", mark],
    profile: "unconfined",
    terminal: false,
    started: false,
  });
  expect(told).toMatchObject({ rights: [{ permission: "shell.unconfined" }] });
  expect(await node.value<unknown>("list", {})).toEqual([]);
  expect(existsSync(mark)).toBe(false);
});

test("a start that would be refused is refused when it is only tried", async () => {
  await using node = await sessionNode();
  await expect(
    node.value("start", { ...input(["true"]), timeoutMs: 1, profile: "no-such-profile" }),
  ).rejects.toMatchObject({ code: "invalid_input" });
  await expect(
    node.value("start", { ...input(["true"]), outputBytesMax: Number.MAX_SAFE_INTEGER }),
  ).rejects.toMatchObject({ code: "invalid_input" });
  await node.value("start", { argv: ["sleep", "60"], profile: "unconfined", name: "mine" });
  await expect(node.value("start", { ...input(["true"]), name: "mine" })).rejects.toMatchObject({
    code: "conflict",
  });
});
