import { afterAll, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, folder, jsonOf, run, startNode } from "./node.ts";

afterAll(cleanUp);

test("a backup of a running node, restored elsewhere, is the same node with the same tokens and audit", async () => {
  const node = await startNode();
  const made = await jsonOf<{ token: string }>(
    node.call("access.token-create", { name: "ci", grant: ["node.observe=*"] }),
  );
  const file = join(folder(), "backup.tar");
  const saved = await node.run(["node", "backup", "--output", file]);
  expect({ code: saved.code, stderr: saved.stderr }).toEqual({ code: 0, stderr: "" });
  expect(statSync(file).size).toBeGreaterThan(10_000);
  const owner = await node.token();
  await node.stop();

  const directory = join(folder(), "new");
  const restored = await run(["restore", file, "--data", directory]);
  expect({ code: restored.code, stderr: restored.stderr }).toEqual({ code: 0, stderr: "" });
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  const second = await startNode({ directory });
  expect(await second.token()).toBe(owner);
  const headers = { authorization: `Bearer ${made.token}` };
  expect((await fetch(`${second.address}/v1/node/status`, { headers })).status).toBe(200);
  expect(await jsonOf(second.call("access.audit-verify"))).toMatchObject({ ok: true });
  await second.stop();
});

test("a backup comes through a pipe, and goes in through one", async () => {
  const node = await startNode();
  const saved = await node.fetch("/v1/node/backup");
  const bytes = await saved.bytes();
  await node.stop();
  const directory = join(folder(), "new");
  const restored = await run(["restore", "-", "--json", "--data", directory], { stdin: bytes });
  expect(restored.code).toBe(0);
  expect(JSON.parse(restored.stdout)).toMatchObject({ directory });
  expect((await run(["uninstall", "--yes", "--data", directory])).code).toBe(0);
});

test("a restore into a folder that holds something, of half a backup, or of none, changes nothing", async () => {
  const node = await startNode();
  const bytes = await (await node.fetch("/v1/node/backup")).bytes();
  const occupied = await run(["restore", "-", "--data", node.directory], { stdin: bytes });
  expect(occupied.code).toBe(6);
  expect((await node.run(["status"])).code).toBe(0);
  await node.stop();
  const directory = join(folder(), "new");
  for (const stdin of [bytes.slice(0, bytes.length / 2), new Uint8Array(4_096), "no tar at all"]) {
    const refused = await run(["restore", "-", "--data", directory], { stdin });
    expect(refused.code).toBe(2);
    expect(existsSync(directory)).toBe(false);
  }
  expect((await run(["restore", "/nowhere/b.tar", "--data", directory])).code).toBe(5);
});
