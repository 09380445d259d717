/** What must not be possible with sessions, each tried in earnest. */

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { OperoneError } from "../../src/kernel/error.ts";
import { alive } from "./processes.ts";
import { heard, type SessionNode, sessionNode, token } from "./session-node.ts";

const a = token("a");
const b = token("b");

/** All bytes in a folder. */
function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".out"))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const sessionsFolder = (node: SessionNode) => join(node.folder, "shell", "sessions");

test("another token finds, reads, writes, signals, attaches, waits, resizes and removes nothing", async () => {
  await using node = await sessionNode();
  const { id } = await node.as(a).start(["cat"], { name: "mine" });
  const other = node.as(b);
  expect(await other.value<unknown[]>("list")).toEqual([]);
  for (const session of [id, "mine"]) {
    const refused = [
      () => other.value("input", { session, text: "x\n" }),
      () => other.value("signal", { session, signal: "SIGKILL" }),
      () => other.value("resize", { session, columns: 9, rows: 9 }),
      () => other.value("wait", { session }),
      () => other.value("remove", { session }),
      () => other.items("output", { session }).then((items) => heard(items)),
      () => other.items("attach", { session }).then((items) => heard(items)),
    ];
    for (const one of refused) await expect(one()).rejects.toMatchObject({ code: "not_found" });
  }
  await node.as(a).value("input", { session: id, text: "still here\n", end: true });
  expect(await node.as(a).read(id)).toMatchObject({ stdout: "still here\n", exit: { code: 0 } });
});

test("the same name and the same kind of caller do not make two callers one", async () => {
  await using node = await sessionNode();
  const { id } = await node.as(a).start(["sleep", "60"]);
  for (const caller of [
    { kind: "agent", id: a.caller.id, name: "a" },
    { kind: "token", id: "other", name: "a" },
    { kind: "node", id: a.caller.id, name: "a" },
  ] as const) {
    const refused = node.as({ ...a, caller }).value("wait", { session: id });
    await expect(refused).rejects.toMatchObject({ code: "not_found" });
  }
});

test("the owner sees every session, and half of an owner's authority sees none of them", async () => {
  await using node = await sessionNode();
  const { id } = await node.as(a).start(["sleep", "60"]);
  expect(await node.value<unknown[]>("list")).toHaveLength(1);
  const owner = { holder: "owner", owner: true, grants: [] };
  const half = { caller: { kind: "node", id: "peer", name: "peer" }, sets: [owner, ...b.sets] } as const;
  await expect(node.as(half).value("wait", { session: id })).rejects.toMatchObject({ code: "not_found" });
  expect(await node.value("remove", { session: id })).toMatchObject({ exit: { reason: "removed" } });
});

test("a credential that ends takes its sessions along, with all their processes", async () => {
  await using node = await sessionNode();
  const credential = new AbortController();
  const other = new AbortController();
  const revoked = { ...a, revoked: credential.signal };
  const mine = await node.as(revoked).start(["sh", "-c", "sleep 60 & echo $! $$; wait"]);
  const theirs = await node.as({ ...b, revoked: other.signal }).start(["sleep", "60"]);
  const first = await node.items("output", { session: mine.id, follow: true });
  const { stdout } = await heard(first, (text) => text.includes("\n"));
  credential.abort(new OperoneError("unauthenticated", "The token was revoked"));
  expect(await node.read(mine.id)).toMatchObject({ exit: { reason: "revoked" } });
  expect(stdout.trim().split(" ").map(Number).filter(alive)).toEqual([]);
  expect(await node.value("wait", { session: theirs.id, waitMs: 1 })).toMatchObject({ state: "running" });
  const late = await node.as(revoked).start(["sleep", "60"]);
  expect(await node.read(late.id)).toMatchObject({ exit: { reason: "revoked" } });
});

test("a grant that expires ends what runs under it", async () => {
  await using node = await sessionNode();
  const soon = token("soon", { expiresAtMs: Date.now() + 400 });
  const { id } = await node.as(soon).start(["sleep", "60"]);
  expect(await node.read(id)).toMatchObject({ exit: { reason: "revoked" } });
});

test("whoever lost the right to the command cannot drive its session any more, and can still end it", async () => {
  await using node = await sessionNode();
  const { id } = await node.as(a).start(["cat"]);
  const less = { ...a, sets: token("a", { scope: { commands: ["true"] } }).sets };
  for (const one of [
    () => node.as(less).value("input", { session: id, text: "x\n" }),
    () => node.as(less).value("resize", { session: id, columns: 9, rows: 9 }),
    () =>
      node
        .as(less)
        .items("attach", { session: id })
        .then((items) => heard(items)),
  ]) {
    await expect(one()).rejects.toMatchObject({ code: "forbidden" });
  }
  expect(await node.as(less).value("remove", { session: id })).toMatchObject({ exit: { reason: "removed" } });
});

