import { afterAll, expect, test } from "bun:test";
import { cleanUp, eventually, isAlive, startNode, type TestNode } from "./node.ts";

afterAll(cleanUp);

interface Item {
  readonly text?: string;
  readonly exit?: { readonly reason: string };
  readonly error?: { readonly code: string };
}

/** Runs a command on the node and gives its items as they come. */
async function* itemsOf(node: TestNode, argv: readonly string[]): AsyncGenerator<Item> {
  const response = await node.fetch("/v1/shell/run", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson" },
    body: JSON.stringify({ argv, profile: "unconfined" }),
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      if (line !== "") yield JSON.parse(line) as Item;
    }
  }
}

/** A command that says its own and its child's number, ignores SIGTERM, and would run for minutes. */
const stubborn = ["sh", "-c", "trap '' TERM HUP INT; sleep 300 & echo $$ $!; wait; wait"];

async function startStubborn(node: TestNode): Promise<{ pids: number[]; items: AsyncGenerator<Item> }> {
  const items = itemsOf(node, stubborn);
  const first = await items.next();
  const pids = (first.value?.text ?? "").trim().split(" ").map(Number);
  expect(pids.length).toBe(2);
  expect(pids.every(isAlive)).toBe(true);
  return { pids, items };
}

test("no command outlives down, not even one that ignores its signal and has a child of its own", async () => {
  const node = await startNode();
  const { pids } = await startStubborn(node);
  const down = await node.run(["down"]);
  expect(down.stdout).toContain("Stopped the node");
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await node.exited).toBe(0);
}, 60_000);

test("a command of a killed node is ended when the next one starts", async () => {
  const node = await startNode();
  const { pids } = await startStubborn(node);
  node.signal("SIGKILL");
  await node.exited;
  const next = await startNode({ directory: node.directory });
  expect(await eventually(() => pids.every((pid) => !isAlive(pid)))).toBe(true);
  await next.stop();
});

test("a command whose caller has gone is ended", async () => {
  const node = await startNode();
  const { pids, items } = await startStubborn(node);
  await items.return(undefined);
  expect(await eventually(() => pids.every((pid) => !isAlive(pid)), 20_000)).toBe(true);
  await node.stop();
}, 60_000);

test("a call that streams when the node stops may end by itself, and its answer is whole", async () => {
  const node = await startNode();
  const items = itemsOf(node, ["sh", "-c", "echo one; sleep 1; echo two"]);
  expect((await items.next()).value?.text).toBe("one\n");
  node.signal("SIGTERM");
  const rest: Item[] = [];
  for await (const item of items) rest.push(item);
  expect(rest[0]?.text).toBe("two\n");
  expect(rest.at(-1)?.exit?.reason).toBe("exited");
  expect(await node.exited).toBe(0);
});

test("a call that goes on and on is told that the node stops, and is not taken for a whole answer", async () => {
  const node = await startNode();
  const items = itemsOf(node, ["sh", "-c", "while :; do echo on; sleep 0.1; done"]);
  await items.next();
  node.signal("SIGTERM");
  let last: Item | undefined;
  for await (const item of items) last = item;
  expect(last?.exit === undefined || last.exit.reason !== "exited").toBe(true);
  expect(last?.text).toBeUndefined();
  expect(await node.exited).toBe(0);
}, 60_000);

test("a new call is refused while the node stops", async () => {
  const node = await startNode();
  const items = itemsOf(node, ["sh", "-c", "echo one; sleep 2"]);
  await items.next();
  node.signal("SIGTERM");
  expect(await eventually(() => node.errors().includes("stopping"))).toBe(true);
  const refused = await node.call("node.status").then(
    (response) => response.status,
    () => 503,
  );
  expect(refused).toBe(503);
  expect(await node.exited).toBe(0);
});
