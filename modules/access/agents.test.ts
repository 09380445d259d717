import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";
import { dayMs } from "../../src/kernel/duration.ts";
import { removeNode, startNode, type TestNode } from "../../tests/access/node.ts";
import { Agents } from "./contract.ts";
import { openAccess } from "./store.ts";
import { TokenStore } from "./token-store.ts";
import { Tokens } from "./tokens.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

test("the owner can give a call the rights of an agent by its name, and no more than those", async () => {
  await node.token({ name: "bot", agent: true, grant: ["demo.look=*"] });
  expect(await node.call("demo.look", {}, { as: "bot" })).toBe("seen");
  expect(await node.call("access.whoami", {}, { as: "bot" })).toMatchObject({
    caller: { kind: "agent", name: "bot" },
    sets: [{ holder: "agent bot", owner: false }],
  });
  expect((await node.refused("demo.run", { command: "ls" }, { as: "bot" })).code).toBe("forbidden");
});

test("a name that is no live agent's is refused, and a token that is for no agent is none", async () => {
  await node.token({ name: "ci", grant: ["demo.look=*"] });
  for (const name of ["nobody", "ci"]) {
    const refused = await node.refused("demo.look", {}, { as: name });
    expect(refused.code).toBe("not_found");
    expect(refused.message).toContain(`There is no agent "${name}"; "operone agents"`);
  }
});

test("an agent that has expired is none, and what ran for it has ended", async () => {
  await node.token({ name: "bot", agent: true, grant: ["demo.look=*"], expiresIn: "1h" });
  const { revoked } = await node.kernel.service(Agents).agentCaller("bot");
  await node.clock.advance(3_600_000);
  expect(revoked.aborted).toBe(true);
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("not_found");
});

async function grantsOf(agent: string) {
  const { grants } = v.parse(Granted, await node.call("access.agent-show", { agent }));
  return grants.map(({ decision, permission }) => `${decision} ${permission}`);
}
const Granted = v.object({ grants: v.array(v.object({ decision: v.string(), permission: v.string() })) });
const Made = v.object({ id: v.string(), token: v.optional(v.string()) });
const add = async (input: object) => v.parse(Made, await node.call("access.agent-add", input));

test("a new agent has no token unless it is asked for, and then one for ninety days", async () => {
  const quiet = await node.call("access.agent-add", { name: "quiet" });
  expect(quiet).toMatchObject({ name: "quiet", kind: "agent", bearer: false });
  expect(quiet).not.toHaveProperty("token");
  expect(quiet).not.toHaveProperty("expiresAtMs");
  const { token } = await add({ name: "web", bearer: true, grant: ["demo.look=*"] });
  expect(await node.call("demo.look", {}, { token: token ?? "" })).toBe("seen");
  expect(await node.call("access.agent-show", { agent: "web" })).toMatchObject({
    bearer: true,
    expiresAtMs: node.clock.nowMs() + 90 * dayMs,
  });
});

test("the owner gives an agent more rights, which count at its next call, and takes them back", async () => {
  await add({ name: "bot" });
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("forbidden");
  const given = await node.call("access.agent-grant", { agent: "bot", grant: ["demo.look=*"] });
  expect(await node.call("demo.look", {}, { as: "bot" })).toBe("seen");
  const { grants } = v.parse(v.object({ grants: v.array(v.object({ id: v.string() })) }), given);
  await node.call("access.grant-revoke", { token: "bot", grant: grants.at(-1)?.id });
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("forbidden");
});

test("a grant that warns must be accepted, and one that would never ask is refused", async () => {
  await add({ name: "bot", grant: ["demo.look=*"] });
  const risky = { agent: "bot", grant: ["demo.run=*"] };
  expect((await node.refused("access.agent-grant", risky)).code).toBe("precondition_failed");
  const vain = { agent: "bot", ask: ["demo.look=*"] };
  expect((await node.refused("access.agent-grant", vain)).message).toContain("would never ask");
  const many = { agent: "bot", deny: Array.from({ length: 100 }, () => "demo.look=*") };
  expect((await node.refused("access.agent-grant", many)).code).toBe("limited");
  expect(await grantsOf("bot")).toEqual(["allow demo.look"]);
});

