import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeLines } from "./node-lines.ts";

function written() {
  const all: string[] = [];
  const stream = (name: string) => ({
    write: async (text: string | Uint8Array) => void all.push(`${name} ${text}`),
  });
  return { all, io: { stdout: stream("out"), stderr: stream("err") } };
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
