/** One call on many nodes: through HTTP in each of its forms, and at the command line. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { fetchFrom, operone, type Terminal } from "./doorways.ts";
import { connected, joinMesh, type MeshNode, removeMeshNodes, startMeshNode, until } from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let attic: MeshNode;
let barn: MeshNode;
let cellar: MeshNode;
/** A member that is not running. */
let away: MeshNode;
beforeAll(async () => {
  [attic, barn, cellar, away] = await Promise.all([
    startMeshNode({ name: "attic" }),
    startMeshNode({ name: "barn", labels: { gpu: "true", room: "1" } }),
    startMeshNode({ name: "cellar", labels: { gpu: "true" } }),
    startMeshNode({ name: "away", labels: { gpu: "old" } }),
  ]);
  for (const node of [barn, cellar, away]) await joinMesh(attic, node);
  await connected(attic, barn, cellar, away);
  await away.stop();
  await until(
    () =>
      attic
        .mesh()
        .nodes()
        .find(({ name }) => name === "away")?.connected === false,
  );
});
afterAll(removeMeshNodes);

interface Item {
  readonly node: string;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}
const byNode = (items: readonly Item[]) => items.toSorted((a, b) => (a.node < b.node ? -1 : 1));
const short = (items: readonly Item[]) =>
  byNode(items).map(({ node, value, error }) => [node, error === undefined ? value : error.code]);

async function fanOut(node: string, operation: string, input: unknown = {}): Promise<readonly Item[]> {
  return (await attic.given(operation, input, { node })) as Item[];
}

test("all gives one item for each node, and one that is away is an item too", async () => {
  const items = await fanOut("all", "sample.add", { a: 1, b: 2 });
  expect(short(items)).toEqual([
    ["attic", { sum: 3 }],
    ["away", "unavailable"],
    ["barn", { sum: 3 }],
    ["cellar", { sum: 3 }],
  ]);
  const gone = items.find(({ node }) => node === "away");
  expect(gone?.error?.message).toContain("127.0.0.1");
});

test("labels choose, and what no node has is not found with what there is", async () => {
  expect(short(await fanOut("gpu=true", "gauge.count"))).toEqual([
    ["barn", 1],
    ["cellar", 1],
  ]);
  expect(short(await fanOut("gpu=true,room=1", "gauge.count"))).toEqual([["barn", 2]]);
  expect((await fanOut("os=linux", "sample.add", { a: 1, b: 1 })).length).toBe(4);
  const { code, message } = await attic.refused("gauge.count", {}, { node: "gpu=false" });
  expect(code).toBe("not_found");
  expect(message).toContain("gpu=true");
  expect(await attic.given("gauge.count", {}, { node: "any:room=1" })).toBe(3);
  expect(await attic.given("gauge.count", {}, { node: "any" })).toBe(1);
});

test("one that refuses or fails is an item among the others", async () => {
  await cellar.given("networking.allow", { role: "observer" });
  expect(short(await fanOut("gpu=true", "sample.add", { a: 1, b: 2 }))).toEqual([
    ["barn", { sum: 3 }],
    ["cellar", "forbidden"],
  ]);
  await cellar.given("networking.allow", { role: "admin" });
  expect(short(await fanOut("gpu=true", "sample.refuse", { code: "conflict", message: "no" }))).toEqual([
    ["barn", "conflict"],
    ["cellar", "conflict"],
  ]);
  expect(short(await fanOut("gpu=true", "sample.add", { a: "x" }))).toEqual([
    ["barn", "invalid_input"],
    ["cellar", "invalid_input"],
  ]);
});

test("items of many come with their node, in each node's order, and one that breaks ends alone", async () => {
  const items = await fanOut("gpu=true", "sample.count", { to: 3, failAt: 3 });
  for (const node of ["barn", "cellar"]) {
    const mine = items.filter((item) => item.node === node);
    expect(mine.map(({ value, error }) => value ?? error?.code)).toEqual([{ n: 1 }, { n: 2 }, "conflict"]);
  }
});

test("whoever stops reading ends the call on every node", async () => {
  const answer = await attic.call("gauge.drip", {}, { node: "gpu=true" });
  if (answer.gives !== "items") return expect.unreachable();
  const seen = new Set<string>();
  for await (const item of answer.items) {
    seen.add((item as Item).node);
    if (seen.size === 2) break;
  }
  await until(() => barn.gauge.running() + cellar.gauge.running() === 0);
});

test("bytes and messages are for one node, and what runs only here takes no node", async () => {
  const bytes = async function* () {
    yield new Uint8Array(1);
  };
  for (const operation of ["sample.file", "sample.store", "sample.measure", "sample.chat", "node.metrics"]) {
    const given = operation === "sample.store" || operation === "sample.measure" ? { bytes: bytes() } : {};
    const { code, message } = await attic.refused(operation, {}, { node: "all", ...given });
    expect([operation, code]).toEqual([operation, "invalid_input"]);
    expect(message).toContain("one node at a time");
  }
  expect((await attic.refused("access.token-list", {}, { node: "barn" })).code).toBe("invalid_input");
  expect((await attic.refused("sample.near", {}, { node: "barn" })).code).toBe("invalid_input");
});

