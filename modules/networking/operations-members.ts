/** Who is what in the mesh and on this node. Only the owner changes it; over the roster, only the owner of an admin node. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { peerIdOf } from "./lookup.ts";
import { renderAllowed } from "./render.ts";
import { NodeName, PeerRef, RoleName } from "./shapes.ts";
import type { NetworkingState } from "./state.ts";

const op = operationsOf<NetworkingState>("networking");
const needs = ["access.admin"];
const peer = v.pipe(PeerRef, v.description("Name or peer id of the node"));
const Member = v.strictObject({ peerId: v.string(), role: v.optional(RoleName) });

const role = op({
  name: "role",
  summary: "Change what a node may be in the mesh",
  effect: "write",
  needs,
  input: v.strictObject({
    peer,
    role: v.pipe(RoleName, v.description("What it may be from now on")),
  }),
  output: Member,
  errors: ["forbidden", "not_found", "conflict", "limited"],
  cli: { alias: ["role"], positional: ["peer", "role"] },
  async run(state, { peer: ref, role: wanted }) {
    const { networking } = await state();
    const peerId = peerIdOf(networking.mesh().nodes(), ref);
    await networking.setRole(peerId, wanted);
    return { peerId, role: wanted };
  },
});

const remove = op({
  name: "remove",
  summary: "Take a node out of the mesh, for good: its key never comes back",
  description:
    "It acts on each node as soon as that is in contact with one that knows. The machine itself keeps its files and can join again with a new key.",
  effect: "destroy",
  needs,
  input: v.strictObject({ peer }),
  output: Member,
  errors: ["forbidden", "not_found", "conflict", "limited"],
  cli: { alias: ["remove"], positional: ["peer"] },
  async run(state, { peer: ref }) {
    const { networking } = await state();
    const peerId = peerIdOf(networking.mesh().nodes(), ref);
    await networking.setRole(peerId, "removed");
    return { peerId };
  },
});

const allow = op({
  name: "allow",
  summary: "Say what other nodes may be on this node at most, whatever they are in the mesh",
  description:
    "An admin node that may be admin here is as good as this node's owner: its owner can run anything here.",
  effect: "write",
  needs,
  input: v.strictObject({
    role: v.pipe(RoleName, v.description("The most that they may be")),
    peer: v.optional(
      v.pipe(PeerRef, v.description("Only this node; absent: all that have no limit of their own")),
    ),
  }),
  output: v.strictObject({ role: RoleName, peerId: v.optional(v.string()) }),
  errors: ["not_found", "conflict"],
  cli: { alias: ["allow"], positional: ["role", "peer"], render: renderAllowed },
  async run(state, { role: cap, peer: ref }) {
    const mesh = (await state()).networking.mesh();
    const peerId = ref === undefined ? undefined : peerIdOf(mesh.nodes(), ref);
    if (peerId === mesh.peerId)
      throw new OperoneError("invalid_input", "This node needs no leave of its own");
    mesh.setCap(cap, peerId);
    return { role: cap, ...(peerId === undefined ? {} : { peerId }) };
  },
});

const rename = op({
  name: "rename",
  summary: "Give this node another name",
  effect: "write",
  needs,
  input: v.strictObject({
    name: v.pipe(NodeName, v.description("Unique in the mesh, if it is to be called by it")),
  }),
  output: v.strictObject({ name: v.string() }),
  errors: ["conflict"],
  cli: { alias: ["rename"], positional: ["name"] },
  async run(state, { name }) {
    await (await state()).networking.rename(name);
    return { name };
  },
});

const phraseBytesMax = 2_048;

const recover = op({
  name: "recover",
  summary: "Make this node an admin of its mesh with the recovery phrase, read from stdin",
  description:
    "For when no admin is left, or admins have removed each other. A node whose key was removed gets a new one.",
  effect: "destroy",
  needs,
  takes: "bytes",
  input: v.strictObject({}),
  output: v.strictObject({ peerId: v.string() }),
  errors: ["forbidden", "conflict", "too_large"],
  cli: { alias: ["recover"] },
  async run(state, _input, { bytes }) {
    const { networking } = await state();
    return await networking.recover(await phraseOf(bytes));
  },
});

async function phraseOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let sizeBytes = 0;
  for await (const chunk of bytes) {
    sizeBytes += chunk.length;
    if (sizeBytes > phraseBytesMax)
      throw new OperoneError("too_large", `A recovery phrase has less than ${phraseBytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

export const memberOperations = [role, remove, allow, rename, recover];
