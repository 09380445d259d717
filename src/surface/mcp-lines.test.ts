import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { OperoneError } from "../kernel/error.ts";
import { LineBuffer } from "./mcp-lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("lines out of pieces of bytes", () => {
  test("are the same however the bytes are cut", () => {
    const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll("\n", " "));
    fc.assert(
      fc.property(
        fc.array(line),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (lines, cuts) => {
          const whole = bytes(lines.map((one) => `${one}\n`).join(""));
          const buffer = new LineBuffer(1_000);
          const got: unknown[] = [];
          for (let at = 0, cut = 0; at < whole.length; cut++) {
            const end = at + (cuts[cut % cuts.length] ?? 1);
            got.push(...buffer.add(whole.subarray(at, end)));
            at = end;
          }
          got.push(...buffer.end());
          assert.deepEqual(got, lines);
        },
      ),
    );
  });

  test("keep nothing of the piece that was lent", () => {
    const buffer = new LineBuffer(100);
    const piece = bytes("ab");
    assert.deepEqual([...buffer.add(piece)], []);
    piece.fill(0x78);
    assert.deepEqual([...buffer.add(bytes("c\n"))], ["abc"]);
  });

  test("are refused as soon as one is too long, and not at its end", () => {
    const buffer = new LineBuffer(10);
    const [refused, ...rest] = [...buffer.add(bytes("x".repeat(11)))];
    assert.ok(refused instanceof OperoneError);
    assert.equal(refused.code, "too_large");
    assert.deepEqual([...rest, ...buffer.add(bytes("more"))], []);
    assert.deepEqual([...buffer.add(bytes("\nnext\n"))], ["next"]);
    const [whole] = [...buffer.add(bytes(`${"y".repeat(11)}\n`))];
    assert.ok(whole instanceof OperoneError);
  });

  test("may end without a line's end", () => {
    const buffer = new LineBuffer(10);
    assert.deepEqual([...buffer.add(bytes("a\nb"))], ["a"]);
    assert.deepEqual([...buffer.end()], ["b"]);
    assert.deepEqual([...buffer.end()], []);
  });
});
