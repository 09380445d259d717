import { expect, test } from "bun:test";
import { Turns } from "./turns.ts";

const never = () => new AbortController().signal;

test("who comes when all places are taken waits, first come first served", async () => {
  const turns = new Turns("documents", 1, 2);
  const order: string[] = [];
  const first = await turns.take(never());
  const second = turns.take(never()).then((end) => {
    order.push("second");
    return end;
  });
  const third = turns.take(never()).then((end) => {
    order.push("third");
    return end;
  });
  await expect(turns.take(never())).rejects.toThrow("2 documents wait already");
  first();
  first();
  (await second)();
  (await third)();
  expect(order).toEqual(["second", "third"]);
  (await turns.take(never()))();
});

test("who gives up waiting takes nobody's place", async () => {
  const turns = new Turns("documents", 1, 8);
  const end = await turns.take(never());
  const gone = new AbortController();
  const waiting = turns.take(gone.signal);
  const next = turns.take(never());
  gone.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(turns.take(gone.signal)).rejects.toThrow("enough");
  end();
  const last = await next;
  gone.abort();
  last();
});