test("what is not granted does not start", async () => {
  await using node = await sessionNode();
  const only = token("only", { scope: { commands: ["true"] } });
  const refused = [
    () => node.as(only).start(["sh", "-c", "true"]),
    () => node.as(only).start(["true"], { environment: { PATH: "/tmp" } }),
    () => node.as(only).start(["true"], { profile: "workspace" }),
    () => node.as({ ...a, sets: [{ holder: "nobody", owner: false, grants: [] }] }).start(["true"]),
  ];
  for (const one of refused) await expect(one()).rejects.toMatchObject({ code: "forbidden" });
  expect(await node.value<unknown[]>("list")).toEqual([]);
});

test("output beyond the limit is dropped from the front, and the disk never holds more", async () => {
  await using node = await sessionNode({ sessionOutputBytesMax: 100_000 });
  const { id } = await node.start(["sh", "-c", "seq 1 200000; read x; echo end"], { outputBytesMax: 50_000 });
  const folder = sessionsFolder(node);
  const reader = await node.items("output", { session: id, follow: true });
  let most = 0;
  const seen = await heard(reader, (text) => {
    most = Math.max(most, sizeOf(folder));
    return text.endsWith("200000\n");
  });
  expect(most).toBeLessThanOrEqual(50_000);
  await node.value("input", { session: id, text: "\n" });
  const last = await node.read(id);
  expect(last.missing).toBeGreaterThan(1_000_000);
  expect(last.missing + Buffer.byteLength(last.stdout)).toBe(last.cursor);
  expect(last.stdout.endsWith("200000\nend\n")).toBe(true);
  expect(seen.cursor).toBe(last.cursor - 4);
  await expect(node.start(["true"], { outputBytesMax: 100_001 })).rejects.toMatchObject({
    code: "invalid_input",
  });
});

test("the output of all sessions together stays within its limit: the ended go first, then the oldest output", async () => {
  await using node = await sessionNode({ sessionsOutputBytesMax: 200_000 });
  const one = await node.start(["head", "-c", "60000", "/dev/zero"]);
  await node.value("wait", { session: one.id });
  const two = await node.start(["head", "-c", "60000", "/dev/zero"]);
  await node.value("wait", { session: two.id });
  const big = await node.start(["sh", "-c", "head -c 3000000 /dev/zero; exec sleep 60"], {
    outputBytesMax: 160_000,
  });
  await heard(
    await node.items("output", { session: big.id, follow: true, cursor: 2_999_999 - 2_999_999 }),
    (text) => text.length > 0,
  );
  for (let cursor = 0; cursor < 3_000_000; ) {
    const { cursor: now } = await heard(await node.items("output", { session: big.id, tail: 0, waitMs: 20 }));
    cursor = now;
  }
  expect(sizeOf(sessionsFolder(node))).toBeLessThanOrEqual(200_000);
  const left = (await node.value<{ id: string }[]>("list")).map(({ id }) => id);
  expect(left).not.toContain(one.id);
  expect(left).toContain(big.id);
});

test("the number of sessions is limited for each caller and in all", async () => {
  await using node = await sessionNode({ sessionsMax: 3, sessionsPerCallerMax: 2 });
  const started = [await node.as(a).start(["sleep", "60"]), await node.as(a).start(["sleep", "60"])];
  await expect(node.as(a).start(["true"])).rejects.toMatchObject({ code: "limited" });
  await node.as(b).start(["sleep", "60"]);
  await expect(node.as(b).start(["true"])).rejects.toMatchObject({ code: "limited" });
  await node.value("remove", { session: started[0]?.id ?? "" });
  await node.as(a).start(["true"]);
});

test("a person is asked for a start and sees all of it; the session is then its creator's, unasked", async () => {
  await using node = await sessionNode();
  const asking = token("asking", { decision: "ask" });
  const { id } = await node.as(asking).start(["cat"], { name: "asked" });
  expect(node.node.asked).toEqual([
    expect.objectContaining({ argv: ["cat"], name: "asked", terminal: false }),
  ]);
  await node.as(asking).value("input", { session: id, text: "x\n", end: true });
  expect(await node.as(asking).read(id)).toMatchObject({ stdout: "x\n", exit: { code: 0 } });
  expect(node.node.asked).toHaveLength(1);
});

test("no value of a variable is written to the disk", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["true"], { environment: { GREETING: "s3cr3t-value" } });
  await node.value("wait", { session: id });
  const database = new Database(join(sessionsFolder(node), "sessions.db"), { readonly: true });
  const rows = database.query("select * from sessions").all();
  database.close();
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain("s3cr3t-value");
  expect(JSON.stringify(node.node.log.entries)).not.toContain("s3cr3t-value");
  const file = readFileSync(join(sessionsFolder(node), "sessions.db"), "latin1");
  expect(file).not.toContain("s3cr3t-value");
  expect(statSync(sessionsFolder(node)).mode & 0o077).toBe(0);
});

test("a session takes no longer than the owner's profile allows, and a profile that there is not runs nothing", async () => {
  await using node = await sessionNode({ profiles: { short: { limits: { timeoutMsMax: 1_000 } } } });
  const longer = node.start(["true"], { profile: "short", timeoutMs: 1_001 });
  await expect(longer).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringMatching(/"timeoutMs" is 1001/),
  });
  const missing = node.start(["true"], { profile: "other" });
  await expect(missing).rejects.toMatchObject({
    code: "invalid_input",
    message: expect.stringMatching(/no profile "other"/),
  });
});
