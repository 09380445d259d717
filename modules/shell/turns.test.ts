import { expect, test } from "bun:test";
import { Turns } from "./turns.ts";

const never = () => new AbortController().signal;

test("who comes when all places are taken waits, first come first served", async () => {
  const turns = new Turns("documents", 1, 4);
  const order: string[] = [];
  const first = await turns.take(never(), "a");
  const second = turns.take(never(), "a").then((end) => {
    order.push("second");
    return end;
  });
  const third = turns.take(never(), "a").then((end) => {
    order.push("third");
    return end;
  });
  await expect(turns.take(never(), "a")).rejects.toThrow("2 documents wait already");
  first();
  first();
  (await second)();
  (await third)();
  expect(order).toEqual(["second", "third"]);
  (await turns.take(never(), "a"))();
});

test("who gives up waiting takes nobody's place", async () => {
  const turns = new Turns("documents", 1, 8);
  const end = await turns.take(never(), "a");
  const gone = new AbortController();
  const waiting = turns.take(gone.signal, "a");
  const next = turns.take(never(), "a");
  gone.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(turns.take(gone.signal, "a")).rejects.toThrow("enough");
  end();
  const last = await next;
  gone.abort();
  last();
});

test("nobody has all places, and who has few comes before who has many", async () => {
  const turns = new Turns("documents", 3, 8);
  const order: string[] = [];
  const take = (holder: string) =>
    turns.take(never(), holder).then((end) => {
      order.push(holder);
      return end;
    });
  const [first] = [await take("greedy"), await take("greedy")];
  const more = [take("greedy"), take("greedy")];
  const other = await take("modest");
  expect(order).toEqual(["greedy", "greedy", "modest"]);
  const late = take("third");
  first();
  (await late)();
  other();
  for (const one of more) (await one)();
  expect(order).toEqual(["greedy", "greedy", "modest", "third", "greedy", "greedy"]);
});

test("nobody fills the row of those that wait", async () => {
  const turns = new Turns("documents", 1, 4);
  const end = await turns.take(never(), "greedy");
  const waiting = [turns.take(never(), "greedy"), turns.take(never(), "greedy")];
  await expect(turns.take(never(), "greedy")).rejects.toThrow("2 documents wait already, 2 of them yours");
  const other = turns.take(never(), "modest");
  end();
  for (const one of [...waiting, other]) (await one)();
});