test("no agent reaches an owner's operation, whatever it was granted, by name or by token", async () => {
  const { token = "" } = await add({
    name: "bot",
    grant: ["*=*"],
    defaults: false,
    bearer: true,
    acceptWarnings: true,
  });
  const tries: readonly (readonly [string, object])[] = [
    ["access.agent-grant", { agent: "bot", grant: ["demo.look=*"] }],
    ["access.agent-add", { name: "other", grant: ["*=*"], acceptWarnings: true }],
    ["access.agent-token", { agent: "bot" }],
    ["access.agent-list", {}],
    ["access.agent-show", { agent: "bot" }],
    ["access.agent-remove", { agent: "bot" }],
    ["access.token-create", { name: "other", role: "admin", acceptWarnings: true }],
  ];
  for (const [operation, input] of tries) {
    expect([operation, (await node.refused(operation, input, { as: "bot" })).code]).toEqual([
      operation,
      "forbidden",
    ]);
    expect((await node.refused(operation, input, { token })).code).toBe("forbidden");
  }
  const owner = { agent: "bot", grant: ["access.admin=*"] };
  expect((await node.refused("access.agent-grant", owner)).code).toBe("forbidden");
});

test("removing an agent ends what runs for it and refuses it from then on, by name and by token", async () => {
  const { token = "" } = await add({ name: "bot", bearer: true, grant: ["demo.look=*"] });
  const { revoked } = await node.kernel.service(Agents).agentCaller("bot");
  expect(await node.call("access.agent-remove", { agent: "bot" })).toMatchObject({ endedBy: "revoked" });
  expect(revoked.aborted).toBe(true);
  expect(String(revoked.reason)).toContain('The agent "bot" was revoked');
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("not_found");
  expect(await node.credentials.authenticate(token)).toBeUndefined();
  node = await node.restart();
  expect((await node.refused("demo.look", {}, { as: "bot" })).code).toBe("not_found");
  expect(await node.call("access.agent-list")).toEqual({ agents: [] });
  expect(await node.call("access.agent-list", { all: true })).toMatchObject({ agents: [{ name: "bot" }] });
});

test("a new token of an agent puts the old one out of use, and neither is kept or told", async () => {
  const { token: old = "", id } = await add({ name: "bot", bearer: true, grant: ["demo.look=*"] });
  const identity = await node.credentials.authenticate(old);
  const { token = "" } = v.parse(Made, await node.call("access.agent-token", { agent: id }));
  expect(identity?.revoked.aborted).toBe(true);
  expect(await node.credentials.authenticate(old)).toBeUndefined();
  expect(await node.call("demo.look", {}, { token })).toBe("seen");
  const told = [await node.call("access.agent-list"), await node.call("access.audit-list"), node.log.entries];
  for (const secret of [old.slice(-43), token.slice(-43)]) expect(JSON.stringify(told)).not.toContain(secret);
  node = await node.restart();
  expect(await node.call("demo.look", {}, { token })).toBe("seen");
});

test("when an agent last called is shown at once, and still there after a restart", async () => {
  await add({ name: "bot", grant: ["demo.look=*"] });
  expect(await node.call("access.agent-show", { agent: "bot" })).not.toHaveProperty("lastUsedAtMs");
  const usedAtMs = node.clock.nowMs();
  await node.call("demo.look", {}, { as: "bot" });
  expect(await node.call("access.agent-show", { agent: "bot" })).toMatchObject({ lastUsedAtMs: usedAtMs });
  await node.clock.advance(120_000);
  node = await node.restart();
  expect(await node.call("access.agent-list")).toMatchObject({ agents: [{ lastUsedAtMs: usedAtMs }] });
});

test("a token of no agent is not found among the agents, and cannot be removed as one", async () => {
  await node.token({ name: "ci" });
  for (const operation of ["access.agent-show", "access.agent-remove", "access.agent-token"])
    expect((await node.refused(operation, { agent: "ci" })).code).toBe("not_found");
  expect(await node.call("access.agent-list")).toEqual({ agents: [] });
});

test("the secret that an agent without a token was made with opens nothing, even for whoever knows it", () => {
  const databases = openAccess(join(node.directory, "other.db"), "normal");
  const tokens = new Tokens({
    store: new TokenStore(databases.main),
    permissions: new Map(),
    clock: node.clock,
    random: { bytes: (count) => new Uint8Array(count) },
    log: node.log,
    ended: () => {},
    changed: () => {},
  });
  const draft = { grants: [], expiresIn: "never", agent: true, acceptWarnings: false };
  const { token } = tokens.create({ ...draft, name: "quiet", bearer: false });
  expect(tokens.authenticate(token)).toBeUndefined();
  expect(tokens.agentCaller("quiet").caller.name).toBe("quiet");
  expect(tokens.authenticate(tokens.renewAgent("quiet").token)?.caller.name).toBe("quiet");
  tokens.close();
  databases.close();
});
