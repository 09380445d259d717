import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dayMs } from "../../src/kernel/duration.ts";
import { removeNode, startNode, type TestNode } from "../../tests/access/node.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

test("a token gets exactly what it was granted", async () => {
  const { token } = await node.token({ name: "ci", grant: ["demo.look=*"] });
  expect(await node.call("demo.look", {}, { token })).toBe("seen");
  const error = await node.refused("demo.run", { command: "ls" }, { token });
  expect(error.code).toBe("forbidden");
  expect(error.message).toContain('"demo.run"');
});

test("a scope narrows a grant, and a deny takes a part of it away", async () => {
  const { token } = await node.token({
    name: "ci",
    grant: ['demo.run={"commands":["git *"]}'],
    deny: ['demo.run={"commands":["git push*"]}'],
    acceptWarnings: true,
  });
  expect(await node.call("demo.run", { command: "git status" }, { token })).toBe("ran git status");
  expect((await node.refused("demo.run", { command: "git push -f" }, { token })).code).toBe("forbidden");
  expect((await node.refused("demo.run", { command: "ls" }, { token })).code).toBe("forbidden");
});

test("an allow-list without an entry allows nothing", async () => {
  const { token } = await node.token({
    name: "ci",
    grant: ['demo.run={"commands":[]}'],
    acceptWarnings: true,
  });
  expect((await node.refused("demo.run", { command: "" }, { token })).code).toBe("forbidden");
  const { token: empty } = await node.token({ name: "empty" });
  expect((await node.refused("demo.look", {}, { token: empty })).code).toBe("forbidden");
});

test("a token can say who it is and what it may do, with the end of it", async () => {
  const { token, id } = await node.token({
    name: "ci",
    role: "observer",
    grant: ["demo.look=*"],
    expiresIn: "2h",
  });
  const expiresAtMs = node.clock.nowMs() + 7_200_000;
  expect(await node.call("access.whoami", {}, { token })).toEqual({
    caller: { kind: "token", id, name: "ci" },
    sets: [
      {
        holder: "token ci",
        owner: false,
        grants: [
          { permission: "node.observe", scope: "*", decision: "allow", expiresAtMs },
          { permission: "networking.observe", scope: "*", decision: "allow", expiresAtMs },
          { permission: "demo.look", scope: "*", decision: "allow", expiresAtMs },
        ],
      },
    ],
    expiresAtMs,
  });
});

test("an agent's token makes its caller an agent, whose reads are audited too", async () => {
  const { token } = await node.token({ name: "bot", agent: true, grant: ["demo.look=*"] });
  await node.call("demo.look", {}, { token });
  const records = (await node.call("access.audit-list", { caller: "bot" })) as { operation: string }[];
  expect(records.map(({ operation }) => operation)).toEqual(["demo.look"]);
});

test("the secret of a token is shown once, and only its digest is stored", async () => {
  const { token, id } = await node.token({ name: "ci" });
  expect(token).toMatch(new RegExp(`^opt_${id}_[A-Za-z0-9_-]{43}$`));
  const secret = token.slice(-43);
  const shown = [
    await node.call("access.token-list"),
    await node.call("access.token-show", { token: "ci" }),
    await node.call("access.audit-list"),
    node.log.entries,
  ];
  expect(JSON.stringify(shown)).not.toContain(secret);
  const folder = join(node.directory, "access");
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name)).includes(secret)).toBe(false);
  }
});

test("tokens and their grants are there after a restart", async () => {
  const { token } = await node.token({ name: "ci", grant: ["demo.look=*"] });
  node = await node.restart();
  expect(await node.call("demo.look", {}, { token })).toBe("seen");
});

test("without a word a token lives 30 days, and for ever only when that is said", async () => {
  const { token: usual } = await node.token({ name: "usual", grant: ["demo.look=*"] });
  const { token: forever } = await node.token({
    name: "forever",
    grant: ["demo.look=*"],
    expiresIn: "never",
  });
  await node.clock.advance(30 * dayMs - 1);
  expect(await node.call("demo.look", {}, { token: usual })).toBe("seen");
  await node.clock.advance(1);
  expect(await node.credentials.authenticate(usual)).toBeUndefined();
  await node.clock.advance(40 * dayMs);
  expect(await node.call("demo.look", {}, { token: forever })).toBe("seen");
});

