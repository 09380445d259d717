/** What there is to see of the mesh from this node. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { ActiveMesh } from "./active-mesh.ts";
import { ownAddresses } from "./port-probe.ts";
import { renderEvent, renderMesh, renderNodes, renderPings } from "./render.ts";
import type { KnownNode } from "./router.ts";
import { EventOut, MeshOut, NodeOut, PeerRef, PingOut } from "./shapes.ts";
import type { NetworkingState } from "./state.ts";

const op = operationsOf<NetworkingState>("networking");
const needs = ["networking.observe"];
const nothing = v.strictObject({});

const mesh = op({
  name: "mesh",
  audited: false,
  summary: "Show the mesh that this node is in, and where it listens",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: nothing,
  output: MeshOut,
  cli: { alias: ["mesh"], render: renderMesh },
  examples: [{ input: {} }],
  async run(state) {
    const { networking, names } = await state();
    const { active } = networking;
    const name = names.name();
    if (active === undefined)
      return { state: "none" as const, name, addresses: [], members: 0, connected: 0 };
    const { roster } = active.ledger;
    const role = roster.role(active.peerId);
    const nodes = active.nodes();
    return {
      state: role === "removed" ? ("removed" as const) : ("member" as const),
      meshId: active.meshId,
      name,
      peerId: active.peerId,
      ...(role === undefined || role === "removed" ? {} : { role }),
      cap: active.cap,
      addresses: [...active.transport.addresses()],
      members: nodes.length,
      connected: nodes.filter(({ connected, self }) => connected && !self).length,
    };
  },
});

const nodes = op({
  name: "nodes",
  audited: false,
  summary: "List the nodes of the mesh: name, role, address, round trip, version, last seen",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: nothing,
  output: v.strictObject({ nodes: v.array(NodeOut) }),
  cli: { alias: ["nodes"], render: renderNodes },
  examples: [{ input: {} }],
  async run(state) {
    const { networking, version } = await state();
    const { active } = networking;
    if (active === undefined) return { nodes: [] };
    return { nodes: active.nodes().map((node) => nodeOut(active, node, version)) };
  },
});

function nodeOut(active: ActiveMesh, node: KnownNode, version: string): NodeOut {
  const { peerId, name, self, connected, roundTripMs, labels } = node;
  const role = active.ledger.roster.role(peerId);
  const facts = active.ledger.factsOf(peerId);
  const { link, lastSeenAtMs, failure } = active.peers.state(peerId);
  return {
    peerId,
    self,
    role: role === undefined || role === "removed" ? "observer" : role,
    state: self ? "self" : connected ? "connected" : "away",
    labels: { ...labels },
    addresses: [...(facts?.addresses ?? [])],
    ...present({
      name,
      cap: self ? undefined : active.capOf(peerId),
      address: link?.remoteAddress,
      direct: link === undefined ? undefined : true,
      encryption: link?.encryption,
      roundTripMs: roundTripMs === undefined ? undefined : Math.round(roundTripMs * 1_000) / 1_000,
      version: self ? version : facts?.version,
      lastSeenAtMs,
      reason: failure?.reason,
    }),
  };
}

/** Without the keys whose value is undefined. */
function present<T extends Readonly<Record<string, unknown>>>(
  all: T,
): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

const ping = op({
  name: "ping",
  summary: "Measure the round trip to a node, or to all others; connects if there is no link",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh", "mcp"],
  gives: "items",
  input: v.strictObject({
    peer: v.optional(v.pipe(PeerRef, v.description("Name or peer id; absent: every other node"))),
  }),
  output: PingOut,
  errors: ["not_found", "conflict", "unavailable"],
  cli: { alias: ["ping"], positional: ["peer"], render: renderPings, exit: exitOfPing },
  run: async function* (state, { peer }, { signal }) {
    const active = (await state()).networking.mesh();
    const others = active.nodes().filter(({ self }) => !self);
    const wanted = peer === undefined ? others : [active.find(peer)];
    for (const node of wanted) yield await pinged(active, node, signal);
  },
});

async function pinged(
  active: ActiveMesh,
  { peerId, name, self }: KnownNode,
  signal: AbortSignal,
): Promise<PingOut> {
  const named = { peerId, ...(name === undefined ? {} : { name }) };
  if (self) return { ...named, roundTripMs: 0 };
  try {
    const roundTripMs = await active.peers.ping(peerId, signal);
    return { ...named, roundTripMs: Math.round(roundTripMs * 1_000) / 1_000 };
  } catch (error) {
    if (signal.aborted || !(error instanceof OperoneError)) throw error;
    return { ...named, error: error.message };
  }
}

function exitOfPing({ error }: PingOut): number | undefined {
  return error === undefined ? undefined : 1;
}

const events = op({
  name: "events",
  summary: "Follow what happens in the mesh: nodes that join, connect, disconnect, are renamed or removed",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  gives: "items",
  input: nothing,
  output: EventOut,
  errors: ["limited"],
  cli: { alias: ["events"], render: renderEvent },
  run: async function* (state, _input, { signal, sharedBy }) {
    const { networking } = await state();
    for await (const { name, role, words, ...event } of networking.events.follow(signal, sharedBy)) {
      yield { ...event, ...present({ name, role, words: words === undefined ? words : [...words] }) };
    }
  },
});

const hello = op({
  name: "hello",
  audited: false,
  summary: "Say this node's time, for another node that compares clocks",
  effect: "read",
  needs,
  surfaces: ["mesh"],
  input: nothing,
  output: v.strictObject({ nowMs: v.number() }),
  examples: [{ input: {} }],
  run: async (state) => ({ nowMs: (await state()).clock.nowMs() }),
});

const probeTimeoutMs = 2_000;

const probe = op({
  name: "probe",
  audited: false,
  summary: "Try from here whether the asking node's own addresses can be reached",
  description:
    "Only addresses that the asking node has signed as its own are tried, where its connection comes from, on ports from 1024 on, once a minute. Nothing is sent to them.",
  effect: "read",
  needs,
  surfaces: ["mesh"],
  input: nothing,
  output: v.strictObject({ reachable: v.array(v.string()), unreachable: v.array(v.string()) }),
  errors: ["conflict", "limited"],
  async run(state, _input, { caller }) {
    const { networking, probe: answers } = await state();
    const [peerId = ""] = caller.id.split("/");
    const mesh = networking.mesh();
    mesh.probes.assertMay(peerId);
    const told = mesh.ledger.factsOf(peerId)?.addresses ?? [];
    const addresses = ownAddresses(told, mesh.peers.state(peerId).link?.remoteAddress);
    const all = await Promise.all(addresses.map((address) => answers(address, probeTimeoutMs)));
    return {
      reachable: addresses.filter((_, at) => all[at] === true),
      unreachable: addresses.filter((_, at) => all[at] !== true),
    };
  },
});

export const nodeOperations = [mesh, nodes, ping, events, hello, probe];
