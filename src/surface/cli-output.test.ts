import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteText } from "../kernel/byte-text.ts";
import type { CliOutput } from "../kernel/operation.ts";
import { outputLength, writeTogether } from "./cli-output.ts";

/** Every write, with its place before it. */
function written() {
  const writes: (readonly [place: string, bytes: Buffer])[] = [];
  const writer = (place: string) => ({
    async write(data: string | Uint8Array) {
      writes.push([place, Buffer.from(data)]);
    },
  });
  return { writes, io: { stdout: writer("out"), stderr: writer("err") } };
}

test("what goes to one place is one write", async () => {
  const { writes, io } = written();
  await writeTogether(io, [
    { stdout: "a\n" },
    { stdout: new ByteText(Buffer.from([0xff, 10]), "base64") },
    {},
    { stdout: "b\n" },
  ]);
  assert.deepEqual(writes, [["out", Buffer.from([97, 10, 0xff, 10, 98, 10])]]);
});

test("what goes elsewhere in between keeps its place in the order", async () => {
  const { writes, io } = written();
  await writeTogether(io, [{ stdout: "1" }, { stdout: "2", stderr: "3" }, { stdout: "4" }]);
  assert.deepEqual(
    writes.map(([place, bytes]) => place + bytes),
    ["out12", "err3", "out4"],
  );
});

test("large bytes are not copied", async () => {
  const large = Buffer.alloc(100_000);
  const seen: unknown[] = [];
  const writer = { write: async (data: string | Uint8Array) => void seen.push(data) };
  await writeTogether({ stdout: writer, stderr: writer }, [
    { stdout: "a" },
    { stdout: new ByteText(large, "utf8") },
    { stdout: "b" },
  ]);
  assert.equal(seen[1], large);
  assert.equal(seen.length, 3);
});

test("law: each place gets its bytes in order, however they were held", async () => {
  const text = fc.oneof(
    fc.constant(undefined),
    fc.string({ maxLength: 5 }),
    fc
      .array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 3 })
      .map((parts) => new ByteText(parts, "utf8")),
  );
  const output = fc.record({ stdout: text, stderr: text }).map((one) => one as CliOutput);
  const bytesOf = (part: CliOutput["stdout"]) =>
    part instanceof ByteText ? Buffer.concat(part.parts) : Buffer.from(part ?? "");
  await fc.assert(
    fc.asyncProperty(fc.array(output, { maxLength: 6 }), async (outputs) => {
      const { writes, io } = written();
      await writeTogether(io, outputs);
      const of = (place: string) =>
        Buffer.concat(writes.filter(([one]) => one === place).map(([, bytes]) => bytes));
      assert.deepEqual(of("out"), Buffer.concat(outputs.map(({ stdout }) => bytesOf(stdout))));
      assert.deepEqual(of("err"), Buffer.concat(outputs.map(({ stderr }) => bytesOf(stderr))));
      assert.ok(outputs.reduce((sum, one) => sum + outputLength(one), 0) >= 0);
    }),
  );
});
