import { afterEach, beforeEach, expect, test } from "bun:test";
import * as v from "valibot";
import { inputEntries } from "../../src/kernel/operation.ts";
import { removeNode, startNode, type TestNode } from "../../tests/access/node.ts";
import { operations } from "./operations.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

test("the owner sees the roles, the permissions and what they warn of", async () => {
  expect(await node.call("access.role-list")).toMatchObject({
    roles: [
      { name: "observer" },
      { name: "operator" },
      { name: "admin", grants: [{ permission: "*", scope: "*" }] },
    ],
  });
  const warning = "whoever runs commands is the owner";
  expect(await node.call("access.permission-list")).toMatchObject({
    permissions: [
      { permission: "access.admin", scoped: false, ownerOnly: true },
      { permission: "access.secret.use", scoped: true, ownerOnly: false },
      { permission: "demo.look", scoped: false, ownerOnly: false },
      { permission: "demo.run", scoped: true, ownerOnly: false, warning },
    ],
  });
});

test("grants can be given in full as JSON, and come back as they were given", async () => {
  const given = {
    permission: "demo.run",
    scope: { commands: ["ls"] },
    decision: "ask",
    nodes: ["pi"],
    expiresAtMs: 4e12,
  };
  const made = await node.token({ name: "ci", grants: [given], acceptWarnings: true });
  expect(made).toMatchObject({ grants: [{ ...given, origin: "token" }] });
  expect(await node.call("access.token-show", { token: "ci" })).toMatchObject({ grants: [given] });
});

test("the audit is filtered by moments and spans, and proven against a head as it was given", async () => {
  await node.token({ name: "a" });
  await node.clock.advance(3_600_000);
  await node.token({ name: "b" });
  const count = async (input: object) => ((await node.call("access.audit-list", input)) as unknown[]).length;
  expect(await count({ since: "30m" })).toBe(1);
  expect(await count({ until: "30m" })).toBe(1);
  expect(await count({ since: new Date(node.clock.nowMs()).toISOString() })).toBe(1);
  expect((await node.refused("access.audit-list", { since: "yesterday" })).message).toMatch(
    /"yesterday" is no moment/,
  );
  const { head } = (await node.call("access.audit-verify")) as { head: string };
  await node.token({ name: "c" });
  expect(await node.call("access.audit-verify", { head })).toMatchObject({ ok: true, givenHead: "present" });
  const forged = head.replace(/.$/, (sign) => (sign === "0" ? "1" : "0"));
  expect(await node.call("access.audit-verify", { head: forged })).toMatchObject({
    ok: false,
    givenHead: "different",
  });
  expect((await node.refused("access.audit-verify", { head: "5" })).code).toBe("invalid_input");
  const lines = String(await node.call("access.audit-export"))
    .trimEnd()
    .split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2, 3]);
});

test("the command line gets an exit code from the proof, and text for people from the rest", async () => {
  const verify = operations.find(({ name }) => name === "audit-verify");
  expect([verify?.cli.exit?.({ ok: true }), verify?.cli.exit?.({ ok: false })]).toEqual([0, 1]);
  await node.token({ name: "ci", ask: ["demo.run=*"], acceptWarnings: true });
  for (const { id, gives, cli, output } of operations) {
    if (cli.render === undefined || gives !== "value") continue;
    const needsInput = Object.values(
      inputEntries(operations.find((one) => one.id === id)?.input ?? v.any()) ?? {},
    ).some(({ type }) => type !== "optional");
    if (needsInput) continue;
    const { stdout } = cli.render(v.parse(output, await node.call(id)));
    expect([id, typeof stdout, String(stdout).endsWith("\n")]).toEqual([id, "string", true]);
  }
});

test("every number in the configuration has bounds, and what is outside is refused", async () => {
  for (const config of [
    { approvalExpiryMs: 0 },
    { auditKeepDays: 0 },
    { auditSync: "off" },
    { keyring: "on" },
    { x: 1 },
  ]) {
    await expect(startNode(config)).rejects.toMatchObject({ code: "invalid_input" });
  }
});

test("a node with full audit durability works the same", async () => {
  const full = await startNode({ auditSync: "full" });
  await full.token({ name: "ci" });
  expect(await full.call("access.audit-verify")).toMatchObject({ ok: true, records: 1 });
  await removeNode(full);
});
