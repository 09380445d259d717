import assert from "node:assert/strict";
import { test } from "node:test";
import { capturedIo } from "../../tests/surface/captured-io.ts";
import { progressLine, showsProgress, watched } from "./cli-progress.ts";

const MiB = 1024 * 1024;

/** The lines that were shown, one after the other. */
function lineWith(columns = 200) {
  const clock = { nowMs: 0 };
  const io = capturedIo({ columns, monotonicMs: () => clock.nowMs, tty: { stderr: true } });
  return { clock, line: progressLine(io), shown: () => io.err().split("\r\x1b[K").slice(1) };
}

test("a bar, the share, the speed and what is left are shown once they are known", () => {
  const { clock, line, shown } = lineWith();
  line.show({ done: 0, total: 100 * MiB, unit: "bytes" });
  clock.nowMs = 2_000;
  line.show({ done: 50 * MiB, total: 100 * MiB, unit: "bytes" });
  assert.deepEqual(shown(), [
    "[--------------------] 0 %  0 B of 100 MiB",
    "[##########----------] 50 %  50 MiB of 100 MiB  25 MiB/s  2 s left",
  ]);
  clock.nowMs = 3_960;
  line.show({ done: 99 * MiB, total: 100 * MiB, unit: "bytes" });
  assert.match(shown().at(-1) ?? "", / 1 s left$/);
});

test("without a total there is a count and a speed, and other units have no speed", () => {
  const { clock, line, shown } = lineWith();
  line.show({ done: 0, unit: "bytes" });
  clock.nowMs = 1_000;
  line.show({ done: 3 * MiB, unit: "bytes" });
  line.show({ done: 2_000, unit: "entries", note: "\x1b[31m\nhere" });
  assert.deepEqual(shown(), ["0 B", "3 MiB  3 MiB/s", "2000 entries: \\x1b[31m here"]);
});

test("a line is never longer than the terminal is wide, nor its bar longer than it should be", () => {
  const { line, shown } = lineWith(30);
  line.show({ done: 500, total: 100, unit: "bytes", note: "n".repeat(100) });
  assert.deepEqual(
    shown().map((text) => text.length),
    [29],
  );
  assert.match(shown()[0] ?? "", /^\[#{20}\] 500 %/);
});

test("what comes in is told of now and then, and unchanged", async () => {
  const { line, shown } = lineWith();
  const chunks = Array.from({ length: 9 }, (_, at) => new Uint8Array(MiB).fill(at));
  async function* source() {
    yield* chunks;
  }
  const got: Uint8Array[] = [];
  for await (const chunk of watched(source(), 9 * MiB, line)) got.push(chunk);
  assert.deepEqual(got, chunks);
  assert.deepEqual(shown(), [
    "[#########-----------] 44 %  4 MiB of 9 MiB",
    "[##################--] 88 %  8 MiB of 9 MiB",
  ]);
});

test("it is for people at a terminal that can go back in a line", () => {
  const shows = (environment: Record<string, string>, stderr: boolean, json: boolean) =>
    showsProgress(capturedIo({ environment, tty: { stderr } }), json);
  assert.deepEqual([shows({}, true, false), shows({}, false, false)], [true, false]);
  assert.deepEqual([shows({ TERM: "dumb" }, true, false), shows({}, true, true)], [false, false]);
});
