/** Scripts in sessions are judged as those of `run` are, at the start and later. */
import { expect, test } from "bun:test";
import type { GrantSet } from "../../src/kernel/authority.ts";
import { heard, type Person, sessionNode } from "./session-node.ts";

function scripter(...commands: readonly string[]): Person {
  const grants: GrantSet["grants"] = [
    { permission: "shell.unconfined", scope: { commands }, decision: "allow" },
    { permission: "shell.script", scope: {}, decision: "allow" },
  ];
  return {
    caller: { kind: "token", id: "id-scripter", name: "scripter" },
    sets: [{ holder: "token scripter", owner: false, grants }],
  };
}

test("a session runs a script whose commands are granted, and shows the vector", async () => {
  await using node = await sessionNode();
  const mine = node.as(scripter("echo **", "cat"));
  const { id, argv } = await mine.value("start", { script: "echo one; cat", profile: "unconfined" });
  expect(argv).toEqual(["sh", "-c", "echo one; cat"]);
  await mine.value("input", { session: id, text: "two\n", end: true });
  expect(await mine.read(id)).toMatchObject({ stdout: "one\ntwo\n", exit: { code: 0, reason: "exited" } });
});

test("a session does not start a script with a command that is not granted, whichever way it is given", async () => {
  await using node = await sessionNode();
  const mine = node.as(scripter("echo **"));
  const text = "echo one; cat";
  for (const given of [{ script: text }, { argv: ["sh", "-c", text] }, { script: text, shell: "bash" }]) {
    const refused = mine.value("start", { ...given, profile: "unconfined" });
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
  }
  expect(await node.value<unknown[]>("list")).toEqual([]);
});

test("whoever lost the right to a command of the script cannot drive its session any more", async () => {
  await using node = await sessionNode();
  const start = { script: "echo one; cat", profile: "unconfined" };
  const { id } = await node.as(scripter("echo **", "cat")).value("start", start);
  const less = node.as(scripter("echo **"));
  const written = less.value("input", { session: id, text: "x\n" });
  await expect(written).rejects.toMatchObject({ code: "forbidden" });
  const attached = less.items("attach", { session: id }).then((items) => heard(items));
  await expect(attached).rejects.toMatchObject({ code: "forbidden" });
});

test("a start gives its command once, and a shell for a script alone", async () => {
  await using node = await sessionNode();
  for (const given of [{}, { argv: ["true"], script: "true" }, { argv: ["true"], shell: "sh" }]) {
    const refused = node.value("start", { ...given, profile: "unconfined" });
    await expect(refused).rejects.toMatchObject({ code: "invalid_input" });
  }
});
