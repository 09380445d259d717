/** What people see and are kept from when machines come, go and change. Over a network in memory. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  connected,
  type MeshNode,
  type MeshNodeOptions,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);
afterEach(removeMeshNodes);

function memory(clock: Clock = systemClock()) {
  const network = new MemoryNetwork({ clock, log: simulatedLog() });
  const transports: MakeTransport = () => async (key, options) => network.transport(key, options);
  const start = (name: string, options: Partial<MeshNodeOptions> = {}) =>
    startMeshNode({ name, transports, ...options });
  return { start };
}

const invite = async (node: MeshNode, input: object = {}) =>
  (await node.given("networking.invite", { qr: false, ...input })) as { readonly code: string };

async function joined(a: MeshNode, b: MeshNode, role = "operator"): Promise<void> {
  await b.given("networking.join", { code: (await invite(a, { role })).code });
  await connected(a, b);
}

async function pair(role?: string): Promise<readonly [MeshNode, MeshNode]> {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joined(a, b, role);
  return [a, b];
}

interface Pending {
  readonly id: string;
  readonly words: readonly string[];
}
const pendingOf = async (node: MeshNode) =>
  ((await node.given("networking.pending")) as { readonly pending: readonly Pending[] }).pending;

test("a person may take their time: the id and the words stay, on both sides, until the answer", async () => {
  const clock = simulatedClock();
  const { start } = memory(clock);
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { code } = await invite(a, { confirm: true });
  const joining = b.given("networking.join", { code });
  for (const node of [a, b]) await until(async () => ((await pendingOf(node))[0]?.words.length ?? 0) > 0);
  const before = [(await pendingOf(a))[0], (await pendingOf(b))[0]];
  for (let minute = 0; minute < 5; minute++) {
    for (let second = 0; second < 60; second += 5) await clock.advance(5_000);
    const now = [(await pendingOf(a))[0], (await pendingOf(b))[0]];
    expect(now.map((one) => [one?.id, one?.words])).toEqual(before.map((one) => [one?.id, one?.words]));
  }
  await a.given("networking.confirm", { id: before[0]?.id });
  const steps = (await joining) as { step: string }[];
  expect(steps.map(({ step }) => step)).not.toContain("retrying");
  expect(steps.at(-1)).toMatchObject({ step: "joined" });
});

test("the inviting node shows who used an invite with the same words, and its log and events say so", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { code } = await invite(a);
  const following = new AbortController();
  const events = a.networking.events.follow(following.signal);
  const first = events.next();
  const steps = (await b.given("networking.join", { code })) as { step: string; words?: string[] }[];
  const words = steps.find(({ step }) => step === "words")?.words ?? [];
  expect(words).toHaveLength(4);
  const { invites } = (await a.given("networking.invites")) as { invites: object[] };
  expect(invites).toEqual([
    expect.objectContaining({ state: "used", usedBy: b.mesh().peerId, usedByName: "barn", words }),
  ]);
  expect((await first).value).toMatchObject({ event: "joined", name: "barn", words });
  following.abort();
  const line = a.log.entries.find(({ message }) => message.includes("joined the mesh"));
  expect(line?.fields).toMatchObject({ node: "barn", peer: b.mesh().peerId, words: words.join(" ") });
  await connected(a, b);
  await a.given("networking.role", { peer: "barn", role: "observer" });
  await a.given("networking.remove", { peer: "barn" });
  for (const part of ["another role", "was removed"])
    expect(a.log.entries.find(({ message }) => message.includes(part))?.fields).toMatchObject({
      node: "barn",
    });
});

test("the last admin neither leaves nor steps down by accident, and then the way back is named", async () => {
  const [a, b] = await pair("operator");
  for (const [operation, input] of [
    ["networking.leave", {}],
    ["networking.role", { peer: "attic", role: "operator" }],
  ] as const) {
    const refused = await a.refused(operation, input);
    expect([refused.code, refused.message]).toEqual(["conflict", expect.stringMatching(/recover.*--force/)]);
  }
  expect(await a.given("networking.mesh")).toMatchObject({ role: "admin" });
  await a.given("networking.role", { peer: "attic", role: "operator", force: true });
  const stuck = await b.refused("networking.invite", {});
  expect(stuck.message).toContain("operone recover");
  expect(stuck.message).not.toContain("one of:");
});

test("an admin beside another one steps down, and the only node of a mesh leaves, without a question", async () => {
  const { start } = memory();
  const [a, b, c] = await Promise.all([start("attic"), start("barn"), start("cellar")]);
  await joined(a, b);
  await a.given("networking.role", { peer: "barn", role: "admin" });
  await a.given("networking.role", { peer: "attic", role: "operator" });
  await invite(c);
  await c.given("networking.leave", {});
  expect(c.networking.active).toBeUndefined();
});

test("a node that stops and comes back, or leaves, is a line with its name and no warning", async () => {
  // Over libp2p, where the channels of a node that stops end before its connections do.
  const start = (name: string, directory?: string) =>
    startMeshNode(directory === undefined ? { name } : { name, directory });
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joined(a, b);
  await b.stop();
  const away = () => a.log.entries.filter(({ message }) => message === "A node is no longer connected");
  await until(() => away().length > 0);
  const again = await start("barn", b.directory);
  await connected(a, again);
  await again.given("networking.leave");
  await until(() => away().length > 1);
  expect(away().map(({ fields }) => fields.node)).toEqual(["barn", "barn"]);
  const warned = [...a.log.entries, ...again.log.entries].filter(({ level }) => level === "warn");
  expect(warned.map(({ message }) => message)).toEqual([]);
});

test("a name that another node has is warned of when one joins and when one is renamed", async () => {
  const { start } = memory();
  const [a, b, twin] = await Promise.all([start("attic"), start("barn"), start("barn")]);
  await joined(a, b);
  const steps = (await twin.given("networking.join", { code: (await invite(a)).code })) as object[];
  expect(steps.at(-1)).toMatchObject({ step: "joined", warning: expect.stringContaining(b.mesh().peerId) });
  expect(await twin.given("networking.rename", { name: "attic" })).toMatchObject({
    warning: expect.stringContaining("attic"),
  });
  expect(await twin.given("networking.rename", { name: "cellar" })).toEqual({ name: "cellar" });
});

test("in no mesh any and all mean this node, and labels choose it or nothing", async () => {
  const a = await memory().start("attic", { labels: { gpu: "true" } });
  const answers = await a.given("node.version", {}, { node: "all" });
  expect(answers).toEqual([{ node: "attic", value: expect.anything() }]);
  expect(await a.given("node.version", {}, { node: "gpu=true" })).toHaveLength(1);
  for (const node of ["any", "any:gpu=true", "self", "attic"])
    expect(await a.given("node.version", {}, { node })).toHaveProperty("version");
  expect((await a.refused("node.version", {}, { node: "gpu=no" })).code).toBe("not_found");
  expect((await a.refused("node.version", {}, { node: "pi" })).message).toContain("in no mesh");
});

test("a limit of one node is taken back, so that it may be what all may be", async () => {
  const [a, b] = await pair();
  const { peerId } = b.mesh();
  await a.given("networking.allow", { role: "admin", peer: "barn" });
  expect(a.mesh().capOf(peerId)).toBe("admin");
  expect(await a.given("networking.allow", { role: "default", peer: "barn" })).toEqual({
    role: "observer",
    peerId,
    isDefault: true,
  });
  expect([a.mesh().capOf(peerId), a.mesh().hasOwnCap(peerId)]).toEqual(["observer", false]);
  expect((await a.refused("networking.allow", { role: "default" })).code).toBe("invalid_input");
});

test("a node that comes after another of its name is called so only when the owner says it, not with a limit taken back", async () => {
  const [a, b] = await pair();
  await until(() => a.mesh().names.namesOf(b.mesh().peerId).includes("barn"));
  await a.given("networking.remove", { peer: "barn" });
  await b.given("networking.leave");
  await joined(a, b);
  const peer = b.mesh().peerId;
  await until(() => a.mesh().named("barn").length === 1);
  const code = async () => (await a.refused("networking.allow", { role: "operator", peer: "barn" })).code;
  expect(await code()).toBe("conflict");
  await a.given("networking.allow", { role: "default", peer });
  expect(await code()).toBe("conflict");
  await a.given("networking.allow", { role: "operator", peer });
  expect(await a.given("networking.allow", { role: "observer", peer: "barn" })).toMatchObject({
    peerId: peer,
  });
});
