import { afterAll, expect, test } from "bun:test";
import type { Finding } from "../../src/kernel/ports.ts";
import { machines, removeMachines } from "./netns.ts";
import { cleanUp, eventually, folder, jsonOf, startNode, type TestNode } from "./node.ts";

afterAll(async () => {
  await cleanUp().finally(removeMachines);
});

interface NodeRow {
  readonly self: boolean;
  readonly state: string;
  readonly address?: string;
}

async function other(node: TestNode): Promise<NodeRow | undefined> {
  const { nodes } = await jsonOf<{ nodes: readonly NodeRow[] }>(node.call("networking.nodes"));
  return nodes.find(({ self }) => !self);
}

async function pair() {
  const both = await machines({ a: undefined, b: undefined });
  const directories = { a: folder("a"), b: folder("b") };
  const start = (which: "a" | "b", ...argv: string[]) =>
    startNode({ runner: both[which].runner, directory: directories[which], argv });
  return { ...both, start };
}

test("two members whose addresses both changed while both were down find each other again", async () => {
  const { a, b, start } = await pair();
  await a.moveTo("10.71.1.1/24");
  await b.moveTo("10.71.1.2/24");
  const first = await start("a", "--set", "networking.discovery=false");
  const second = await start("b", "--set", "networking.discovery=false");
  const { code } = await jsonOf<{ code: string }>(first.call("networking.invite"));
  const joined = await second.run(["join", code]);
  expect(joined.code).toBe(0);
  expect(await eventually(async () => (await other(first))?.state === "connected")).toBe(true);
  expect((await diagnosis(first))?.found).toBe("switched off by the configuration");
  await Promise.all([first.stop(), second.stop()]);

  await a.moveTo("10.72.1.11/24");
  await b.moveTo("10.72.1.12/24");
  const [again, back] = await Promise.all([start("a"), start("b")]);
  const linked = async (node: TestNode, ip: string) =>
    (await other(node))?.address?.startsWith(`/ip4/${ip}/`) === true;
  const haveMet = (ipA: string, ipB: string) =>
    eventually(async () => (await linked(again, ipB)) && (await linked(back, ipA)), 30_000);
  expect(await haveMet("10.72.1.11", "10.72.1.12")).toBe(true);
  expect(await diagnosis(again)).toEqual({
    name: "mesh discovery",
    verdict: "ok",
    found: "looks for members by multicast DNS on 10.72.1.11",
  });

  // Both move while they run, and their interfaces are gone meanwhile.
  await a.removeInterface();
  await b.removeInterface();
  for (const node of [again, back])
    expect(await eventually(async () => (await listens(node)) === "", 30_000)).toBe(true);
  for (const machine of [a, b]) await machine.addInterface();
  await a.moveTo("10.73.1.21/24");
  await b.moveTo("10.73.1.22/24");
  expect(await haveMet("10.73.1.21", "10.73.1.22")).toBe(true);
  for (const node of [again, back]) expect(node.errors().split("\n").length).toBeLessThan(20);
  await Promise.all([again.stop(), back.stop()]);
}, 120_000);

/** Its addresses beyond this machine. */
async function listens(node: TestNode): Promise<string> {
  const { addresses } = await jsonOf<{ addresses: readonly string[] }>(node.call("networking.mesh"));
  return addresses.filter((address) => !/^\/ip4\/127|^\/ip6\/::1/.test(address)).join(" ");
}

interface NamedFinding extends Finding {
  readonly name: string;
}

async function diagnosis(node: TestNode): Promise<NamedFinding | undefined> {
  const { checks } = await jsonOf<{ checks: readonly NamedFinding[] }>(node.call("node.doctor"));
  return checks.find(({ name }) => name === "mesh discovery");
}
