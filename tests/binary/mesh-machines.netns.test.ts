import { afterAll, expect, test } from "bun:test";
import { connected, done, invite, meshDirectory, meshNode, nodesOf, seen } from "./mesh-node.ts";
import { type Machine, machines, removeMachines } from "./netns.ts";
import { cleanUp, type TestNode } from "./node.ts";

afterAll(async () => {
  await cleanUp();
  await removeMachines();
});

const port = 6738;

/** A node with the ports and addresses that everybody gets who configures none. */
async function nodeOn({ name, runner }: Machine, directory = meshDirectory(name, "")): Promise<TestNode> {
  return await meshNode(name, { directory, runner });
}

async function meshOf(...all: readonly Machine[]): Promise<TestNode[]> {
  const nodes = await Promise.all(all.map((machine) => nodeOn(machine)));
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error("A mesh takes a node");
  for (const other of others)
    await done(other.run(["join", await invite(first, "--role", "admin"), "--allow", "admin"]));
  await done(first.run(["allow", "admin"]));
  for (const node of nodes) {
    const names = all.map(({ name }) => name).filter((_, at) => nodes[at] !== node);
    await connected(node, ...names);
  }
  return nodes;
}

async function bothWays(one: TestNode, oneName: string, other: TestNode, otherName: string): Promise<void> {
  const there = await done(
    one.run(["shell", "run", "--profile", "unconfined", "--node", otherName, "--", "echo", "there"]),
  );
  const back = await done(
    other.run(["shell", "run", "--profile", "unconfined", "--node", oneName, "--", "echo", "back"]),
  );
  expect([there.stdout, back.stdout]).toEqual(["there\n", "back\n"]);
}

test("three machines are one mesh after a code for each, over their own addresses and not loopback", async () => {
  const { a, b, c } = await machines({ a: "10.77.0.1/24", b: "10.77.0.2/24", c: "10.77.0.3/24" });
  const [first, second, third] = await meshOf(a, b, c);
  if (first === undefined || second === undefined || third === undefined) throw new Error("No mesh");
  const known = await nodesOf(third);
  const addresses = Object.fromEntries(known.map((node) => [node.name, node.addresses]));
  expect(addresses).toEqual({
    a: [`/ip4/10.77.0.1/tcp/${port}`],
    b: [`/ip4/10.77.0.2/tcp/${port}`],
    c: [`/ip4/10.77.0.3/tcp/${port}`],
  });
  await bothWays(second, "b", third, "c");
  const doctor = await first.run(["doctor"]);
  expect(doctor.stdout).toContain("2 of 2 other nodes are connected");
  expect(doctor.stdout).toContain("can connect to this node");
  await Promise.all([first.stop(), second.stop(), third.stop()]);
}, 60_000);

test("a laptop that gets another address comes back by itself, and works both ways", async () => {
  const { a, b, c } = await machines({ a: "10.77.0.1/24", b: "10.77.0.2/24", c: "10.77.0.3/24" });
  const [first, second, third] = await meshOf(a, b, c);
  if (first === undefined || second === undefined || third === undefined) throw new Error("No mesh");
  for (const [address, who] of [
    ["10.77.0.33", c],
    ["10.77.0.11", a],
  ] as const) {
    const startMs = performance.now();
    await who.moveTo(`${address}/24`);
    const others = [first, second, third].filter((_, at) => [a, b, c][at] !== who);
    for (const other of others)
      await seen(other, `${who.name} at ${address}`, (nodes) =>
        nodes.some(
          (node) =>
            node.name === who.name &&
            node.state === "connected" &&
            node.addresses.includes(`/ip4/${address}/tcp/${port}`),
        ),
      );
    await connected(first, "b", "c");
    await connected(third, "a", "b");
    console.log(`${who.name} at ${address} after ${Math.round(performance.now() - startMs)} ms`);
    await bothWays(first, "a", third, "c");
    await bothWays(second, "b", third, "c");
  }
  await Promise.all([first.stop(), second.stop(), third.stop()]);
}, 120_000);

test("a pulled cable is noticed on both ends, and mended when it is in again", async () => {
  const { a, b } = await machines({ a: "10.77.0.1/24", b: "10.77.0.2/24" });
  const [first, second] = await meshOf(a, b);
  if (first === undefined || second === undefined) throw new Error("No mesh");
  let startMs = performance.now();
  await b.plug(false);
  for (const [node, name] of [
    [first, "b"],
    [second, "a"],
  ] as const)
    await seen(node, `${name} away`, (nodes) =>
      nodes.some((one) => one.name === name && one.state === "away"),
    );
  console.log(`away after ${Math.round(performance.now() - startMs)} ms`);
  const call = await first.run(["status", "--node", "b", "--timeout", "1s"]);
  expect([15, 16, 130]).toContain(call.code);
  expect((await second.run(["doctor"])).stdout).toContain("none of the 1 other nodes is connected");
  startMs = performance.now();
  await b.plug(true);
  await connected(first, "b");
  await connected(second, "a");
  console.log(`back after ${Math.round(performance.now() - startMs)} ms`);
  await bothWays(first, "a", second, "b");
  await Promise.all([first.stop(), second.stop()]);
}, 120_000);

test("a node that nobody can connect to works over its own links, and doctor says what is closed", async () => {
  const { a, b } = await machines({ a: "10.77.0.1/24", b: "10.77.0.2/24" });
  await b.closePort(port);
  const [first, second] = await meshOf(a, b);
  if (first === undefined || second === undefined) throw new Error("No mesh");
  await bothWays(first, "a", second, "b");
  const doctor = await second.run(["doctor"]);
  expect(doctor.stdout).toContain(`a cannot connect to this node (tried /ip4/10.77.0.2/tcp/${port})`);
  expect(doctor.stdout).toContain("firewall");
  expect((await first.run(["doctor"])).stdout).toContain("b can connect to this node");
  first.signal("SIGKILL");
  await first.exited;
  const again = await nodeOn(a, first.directory);
  await connected(again, "b");
  await bothWays(again, "a", second, "b");
  await Promise.all([again.stop(), second.stop()]);
}, 120_000);
