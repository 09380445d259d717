import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simulatedClock, simulatedFiles, simulatedLog } from "../../src/kernel/simulated.ts";
import { random, removeNode, startNode, type TestNode } from "../../tests/access/node.ts";
import { Owner } from "./owner.ts";

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => removeNode(node));

/** Windows shows no rights of others in a mode; there the folder's access list keeps them out. */
const ownerOnly = process.platform === "win32" ? 0o666 : 0o600;

const pathOf = ({ directory }: TestNode) => join(directory, "owner.token");
const tokenOf = (of: TestNode) => readFileSync(pathOf(of), "utf8").trim();

test("the first start makes a token that only the owner can read, and later ones keep it", async () => {
  const token = tokenOf(node);
  expect(token).toMatch(/^opo_[A-Za-z0-9_-]{43}$/);
  expect(statSync(pathOf(node)).mode & 0o777).toBe(ownerOnly);
  node = await node.restart();
  expect(tokenOf(node)).toBe(token);
  expect(await node.credentials.authenticate(token)).toMatchObject({
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
  });
});

test("another token, however near, is not the owner's", async () => {
  const token = tokenOf(node);
  const flipped = `${token.slice(0, -2)}${token.at(-2) === "A" ? "B" : "A"}${token.at(-1)}`;
  for (const wrong of [
    "opo_",
    flipped,
    `${token}A`,
    token.slice(0, -1),
    token.slice(4),
    `opt_${token.slice(4)}`,
  ]) {
    expect(await node.credentials.authenticate(wrong)).toBeUndefined();
  }
});

test("rotating refuses the old token at once, and ends its calls a second later", async () => {
  const old = tokenOf(node);
  const identity = await node.credentials.authenticate(old);
  expect(await node.call("access.owner-token-rotate")).toEqual({ path: pathOf(node) });
  expect(tokenOf(node)).not.toBe(old);
  expect(await node.credentials.authenticate(old)).toBeUndefined();
  expect(await node.credentials.authenticate(tokenOf(node))).toMatchObject({ caller: { kind: "owner" } });
  expect(identity?.revoked.aborted).toBe(false);
  await node.clock.advance(1_000);
  expect(identity?.revoked.aborted).toBe(true);
  expect(node.credentials.owner().revoked.aborted).toBe(false);
});

test("whoever rotates under the old token still gets the answer, and the answer holds no token", async () => {
  const old = tokenOf(node);
  const answer = await node.call("access.owner-token-rotate", {}, { token: old });
  expect(JSON.stringify([answer, node.log.entries])).not.toContain(tokenOf(node));
});

test("a token that others could read is closed to them, and the log says so", async () => {
  const files = simulatedFiles();
  const facts = { kind: "file", sizeBytes: 48, mode: 0o644, modifiedMs: 0 } as const;
  const log = simulatedLog();
  const use = {
    files: { ...files, facts: async () => facts },
    clock: simulatedClock(),
    random,
    log,
    path: "/data/owner.token",
  };
  const token = `opo_${"A".repeat(43)}`;
  await files.writePrivate(use.path, token);
  const owner = await Owner.load(use);
  expect(owner.authenticate(token)).toBeDefined();
  expect(new TextDecoder().decode(files.tree.get(use.path))).toBe(`${token}\n`);
  expect(log.entries).toMatchObject([
    { level: "warn", message: expect.stringContaining("owner-token-rotate"), fields: { mode: "0644" } },
  ]);
  expect(JSON.stringify(log.entries)).not.toContain(token);
});

test("a file that holds no token is refused with what to do", async () => {
  await node.stop();
  writeFileSync(pathOf(node), "hello\n");
  const broken = await startNode({}, node.directory);
  const reason = await broken.kernel.stopRequested;
  expect(reason).toMatch(/owner.token" holds no owner token.*remove the file/);
  await broken.stop();
});
