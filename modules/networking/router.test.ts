import { expect, test } from "bun:test";
import * as v from "valibot";
import type { Answer, Call } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import type { RouteTarget } from "../../src/kernel/ports.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { NamePins } from "./name-pins.ts";
import { type KnownNode, MeshRouter } from "./router.ts";

const op = operationsOf<unknown>("t");
const value = op({
  name: "value",
  summary: "x",
  effect: "read",
  needs: [],
  input: v.strictObject({}),
  output: v.unknown(),
  run: () => 0,
});
const items = op({
  name: "items",
  summary: "x",
  effect: "read",
  needs: [],
  gives: "items",
  input: v.strictObject({}),
  output: v.unknown(),
  run: async function* () {},
});

const base = { connected: true, self: false, roundTripMs: 10, labels: {}, role: "operator" } as const;
const nodes: readonly KnownNode[] = [
  { ...base, peerId: "id-self", name: "laptop", self: true, labels: { os: "linux" } },
  { ...base, peerId: "id-far", name: "far", roundTripMs: 80, labels: { gpu: "true", os: "linux" } },
  { ...base, peerId: "id-near", name: "near", roundTripMs: 2, labels: { gpu: "true" } },
  {
    ...base,
    peerId: "id-off",
    name: "off",
    connected: false,
    roundTripMs: undefined,
    labels: { gpu: "true" },
  },
  { ...base, peerId: "id-1", name: "twin" },
  { ...base, peerId: "id-2", name: "twin" },
  { ...base, peerId: "id-new", name: undefined },
  {
    ...base,
    peerId: "id-guest",
    name: "guest",
    role: "observer",
    roundTripMs: 0,
    labels: { os: "any", gpu: "true" },
  },
];

interface Stage {
  readonly refuse?: readonly string[];
  readonly unreachable?: readonly string[];
  readonly silent?: readonly string[];
}

function setUp(options: Stage = {}) {
  const clock = simulatedClock();
  const sent: string[] = [];
  const targets: RouteTarget[] = [];
  const names = new NamePins({ read: () => new Map([["far", "id-before"]]), write: () => {} });
  const answerOf = (peerId: string, id: string): Answer => {
    sent.push(peerId);
    if (id === "t.value") return { gives: "value", callId: "c", value: peerId };
    return { gives: "items", callId: "c", items: itemsOf(peerId) };
  };
  async function* itemsOf(peerId: string) {
    yield `${peerId} 1`;
    if (peerId === "id-far") throw new OperoneError("conflict", "broke");
    yield `${peerId} 2`;
  }
  const router = new MeshRouter({
    nodes: () => nodes,
    named: (ref) => nodes.filter(({ peerId, name }) => peerId === ref || name === ref),
    names,
    clock,
    version: "1.0.0",
    local: { call: async (call) => answerOf("here", call.operation) },
    calls: (peerId) => ({
      async reach() {
        if (options.unreachable?.includes(peerId)) throw new OperoneError("unavailable", "away");
      },
      async call(id) {
        if (options.unreachable?.includes(peerId)) throw new OperoneError("unavailable", "away");
        if (options.silent?.includes(peerId)) return await new Promise<never>(() => {});
        return answerOf(peerId, id);
      },
    }),
  });
  const call: Call & { readonly callId: string } = {
    surface: "http",
    operation: "t.value",
    input: {},
    callId: "c",
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [],
    signal: new AbortController().signal,
  };
  const permit = (target: RouteTarget) => {
    const { peerId } = target;
    targets.push(target);
    if (options.refuse?.includes(peerId)) throw new OperoneError("forbidden", "no");
  };
  const route = (selector: string, operation: Operation = value as Operation) =>
    router.route(selector, { call: { ...call, operation: operation.id }, operation, permit });
  const all = async (selector: string, operation?: Operation) => {
    const answer = await route(selector, operation);
    return answer.gives === "items" ? await Array.fromAsync(answer.items) : answer;
  };
  return { router, clock, route, all, sent, targets };
}

test("a name and a peer id mean that node", async () => {
  const { route, sent } = setUp();
  await route("near");
  await route("id-new");
  expect(sent).toEqual(["id-near", "id-new"]);
});

test("two nodes of one name are a conflict that lists their ids, and an unknown one offers the nearest", async () => {
  const { route, sent } = setUp();
  await expect(route("twin")).rejects.toMatchObject({
    code: "conflict",
    details: { peerIds: ["id-1", "id-2"] },
  });
  await expect(route("neer")).rejects.toThrow('did you mean "near"?');
  expect(sent).toEqual([]);
});

