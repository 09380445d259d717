/** What a member that may only look can do to a node by what it says: nothing that outlasts a look. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MemoryNetwork } from "../../modules/networking/memory-transport.ts";
import type { MakeTransport } from "../../modules/networking/open.ts";
import type { Call } from "../../src/kernel/call.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  refusalOf,
  removeMeshNodes,
  startMeshNode,
  until,
} from "./mesh-node.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let admin: MeshNode;
let pi: MeshNode;
let guest: MeshNode;
beforeAll(async () => {
  const network = new MemoryNetwork({ clock: systemClock(), log: simulatedLog() });
  const transports: MakeTransport = () => async (key, options) => network.transport(key, options);
  const start = (name: string) => startMeshNode({ name, transports });
  [admin, pi, guest] = await Promise.all([start("admin"), start("pi"), start("guest")]);
  await joinMesh(admin, pi);
  await joinMesh(admin, guest, { role: "observer" });
  await connected(admin, pi, guest);
});
afterAll(removeMeshNodes);

/** Until `admin` knows the node by this name. */
async function rename(node: MeshNode, name: string): Promise<void> {
  await node.given("networking.rename", { name });
  const { peerId } = node.mesh();
  await until(() =>
    admin
      .mesh()
      .nodes()
      .some((one) => one.peerId === peerId && one.name === name),
  );
}

const nameOf = (work: Promise<unknown>) => work.then((value) => (value as { name: string }).name);

test("a name that another node had leads to nobody, by a token or by hand, until the owner gives the id", async () => {
  const grants = [{ permission: "gauge.use", scope: "*", nodes: ["pi"] }];
  const token = await admin.token({ name: "to-pi", grants });
  const send = (node: string) => admin.given("gauge.count", { text: "secret" }, { node, token });
  await send("pi");
  await rename(pi, "pi-four");
  await rename(guest, "pi");
  const id = guest.mesh().peerId;
  expect((await refusalOf(send("pi"))).code).toBe("conflict");
  expect((await refusalOf(send(id))).code).toBe("forbidden");
  for (const [operation, input] of [
    ["networking.allow", { role: "admin", peer: "pi" }],
    ["networking.role", { role: "admin", peer: "pi" }],
    ["networking.remove", { peer: "pi" }],
    ["networking.ping", { peer: "pi" }],
  ] as const) {
    const refused = await admin.refused(operation, input);
    expect([operation, refused.code, refused.message.includes(pi.mesh().peerId)]).toEqual([
      operation,
      "conflict",
      true,
    ]);
  }
  expect(guest.gauge.ran).toEqual([]);
  await admin.given("networking.allow", { role: "observer", peer: id });
  expect(await nameOf(admin.given("networking.mesh", {}, { node: "pi" }))).toBe("pi");
  await rename(guest, "guest");
  await rename(pi, "pi");
  await admin.given("networking.allow", { role: "observer", peer: pi.mesh().peerId });
  await send("pi");
});

test("a name that nobody has called yet is its first node's too", async () => {
  await rename(pi, "barn");
  await rename(pi, "pi");
  await rename(guest, "barn");
  expect((await admin.refused("networking.role", { role: "admin", peer: "barn" })).message).toContain(
    pi.mesh().peerId,
  );
  await rename(guest, "guest");
});

test("two nodes of one name are called by their ids alone, and no grant is for either", async () => {
  const grants = [{ permission: "gauge.use", scope: "*", nodes: ["pi"] }];
  const token = await admin.token({ name: "twins", grants });
  await rename(guest, "pi");
  for (const node of ["pi", guest.mesh().peerId, pi.mesh().peerId])
    expect((await admin.refused("gauge.count", {}, { node, token })).code).toMatch(/conflict|forbidden/);
  await rename(guest, "guest");
  await admin.given("gauge.count", {}, { node: "pi", token });
});

/** A call as it comes in from the guest, whoever its node says is calling. */
const arriving = (operation: string, more: Partial<Call>): Promise<unknown> => {
  const { peerId } = guest.mesh();
  return admin.kernel.view.call({
    surface: "mesh",
    operation,
    input: {},
    caller: { kind: "agent", id: `${peerId}/agent/1`, name: "x@guest" },
    sets: [],
    sharedBy: `mesh ${peerId}`,
    signal: new AbortController().signal,
    ...more,
  });
};
const asking = (permission: string) => [
  { holder: "guest", owner: false, grants: [{ permission, scope: "*", decision: "ask" as const }] },
];

test("made-up callers of one node ask for no more approvals than one caller, and leave room for others", async () => {
  const left = new AbortController();
  const sets = [
    {
      holder: "guest",
      owner: false,
      grants: [
        { permission: "gauge.use", scope: "*" as const, decision: "allow" as const },
        { permission: "gauge.wipe", scope: "*" as const, decision: "ask" as const },
      ],
    },
  ];
  const ask = (at: number, sharedBy: string) =>
    arriving("gauge.wipe", {
      sets,
      sharedBy,
      signal: left.signal,
      caller: { kind: "agent", id: `made-up ${at}`, name: "x" },
    }).catch((error) => error.code);
  const first = Array.from({ length: 16 }, (_, at) => ask(at, "mesh guest"));
  const waiting = async () =>
    ((await admin.given("access.approval-list")) as { approvals: unknown[] }).approvals.length;
  await until(async () => (await waiting()) === 16);
  expect(await ask(16, "mesh guest")).toBe("limited");
  const other = ask(17, "mesh pi");
  await until(async () => (await waiting()) === 17);
  left.abort();
  await Promise.all([...first, other]);
});

test("nobody here is asked for what another node only wants to read", async () => {
  const refused = await refusalOf(arriving("networking.nodes", { sets: asking("networking.observe") }));
  expect([refused.code, refused.message]).toEqual(["forbidden", expect.stringContaining("only reads")]);
});

test("looking again and again leaves no record for each look", async () => {
  const records = async () =>
    ((await admin.given("access.audit-list", { caller: guest.mesh().peerId, limit: 10_000 })) as unknown[])
      .length;
  const { peerId } = admin.mesh();
  for (let at = 0; at < 20; at++) await guest.given("networking.mesh", {}, { node: peerId });
  expect(await records()).toBe(0);
  await Promise.all(Array.from({ length: 200 }, () => guest.given("node.status", {}, { node: peerId })));
  expect(await records()).toBeLessThanOrEqual(120);
});

test("one node follows the events four times, and others still can", async () => {
  const stop = new AbortController();
  const { peerId } = admin.mesh();
  const follow = async (node: MeshNode) => {
    const answer = await node.call("networking.events", {}, { node: peerId, signal: stop.signal });
    if (answer.gives === "items") for await (const _ of answer.items) return "event";
    return "end";
  };
  const codes: string[] = [];
  const all = Array.from({ length: 6 }, () => follow(guest).catch((error) => void codes.push(error.code)));
  await until(() => codes.length === 2);
  expect(codes).toEqual(["limited", "limited"]);
  let seen = "";
  const other = follow(pi).then((what) => {
    seen = what;
  });
  // It may begin to follow a little later than it was asked to.
  for (let at = 0; seen === ""; at++) await rename(pi, `pi-${at}`);
  expect(seen).toBe("event");
  stop.abort();
  await Promise.all([...all, other]);
});
