/** Sessions with a terminal: keys, jobs and sizes as at a terminal on the desk. */
import { expect, test } from "bun:test";
import { alive } from "./processes.ts";
import { sessionNode } from "./session-node.ts";
import { atTerminal, shellAtTerminal } from "./terminal-hand.ts";

test("a terminal has its size, its keys and its jobs", async () => {
  await using node = await sessionNode();
  await using hand = await shellAtTerminal(node, "unconfined");
  await hand.jobs();
});

test("what has no terminal is told so", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["sleep", "60"]);
  const resize = node.value("resize", { session: id, columns: 80, rows: 24 });
  await expect(resize).rejects.toMatchObject({ code: "conflict" });
});

test("removing a terminal ends its shell and every job in it, stopped ones too", async () => {
  await using node = await sessionNode();
  await using hand = await shellAtTerminal(node, "unconfined", { killGraceMs: 2_000 });
  await hand.type("sleep 61 & echo one=$!=\r");
  await hand.type("sh -c 'echo two=$$=; kill -STOP $$; sleep 1'\r");
  const pids = [await hand.number(/one=(\d+)=/), await hand.number(/two=(\d+)=/)];
  await hand.see("Stopped");
  expect(pids.every(alive)).toBe(true);
  // A shell at a terminal takes no notice of SIGTERM, and must not have to be killed.
  expect(await node.value("remove", { session: hand.id })).toMatchObject({ exit: { signal: "SIGHUP" } });
  expect(pids.filter(alive)).toEqual([]);
});

test("a program that reads nothing makes its writer wait, and gets every byte in the end", async () => {
  await using node = await sessionNode();
  const script = "stty raw -echo; echo ready; sleep 0.2; head -c 300000 | cksum; echo done";
  const { id } = await node.start(["bash", "-c", script], { terminal: true });
  await using hand = await atTerminal(node, id);
  await hand.see("ready");
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
  await node.value("input", { session: id }, { bytes: parts(bytes) });
  await hand.see("done");
  const expected = Bun.spawnSync(["cksum"], { stdin: bytes }).stdout.toString().split(" ")[0];
  expect(hand.text()).toContain(`${expected} 300000`);
});

test("megabytes of a terminal arrive whole", async () => {
  await using node = await sessionNode();
  const script = "stty -opost; seq 1 300000; echo end";
  const { id } = await node.start(["sh", "-c", script], { terminal: true });
  const { stdout, missing } = await node.read(id);
  expect([missing, Bun.hash(stdout)]).toEqual([
    0,
    Bun.hash(`${Array.from({ length: 300_000 }, (_, at) => at + 1).join("\n")}\nend\n`),
  ]);
});

async function* parts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