test("any is this node, then the nearest that can be reached and where it is allowed", async () => {
  const { router, route, sent } = setUp();
  expect(router.isLocal("any")).toBe(true);
  expect(router.isLocal("any:gpu=true")).toBe(false);
  expect(router.isLocal("laptop")).toBe(true);
  expect(router.isLocal("all")).toBe(false);
  await route("any:gpu=true");
  expect(sent).toEqual(["id-near"]);
  const other = setUp({ unreachable: ["id-near"] });
  await other.route("any:gpu=true");
  expect(other.sent).toEqual(["id-far"]);
  const third = setUp({ refuse: ["id-near", "id-far"], unreachable: ["id-off"] });
  await expect(third.route("any:gpu=true")).rejects.toMatchObject({ code: "unavailable" });
  await expect(route("any:gpu=false")).rejects.toMatchObject({ code: "not_found" });
});

test("many give one item for each node, a failure included", async () => {
  const { all } = setUp({ refuse: ["id-far"], unreachable: ["id-off"] });
  const given = (await all("gpu=true")) as readonly { readonly node: string }[];
  expect(given.toSorted((a, b) => (a.node < b.node ? -1 : 1))).toEqual([
    { node: "far", error: expect.objectContaining({ code: "forbidden" }) },
    { node: "near", value: "id-near" },
    { node: "off", error: expect.objectContaining({ code: "unavailable" }) },
  ] as never);
  const everyone = (await all("all")) as readonly { readonly node: string }[];
  expect(everyone.map(({ node }) => node).toSorted()).toEqual(
    ["far", "guest", "id-1", "id-2", "id-new", "laptop", "near", "off"].toSorted(),
  );
});

test("items of many nodes come with their node, and one that breaks ends alone", async () => {
  const { all } = setUp();
  const given = (await all("gpu=true", items as Operation)) as readonly { node: string; value?: string }[];
  const near = given.filter(({ node }) => node === "near").map(({ value: item }) => item);
  expect(near).toEqual(["id-near 1", "id-near 2"]);
  expect(given.filter(({ node }) => node === "far")).toEqual([
    { node: "far", value: "id-far 1" },
    { node: "far", error: expect.objectContaining({ code: "conflict" }) },
  ] as never);
});

test("a node that never answers is one failure among many, and holds the others for a time", async () => {
  const { all, clock } = setUp({ silent: ["id-far"] });
  for (const operation of [value, items] as readonly Operation[]) {
    const given = all("gpu=true", operation) as Promise<readonly { node: string; error?: unknown }[]>;
    let isDone = false;
    void given.then(() => {
      isDone = true;
    });
    await clock.advance(29_000);
    expect(isDone).toBe(false);
    await clock.advance(32_000);
    expect((await given).filter(({ node }) => node === "far")).toEqual([
      { node: "far", error: expect.objectContaining({ code: "deadline" }) },
    ] as never);
  }
});

test("an answer of the wrong shape is the failure of the node that gave it", async () => {
  const { route, all } = setUp();
  const number = { ...value, output: v.number() } as Operation;
  expect(await route("near", number).catch((error) => error)).toMatchObject({ code: "internal" });
  const given = (await all("gpu=true", number)) as readonly { node: string; error?: { code: string } }[];
  expect(given.find(({ node }) => node === "near")?.error?.code).toBe("internal");
});

test("labels and any lead no call to an observer, whatever it says of itself", async () => {
  const { route, all, sent } = setUp();
  await route("any:gpu=true");
  expect(sent).toEqual(["id-near"]);
  expect((await route("any:os=any").catch((error) => error)).code).toBe("not_found");
  const given = (await all("gpu=true")) as readonly { readonly node: string }[];
  expect(given.map(({ node }) => node)).not.toContain("guest");
  await route("guest");
  expect(sent.at(-1)).toBe("id-guest");
});

test("a grant counts by a name only when it is the node's alone and was no other's; a denial always does", async () => {
  const { route, targets } = setUp();
  await route("id-near");
  expect([...(targets.at(-1)?.names ?? [])]).toEqual(["id-near", "near"]);
  for (const [peerId, name] of [
    ["id-1", "twin"],
    ["id-far", "far"],
  ] as const) {
    await route(peerId);
    expect([...(targets.at(-1)?.names ?? [])]).toEqual([peerId]);
    expect(targets.at(-1)?.alsoDenied?.has(name)).toBe(true);
  }
  expect((await route("far").catch((error) => error)).message).toContain("id-before");
});
