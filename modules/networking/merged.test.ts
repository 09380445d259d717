import { expect, test } from "bun:test";
import { merged } from "./merged.ts";

async function* count(name: string, to: number) {
  for (let at = 1; at <= to; at++) yield `${name}${at}`;
}

test("everything comes, in each source's own order, and no source has to wait for another's end", async () => {
  const all = await Array.fromAsync(merged([count("a", 50), count("b", 3), count("c", 0)]));
  expect(all.filter((text) => text.startsWith("a"))).toEqual(
    Array.from({ length: 50 }, (_, at) => `a${at + 1}`),
  );
  expect(all.filter((text) => text.startsWith("b"))).toEqual(["b1", "b2", "b3"]);
  expect(all.indexOf("b3")).toBeLessThan(10);
});

test("a source that never gives does not hold the others, and is ended with the reader", async () => {
  let ended = 0;
  const silent = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<string>>(() => {}),
      return: async () => {
        ended += 1;
        return { done: true as const, value: undefined };
      },
    }),
  };
  const iterator = merged([silent, count("a", 2)]);
  expect((await iterator.next()).value).toBe("a1");
  await iterator.return();
  expect(ended).toBe(1);
});

test("at most one step of each source is under way", async () => {
  let taken = 0;
  const eager = async function* () {
    for (;;) {
      taken += 1;
      yield "x";
    }
  };
  const iterator = merged([eager()]);
  for (let at = 0; at < 5; at++) await iterator.next();
  expect(taken).toBeLessThanOrEqual(6);
  await iterator.return();
});

test("a failure is passed on", async () => {
  const broken = async function* () {
    yield "x";
    throw new Error("broke");
  };
  await expect(Array.fromAsync(merged([broken(), count("a", 1)]))).rejects.toThrow("broke");
});