test("a token reaches only the nodes of its grants, and each other one is a refusal", async () => {
  const grants = [{ permission: "sample.use", scope: "*", nodes: ["barn", "self"] }];
  const token = await attic.token({ name: "barn-only", grants });
  const items = (await attic.given("sample.add", { a: 1, b: 2 }, { node: "os=linux", token })) as Item[];
  expect(short(items)).toEqual([
    ["attic", { sum: 3 }],
    ["away", "forbidden"],
    ["barn", { sum: 3 }],
    ["cellar", "forbidden"],
  ]);
});

test("one call with many nodes is one call in every audit", async () => {
  const callId = "fan-out-1";
  await attic.given("gauge.count", {}, { node: "gpu=true", callId });
  for (const node of [attic, barn, cellar]) {
    const records = (await node.given("access.audit-list", { callId })) as { note?: { node?: string } }[];
    expect(records.length).toBe(1);
    expect(records[0]?.note?.node).toBe(node === attic ? "gpu=true" : undefined);
  }
});

const add = "/v1/sample/add?node=all";
const body = JSON.stringify({ a: 1, b: 2 });
const json = { "content-type": "application/json" };
const expected = [
  ["attic", { sum: 3 }],
  ["away", "unavailable"],
  ["barn", { sum: 3 }],
  ["cellar", { sum: 3 }],
];

test("plain curl gets one JSON array, and each other form when it asks for it", async () => {
  const plain = await fetchFrom(attic, add, { method: "POST", body, headers: { ...json, accept: "*/*" } });
  expect([plain.status, plain.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(short((await plain.json()) as Item[])).toEqual(expected);
  const lines = await fetchFrom(attic, add, {
    method: "POST",
    body,
    headers: { ...json, accept: "application/x-ndjson" },
  });
  // An empty line is a sign of life.
  const text = (await lines.text()).split("\n").filter((line) => line !== "");
  expect(short(text.map((line) => JSON.parse(line)))).toEqual(expected);
  const events = await fetchFrom(attic, add, {
    method: "POST",
    body,
    headers: { ...json, accept: "text/event-stream" },
  });
  const frames = (await events.text()).split("\n\n").filter((frame) => frame.startsWith("event: item"));
  expect(short(frames.map((frame) => JSON.parse(frame.split("data: ")[1] ?? "")))).toEqual(expected);
  const read = await fetchFrom(attic, "/v1/sample/echo?text=hi&node=gpu%3Dtrue");
  expect(((await read.json()) as Item[]).map(({ node }) => node).toSorted()).toEqual(["barn", "cellar"]);
});

test("over HTTP one node answers as this one would, and errors keep their status", async () => {
  const one = await fetchFrom(attic, "/v1/sample/add?node=barn", { method: "POST", body, headers: json });
  expect([one.status, await one.json()]).toEqual([200, { sum: 3 }]);
  const part = await fetchFrom(attic, "/v1/sample/file?sizeBytes=100000&node=barn", {
    headers: { range: "bytes=250-259" },
  });
  expect(part.status).toBe(206);
  expect([...new Uint8Array(await part.arrayBuffer())]).toEqual([250, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (const [node, status] of [
    ["nowhere", 404],
    ["away", 503],
    ["a b", 400],
  ] as const) {
    const response = await fetchFrom(attic, `/v1/sample/echo?text=x&node=${encodeURIComponent(node)}`);
    expect([node, response.status]).toEqual([node, status]);
    await response.body?.cancel();
  }
});

const linesOf = ({ out }: Terminal) => out.trim().split("\n").toSorted();

test("at the command line each line begins with its node, and the exit code is the first that is not 0", async () => {
  const fine = await operone(attic, ["sample", "add", "1", "2", "--node", "gpu=true"]);
  expect([fine.exit, linesOf(fine), fine.err]).toEqual([0, ["barn: 3", "cellar: 3"], ""]);
  const all = await operone(attic, ["sample", "add", "1", "2", "--node", "all"]);
  expect([all.exit, linesOf(all)]).toEqual([15, ["attic: 3", "barn: 3", "cellar: 3"]]);
  expect(all.err).toMatch(/^away: .*unavailable/);
  const command = [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "gpu=true",
    "--",
    "sh",
    "-c",
    "cat; echo done",
  ];
  // Nothing of this terminal's stdin goes to many, so nobody waits for it.
  const everywhere = await operone(attic, command);
  expect([everywhere.exit, linesOf(everywhere)]).toEqual([0, ["barn: done", "cellar: done"]]);
  const one = await operone(attic, [
    "shell",
    "run",
    "--profile",
    "unconfined",
    "--node",
    "barn",
    "--",
    "sh",
    "-c",
    "echo hi; exit 3",
  ]);
  expect([one.exit, one.out]).toEqual([3, "hi\n"]);
  const exits = await operone(attic, ["sample", "add", "1", "1", "--node", "gpu=true"]);
  expect(exits.exit).toBe(2);
});

test("the command line gives the items of many as JSON lines", async () => {
  const { exit, out } = await operone(attic, ["sample", "count", "2", "--node", "gpu=true", "--json"]);
  const items = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Item);
  expect([exit, items.length, new Set(items.map(({ node }) => node))]).toEqual([
    0,
    4,
    new Set(["barn", "cellar"]),
  ]);
  const away = await operone(attic, ["sample", "add", "1", "2", "--node", "gpu=old", "--json"]);
  expect([away.exit, (JSON.parse(away.out) as Item).error?.code]).toEqual([15, "unavailable"]);
});
