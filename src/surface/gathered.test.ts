import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gathered } from "./gathered.ts";

const plain = { part: (item: number) => item, sizeOf: () => 1, sizeMax: 1_000 };

async function* counted(to: number): AsyncGenerator<number> {
  for (let n = 1; n <= to; n++) yield n;
}

/** Items that come when the test says so. */
function manual() {
  const waiting: PromiseWithResolvers<IteratorResult<number, undefined>>[] = [];
  const state = {
    asked: 0,
    returned: 0,
    give: (value: number) => waiting.shift()?.resolve({ done: false, value }),
    fail: (error: unknown) => waiting.shift()?.reject(error),
  };
  const items: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        state.asked++;
        const step = Promise.withResolvers<IteratorResult<number, undefined>>();
        waiting.push(step);
        return step.promise;
      },
      async return() {
        state.returned++;
        return { done: true, value: undefined };
      },
    }),
  };
  return { items, state };
}

test("law: all items come once and in order, and no more together than the size allows", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(20), { maxLength: 60 }),
      fc.integer({ min: 1, max: 50 }),
      async (sizes, sizeMax) => {
        const source = (async function* () {
          for (const size of sizes) yield size;
        })();
        const gathering = { part: (item: number) => item, sizeOf: (part: number) => part, sizeMax };
        const all = await Array.fromAsync(gathered(source, gathering));
        assert.deepEqual(all.flat(), sizes);
        for (const parts of all) {
          const before = parts.slice(0, -1).reduce((sum, size) => sum + size, 0);
          assert.ok(parts.length > 0 && before < sizeMax);
        }
      },
    ),
  );
});

test("what is ready at once comes together", async () => {
  assert.deepEqual(await Array.fromAsync(gathered(counted(3), plain)), [[1, 2, 3]]);
});

test("an item does not wait for the next one", async () => {
  const { items, state } = manual();
  const reader = gathered(items, plain);
  const first = reader.next();
  state.give(1);
  assert.deepEqual((await first).value, [1]);
  // The next one is asked for once, however often the reader comes before it.
  assert.equal(state.asked, 2);
  const second = reader.next();
  state.give(2);
  assert.deepEqual((await second).value, [2]);
  await reader.return();
});

test("a reader that stands still gets no more than one set and one item made", async () => {
  let made = 0;
  const endless = (async function* () {
    for (;;) yield ++made;
  })();
  const reader = gathered(endless, { ...plain, sizeMax: 10 });
  await reader.next();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(made, 10);
  await reader.return();
});

test("a failure comes after what came before it, wherever it is from", async () => {
  const failing = (async function* () {
    yield 1;
    yield 2;
    throw new Error("the items");
  })();
  const first = gathered(failing, plain);
  assert.deepEqual((await first.next()).value, [1, 2]);
  await assert.rejects(first.next(), /the items/);
  assert.equal((await first.next()).done, true);
  let ended = false;
  const source = (async function* () {
    try {
      yield* counted(5);
    } finally {
      ended = true;
    }
  })();
  const part = (item: number) => {
    if (item === 3) throw new Error("the part");
    return item;
  };
  const second = gathered(source, { ...plain, part });
  assert.deepEqual((await second.next()).value, [1, 2]);
  await assert.rejects(second.next(), /the part/);
  assert.equal(ended, true);
});

test("a failure while nobody reads is told to the next who does", async () => {
  const { items, state } = manual();
  const reader = gathered(items, plain);
  const first = reader.next();
  state.give(1);
  await first;
  state.fail(new Error("late"));
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(reader.next(), /late/);
});

test("a reader that goes away ends the items, also while they are silent", async () => {
  const { items, state } = manual();
  const reader = gathered(items, plain);
  const first = reader.next();
  state.give(1);
  await first;
  assert.equal((await reader.return()).done, true);
  assert.equal(state.returned, 1);
  state.fail(new Error("nobody hears this"));
});
