import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "./feed.ts";

const first = [["a", "a"]] as const;

test("the callers of one other node have four readers together, and leave room for the rest", async () => {
  const feed = new Feed<string>(8);
  const { signal } = new AbortController();
  const readers = [1, 2, 3, 4].map(() => feed.follow(first, signal, "mesh a"));
  for (const reader of readers) await reader.next();
  await assert.rejects(feed.follow(first, signal, "mesh a").next(), { code: "limited" });
  assert.equal((await feed.follow(first, signal, "mesh b").next()).value, "a");
  assert.equal((await feed.follow(first, signal).next()).value, "a");
  await readers[0]?.return(undefined);
  assert.equal((await feed.follow(first, signal, "mesh a").next()).value, "a");
});
