/** How nodes come into a mesh, change in it and leave it, by the operations that people use. Over a network in memory. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { operone } from "./doorways.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  type MeshNodeOptions,
  refusalOf,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);
afterEach(removeMeshNodes);

function memory() {
  const network = new MemoryNetwork({ clock: systemClock(), log: simulatedLog() });
  const transports: MakeTransport = () => async (key, options) => network.transport(key, options);
  const start = (name: string, options: Partial<MeshNodeOptions> = {}) =>
    startMeshNode({ name, transports, ...options });
  return { network, start };
}

async function pair(): Promise<readonly [MeshNode, MeshNode]> {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joinMesh(a, b);
  await connected(a, b);
  return [a, b];
}

interface Invited {
  readonly code: string;
  readonly invite: { readonly id: string };
  readonly recoveryPhrase?: string;
}
const invite = async (node: MeshNode, input: object = {}) =>
  (await node.given("networking.invite", { qr: false, ...input })) as Invited;

test("the first invite makes the mesh and shows the phrase once; the code works once", async () => {
  const { start } = memory();
  const [a, b, c] = await Promise.all([start("attic"), start("barn"), start("cellar")]);
  expect(await a.given("networking.mesh")).toMatchObject({ state: "none", members: 0 });
  expect(await a.given("networking.nodes")).toEqual({ nodes: [] });
  const first = await invite(a);
  expect(first.recoveryPhrase?.split(" ")).toHaveLength(24);
  expect((await invite(a)).recoveryPhrase).toBeUndefined();
  expect(await a.given("networking.mesh")).toMatchObject({
    state: "member",
    role: "admin",
    cap: "observer",
    members: 1,
  });
  const steps = (await b.given("networking.join", { code: first.code })) as { step: string }[];
  expect(steps.map(({ step }) => step)).toContain("words");
  expect(steps.at(-1)).toMatchObject({ step: "joined", role: "operator" });
  await connected(a, b);
  expect((await c.refused("networking.join", { code: first.code })).code).toBe("forbidden");
  expect(await b.given("networking.mesh")).toMatchObject({ role: "operator", members: 2, connected: 1 });
  const { invites } = (await a.given("networking.invites")) as {
    invites: { state: string; usedBy?: string }[];
  };
  expect(invites.filter(({ usedBy }) => usedBy === b.mesh().peerId)).toHaveLength(1);
  const { nodes } = (await a.given("networking.nodes")) as { nodes: object[] };
  expect(nodes).toContainEqual(
    expect.objectContaining({
      name: "barn",
      state: "connected",
      role: "operator",
      cap: "observer",
      direct: true,
    }),
  );
});

test("only an admin lets others in or changes them, and the refusal names an admin", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joinMesh(a, b, { role: "operator" });
  await connected(a, b);
  for (const [operation, input] of [
    ["networking.invite", { qr: false }],
    ["networking.role", { peer: "barn", role: "admin" }],
    ["networking.remove", { peer: "attic" }],
  ] as const) {
    const { code, message } = await b.refused(operation, input);
    expect([operation, code]).toEqual([operation, "forbidden"]);
    expect(message).toContain("attic");
  }
  expect((await a.refused("networking.remove", { peer: "attic" })).code).toBe("invalid_input");
  expect((await a.refused("networking.remove", { peer: "bern" })).message).toContain('did you mean "barn"?');
  // Not by another node either, even an admin: these are not on the mesh.
  expect((await a.refused("networking.invite", {}, { node: "barn" })).code).toBe("invalid_input");
});

test("a node in a mesh joins no other, and a wrong code leaves the way open for the right one", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  for (const code of ["nonsense", "operone1", ""])
    expect((await b.refused("networking.join", { code })).code).toBe("invalid_input");
  for (const operation of ["networking.confirm", "networking.invite-revoke", "networking.leave"] as const)
    expect(["conflict", "not_found", "invalid_input"]).toContain(
      (await b.refused(operation, { id: "x" })).code,
    );
  expect((await b.refused("networking.leave")).code).toBe("conflict");
  expect((await b.refused("networking.reject", { id: "x" })).code).toBe("not_found");
  await joinMesh(a, b);
  expect((await b.refused("networking.join", { code: (await invite(a)).code })).code).toBe("conflict");
});

test("a machine that waits for a yes is seen on both sides, and is confirmed", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const { code } = await invite(a, { confirm: true });
  const joining = b.given("networking.join", { code });
  const pending = async (node: MeshNode) =>
    (
      (await node.given("networking.pending")) as {
        pending: { id: string; direction: string; words: string[] }[];
      }
    ).pending;
  await until(
    async () =>
      (await pending(a))[0]?.words.length !== undefined && (await pending(a))[0]?.words.length !== 0,
  );
  await until(async () => ((await pending(b))[0]?.words.length ?? 0) > 0);
  const [[inward], [outward]] = [await pending(a), await pending(b)];
  expect([inward?.direction, outward?.direction]).toEqual(["in", "out"]);
  expect(inward?.words).toEqual(outward?.words ?? []);
  expect((await b.refused("networking.join", { code })).code).toBe("conflict");
  await a.given("networking.confirm", { id: inward?.id });
  await joining;
  await connected(a, b);
  expect(await pending(a)).toEqual([]);
});

test("either side can turn a waiting enrolment away", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const waiting = async (node: MeshNode) => {
    let id: string | undefined;
    await until(async () => {
      const { pending } = (await node.given("networking.pending")) as {
        pending: { id: string; active: boolean; words: string[] }[];
      };
      id = pending.find(({ active, words }) => active && words.length > 0)?.id;
      return id !== undefined;
    });
    return id;
  };
  const first = refusalOf(b.given("networking.join", { code: (await invite(a, { confirm: true })).code }));
  await a.given("networking.reject", { id: await waiting(a) });
  expect((await first).code).toBe("forbidden");
  const second = refusalOf(b.given("networking.join", { code: (await invite(a, { confirm: true })).code }));
  await b.given("networking.reject", { id: await waiting(b) });
  expect((await second).code).toBe("cancelled");
  expect(b.networking.active).toBeUndefined();
  await joinMesh(a, b);
});

test("a revoked invite lets nobody in, and one must end within a day", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const made = await invite(a);
  expect(await a.given("networking.invite-revoke", { id: made.invite.id })).toMatchObject({
    state: "revoked",
  });
  expect(["forbidden", "unavailable"]).toContain(
    (await b.refused("networking.join", { code: made.code })).code,
  );
  expect((await a.refused("networking.invite", { expiresIn: "never" })).code).toBe("invalid_input");
  expect((await a.refused("networking.invite", { expiresIn: "25h" })).code).toBe("invalid_input");
});

test("a node that stops while it joins does not hang", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  const joining = refusalOf(b.given("networking.join", { code: (await invite(a, { confirm: true })).code }));
  await until(() => (b.networking.joining?.pending().length ?? 0) > 0);
  await b.stop();
  expect((await joining).code).toBe("unavailable");
});

test("what happens is told to whoever follows, and a new name reaches the others", async () => {
  const [a, b] = await pair();
  const events: { event: string; name?: string }[] = [];
  const stop = new AbortController();
  const answer = await a.call("networking.events", {}, { signal: stop.signal });
  const following = (async () => {
    if (answer.gives === "items") for await (const item of answer.items) events.push(item as never);
  })().catch(() => {});
  await b.given("networking.rename", { name: "byre" });
  await until(() => events.some(({ event, name }) => event === "renamed" && name === "byre"));
  expect(await a.given("sample.add", { a: 1, b: 2 }, { node: "byre" })).toEqual({ sum: 3 });
  expect((await a.refused("sample.add", { a: 1, b: 2 }, { node: "barn" })).code).toBe("not_found");
  await a.given("networking.role", { peer: "byre", role: "operator" });
  await until(() => events.some(({ event }) => event === "role"));
  await a.given("networking.remove", { peer: "byre" });
  await until(() => events.some(({ event }) => event === "removed"));
  await until(() => events.some(({ event }) => event === "disconnected"));
  stop.abort();
  await following;
  expect(await b.given("networking.mesh")).toMatchObject({ cap: "admin" });
});

test("a name that two nodes have means neither of them, this one included", async () => {
  const [a, b] = await pair();
  await b.given("networking.rename", { name: "attic" });
  await until(
    () =>
      a
        .mesh()
        .nodes()
        .filter(({ name }) => name === "attic").length === 2,
  );
  const { code, details } = await a.refused("gauge.count", {}, { node: "attic" });
  expect([code, details?.peerIds]).toEqual(["conflict", [a.mesh().peerId, b.mesh().peerId].toSorted()]);
  expect([a.gauge.ran, b.gauge.ran]).toEqual([[], []]);
  expect(await a.given("gauge.count", {}, { node: b.mesh().peerId })).toBe(1);
  expect(await a.given("gauge.count", {}, { node: a.mesh().peerId })).toBe(1);
  expect(await a.given("gauge.count", {}, { node: "self" })).toBe(2);
  const all = (await a.given("sample.add", { a: 1, b: 2 }, { node: "all" })) as { node: string }[];
  expect(all.map(({ node }) => node).toSorted()).toEqual([a.mesh().peerId, b.mesh().peerId].toSorted());
});

test("ping measures each other node, and says why one does not answer", async () => {
  const [a, b] = await pair();
  const pings = (await a.given("networking.ping")) as { name: string; roundTripMs?: number }[];
  expect(pings).toMatchObject([{ name: "barn", roundTripMs: expect.any(Number) }]);
  expect(await a.given("networking.ping", { peer: "attic" })).toMatchObject([{ roundTripMs: 0 }]);
  expect((await a.refused("networking.ping", { peer: "nowhere" })).code).toBe("not_found");
  await b.stop();
  await until(
    () =>
      !a
        .mesh()
        .nodes()
        .some(({ self, connected }) => !self && connected),
  );
  const [gone] = (await a.given("networking.ping", { peer: "barn" })) as { error?: string }[];
  expect(gone?.error).toContain("cannot be reached");
  const terminal = await operone(a, ["ping"]);
  expect([terminal.exit, terminal.err.startsWith("barn (12D3")]).toEqual([1, true]);
});

test("a node that starts again is in its mesh again, and is found at its new address", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joinMesh(a, b);
  await connected(a, b);
  const before = b.mesh().transport.addresses();
  await b.stop();
  const again = await start("barn", { directory: b.directory });
  await connected(a, again);
  expect(again.mesh().transport.addresses()).not.toEqual(before);
  await until(
    () =>
      a.mesh().ledger.factsOf(again.mesh().peerId)?.addresses[0] === again.mesh().transport.addresses()[0],
  );
  expect(await a.given("sample.add", { a: 1, b: 2 }, { node: "barn" })).toEqual({ sum: 3 });
  expect(await again.given("node.status", {}, { node: "attic" })).toMatchObject({ name: "attic" });
});

test("whoever leaves forgets the mesh and its key, and can join again as another", async () => {
  const [a, b] = await pair();
  const { peerId } = b.mesh();
  expect(await b.given("networking.leave")).toEqual({ meshId: a.mesh().meshId, peerId });
  expect(await b.given("networking.mesh")).toMatchObject({ state: "none" });
  expect((await b.refused("sample.add", { a: 1, b: 2 }, { node: "attic" })).code).toBe("unavailable");
  await joinMesh(a, b);
  expect(b.mesh().peerId).not.toBe(peerId);
  await a.given("networking.remove", { peer: peerId });
  await connected(a, b);
});

test("a mesh whose node cannot listen is not made, and the next try makes it", async () => {
  const { network } = memory();
  let fail = true;
  const a = await startMeshNode({
    name: "attic",
    transports: () => async (key, options) => {
      if (fail) throw new Error("the port is taken");
      return network.transport(key, options);
    },
  });
  await expect(invite(a)).rejects.toThrow();
  expect(a.networking.active).toBeUndefined();
  fail = false;
  expect((await invite(a)).recoveryPhrase).toBeDefined();
});

test("a call for another node that comes before the mesh is up waits for it", async () => {
  const { start } = memory();
  const [a, b] = await Promise.all([start("attic"), start("barn")]);
  await joinMesh(a, b);
  await connected(a, b);
  await a.stop();
  const again = await start("attic", { directory: a.directory });
  await until(() =>
    b
      .mesh()
      .nodes()
      .every(({ connected: linked }) => linked),
  );
  expect(await again.given("sample.add", { a: 1, b: 2 }, { node: "barn" })).toEqual({ sum: 3 });
  rmSync(join(again.directory, "networking"), { recursive: true, force: true });
});

test("the diagnosis tells of links, ports, clocks and whether others can connect", async () => {
  const [a, b] = await pair();
  const doctor = async (node: MeshNode) => {
    const { checks } = (await node.given("node.doctor")) as {
      checks: { name: string; verdict: string; found: string }[];
    };
    return Object.fromEntries(
      checks
        .filter(({ name }) => name.startsWith("mesh"))
        .map(({ name, verdict, found }) => [name, `${verdict}: ${found}`]),
    );
  };
  const lone = await memory().start("lone");
  for (const found of Object.values(await doctor(lone))) expect(found).toStartWith("ok: ");
  expect(await doctor(a)).toMatchObject({
    mesh: "ok: 1 of 1 other nodes are connected",
    "mesh port": expect.stringContaining("listens on /ip4/10."),
    "mesh clocks": "ok: 1 other nodes were asked; no clock is off",
    "mesh audits": "ok: no node's audit has become shorter",
    "mesh reach": expect.stringMatching(/^(ok: barn can|warning: barn cannot) connect to this node/),
  });
  await b.stop();
  await until(
    () =>
      !a
        .mesh()
        .nodes()
        .some(({ self, connected: linked }) => !self && linked),
  );
  expect((await doctor(a)).mesh).toBe("warning: none of the 1 other nodes is connected: barn");
});
