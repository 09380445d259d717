import { expect, test } from "bun:test";
import fc from "fast-check";
import { lineEnds } from "./line-count.ts";

test("ends of lines are counted wherever the bytes lie in memory", () => {
  const bytes = fc.uint8Array({ maxLength: 3_000 }).map((all) => all.map((one) => (one < 40 ? 10 : one)));
  fc.assert(
    fc.property(bytes, fc.nat(7), fc.nat(3_000), fc.nat(3_000), (all, offset, a, b) => {
      const memory = new Uint8Array(all.length + offset);
      memory.set(all, offset);
      const [from, to] = [Math.min(a, b, all.length), Math.min(Math.max(a, b), all.length)];
      const expected = all.subarray(from, to).filter((one) => one === 10).length;
      expect(lineEnds(memory.subarray(offset), from, to)).toBe(expected);
    }),
  );
});

test("long runs of ends overflow no sum", () => {
  expect(lineEnds(new Uint8Array(10_001).fill(10), 1, 10_001)).toBe(10_000);
});