test("revoking a token ends its calls at once, and for ever", async () => {
  const { token } = await node.token({ name: "ci", grant: ["demo.look=*"] });
  const identity = await node.credentials.authenticate(token);
  const shown = await node.call("access.token-revoke", { token: "ci" });
  expect(shown).toMatchObject({ name: "ci", endedBy: "revoked", endedAtMs: node.clock.nowMs() });
  expect(identity?.revoked.aborted).toBe(true);
  expect(String(identity?.revoked.reason)).toContain('The token "ci" was revoked');
  expect(await node.credentials.authenticate(token)).toBeUndefined();
  node = await node.restart();
  expect(await node.credentials.authenticate(token)).toBeUndefined();
});

test("expiry ends the token's calls at the very moment, with no call coming in", async () => {
  const { token } = await node.token({ name: "ci", expiresIn: "90s" });
  const identity = await node.credentials.authenticate(token);
  await node.clock.advance(89_999);
  expect(identity?.revoked.aborted).toBe(false);
  await node.clock.advance(1);
  expect(identity?.revoked.aborted).toBe(true);
  expect(String(identity?.revoked.reason)).toContain("has expired");
});

test("an expired token stays dead when the clock is set back", async () => {
  const { token } = await node.token({ name: "ci", expiresIn: "1h" });
  await node.clock.advance(3_600_000);
  await node.stop();
  node = await startNode({}, node.directory);
  expect(await node.credentials.authenticate(token)).toBeUndefined();
  expect(await node.call("access.token-list", { all: true })).toMatchObject({
    tokens: [{ endedBy: "expired" }],
  });
});

test("a name is unique among live tokens, and free again when its token has ended", async () => {
  const first = await node.token({ name: "ci" });
  expect((await node.refused("access.token-create", { name: "ci" })).code).toBe("conflict");
  await node.call("access.token-revoke", { token: "ci" });
  const second = await node.token({ name: "ci" });
  expect(second.id).not.toBe(first.id);
  expect(await node.call("access.token-show", { token: first.id })).toMatchObject({ endedBy: "revoked" });
  expect(await node.call("access.token-list")).toMatchObject({ tokens: [{ id: second.id }] });
});

test("a warning must be accepted before its permission is granted", async () => {
  const input = { name: "ci", grant: ["demo.run=*"] };
  const error = await node.refused("access.token-create", input);
  expect(error.code).toBe("precondition_failed");
  expect(error.message).toMatch(/"demo.run": whoever runs commands is the owner.*acceptWarnings/);
  expect(await node.call("access.token-list")).toEqual({ tokens: [] });
  const warnings = [{ permission: "demo.run", warning: "whoever runs commands is the owner" }];
  expect(await node.token({ ...input, acceptWarnings: true })).toMatchObject({ warnings });
});

test("the role admin warns of everything that it brings", async () => {
  const error = await node.refused("access.token-create", { name: "root", role: "admin" });
  expect(error.details).toEqual({
    warnings: [{ permission: "demo.run", warning: "whoever runs commands is the owner" }],
  });
});

test("one grant can be taken from a token, which loses the right at the next call", async () => {
  const { token, id } = await node.token({ name: "ci", grant: ["demo.look=*"] });
  const { grants } = (await node.call("access.token-show", { token: id })) as { grants: { id: string }[] };
  await node.call("access.grant-revoke", { token: "ci", grant: grants[0]?.id });
  expect((await node.refused("demo.look", {}, { token })).code).toBe("forbidden");
  node = await node.restart();
  expect((await node.refused("demo.look", {}, { token })).code).toBe("forbidden");
});

test("no more than a thousand tokens live at once", async () => {
  for (let made = 0; made < 1_000; made++) await node.token({ name: `t${made}` });
  expect((await node.refused("access.token-create", { name: "one-more" })).code).toBe("limited");
  await node.call("access.token-revoke", { token: "t0" });
  expect(await node.token({ name: "one-more" })).toMatchObject({ name: "one-more" });
});

test("what is unknown, too long or of another shape is no token", async () => {
  const { token } = await node.token({ name: "ci" });
  const start = token.slice(0, -43);
  const flipped = `${token.slice(0, -2)}${token.at(-2) === "A" ? "B" : "A"}${token.at(-1)}`;
  const shapeless = [
    "",
    "opt_",
    "opo_",
    start,
    `${token}x`,
    token.slice(0, -1),
    ` ${token}`,
    "x".repeat(100_000),
  ];
  for (const text of [...shapeless, token.toUpperCase(), `${start}${"A".repeat(43)}`, flipped]) {
    expect(await node.credentials.authenticate(text)).toBeUndefined();
  }
});
