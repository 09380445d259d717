/** Many at once. */
import { expect, test } from "bun:test";
import { sessionNode } from "./session-node.ts";

test("five hundred sessions run at once, each answers, and all end together", async () => {
  await using node = await sessionNode({ sessionsPerCallerMax: 600 });
  const count = 500;
  const batch = 50;
  const ids: string[] = [];
  for (let at = 0; at < count; at += batch) {
    const started = Array.from({ length: batch }, (_, index) =>
      node.start(["sh", "-c", `echo ${at + index}; exec sleep 600`]),
    );
    ids.push(...(await Promise.all(started)).map(({ id }) => id));
  }
  expect(new Set(ids).size).toBe(count);
  expect(await node.value<unknown[]>("list", { running: true })).toHaveLength(count);
  for (let at = 0; at < count; at += 99) {
    const items = await node.items("output", { session: ids[at] ?? "", waitMs: 5_000 });
    expect((await items.next()).value).toMatchObject({ text: `${at}\n` });
    await items.return?.();
  }
  const next = await node.restarted();
  const ended = await next.value<{ state: string; exit: { reason: string } }[]>("list");
  expect(ended.filter(({ state, exit }) => state === "ended" && exit.reason === "stopped")).toHaveLength(
    count,
  );
  await next[Symbol.asyncDispose]();
}, 60_000);
