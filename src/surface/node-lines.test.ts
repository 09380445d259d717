import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeLines } from "./node-lines.ts";

function written(isTerminal = false) {
  const all: string[] = [];
  const stream = (name: string) => ({
    write: async (text: string | Uint8Array) => void all.push(`${name} ${text}`),
  });
  const isTty = { stdin: false, stdout: isTerminal, stderr: isTerminal };
  return { all, io: { stdout: stream("out"), stderr: stream("err"), isTty } };
}

test("each line has its node before it, and pieces of lines are put together for each node", async () => {
  const { all, io } = written();
  const lines = new NodeLines(io);
  await lines.write("pi", { stdout: "a" });
  await lines.write("laptop", { stdout: "1\n2" });
  const euro = new TextEncoder().encode("\u20ac\n");
  await lines.write("pi", { stdout: euro.subarray(0, 1) });
  await lines.write("pi", { stdout: euro.subarray(1), stderr: "oh\n" });
  await lines.end();
  assert.deepEqual(all, ["out laptop: 1\n", "out pi: a\u20ac\n", "err pi: oh\n", "out laptop: 2\n"]);
});

test("a line without an end is written in pieces", async () => {
  const { all, io } = written();
  const lines = new NodeLines(io);
  for (let at = 0; at < 20; at++) await lines.write("pi", { stdout: "x".repeat(10_000) });
  assert.equal(all.length, 2);
  await lines.end();
  assert.equal(all.join("").match(/x/g)?.length, 200_000);
});

test("in a terminal no line can write over another node's, and a file gets it as it came", async () => {
  const evil = "ok\r\x1b[1Aother: gone\r\n";
  const terminal = written(true);
  await new NodeLines(terminal.io).write("pi", { stdout: evil, stderr: "\x9b2J\n" });
  assert.deepEqual(terminal.all, ["out pi: ok\\x0d\\x1b[1Aother: gone\n", "err pi: \\x9b2J\n"]);
  const file = written();
  await new NodeLines(file.io).write("pi", { stdout: evil });
  assert.deepEqual(file.all, [`out pi: ${evil}`]);
});
