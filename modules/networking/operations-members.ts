/** Who is what in the mesh and on this node. Only the owner changes it; over the roster, only the owner of an admin node. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { roleNames } from "../access/contract.ts";
import { renderAllowed, renderMember, renderRecovered, renderRenamed } from "./render-members.ts";
import { NodeName, PeerRef, RoleName } from "./shapes.ts";
import type { NetworkingState } from "./state.ts";

const op = operationsOf<NetworkingState>("networking");
const needs = ["access.admin"];
const peer = v.pipe(PeerRef, v.description("Name or peer id of the node"));
const Member = v.strictObject({
  peerId: v.string(),
  name: v.optional(v.string()),
  /** Absent: none any more. */
  role: v.optional(RoleName),
});

const role = op({
  name: "role",
  summary: "Change what a node may be in the mesh",
  effect: "write",
  needs,
  input: v.strictObject({
    peer,
    role: v.pipe(RoleName, v.description("What it may be from now on")),
    force: v.optional(
      v.pipe(v.boolean(), v.description("Also when no admin is left in the mesh then")),
      false,
    ),
  }),
  output: Member,
  errors: ["forbidden", "not_found", "conflict", "limited"],
  cli: { alias: ["role"], positional: ["peer", "role"], render: renderMember },
  async run(state, { peer: ref, role: wanted, force }) {
    const { networking } = await state();
    const { peerId, name } = networking.mesh().accept(ref);
    await networking.setRole(peerId, wanted, force);
    return { peerId, ...(name === undefined ? {} : { name }), role: wanted };
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
  cli: { alias: ["remove"], positional: ["peer"], render: renderMember },
  async run(state, { peer: ref }) {
    const { networking } = await state();
    const { peerId, name } = networking.mesh().find(ref);
    await networking.setRole(peerId, "removed");
    return { peerId, ...(name === undefined ? {} : { name }) };
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
    role: v.pipe(
      v.picklist([...roleNames, "default"]),
      v.description("The most that they may be; default takes a limit of one node's own back"),
    ),
    peer: v.optional(
      v.pipe(PeerRef, v.description("Only this node; absent: all that have no limit of their own")),
    ),
  }),
  output: v.strictObject({
    role: RoleName,
    peerId: v.optional(v.string()),
    /** The node has no limit of its own. */
    isDefault: v.optional(v.literal(true)),
  }),
  errors: ["not_found", "conflict"],
  cli: { alias: ["allow"], positional: ["role", "peer"], render: renderAllowed },
  async run(state, { role: cap, peer: ref }) {
    const mesh = (await state()).networking.mesh();
    // To take a limit back is no word for the node's name.
    const named = (of: string) => (cap === "default" ? mesh.find(of) : mesh.accept(of));
    const peerId = ref === undefined ? undefined : named(ref).peerId;
    if (peerId === mesh.peerId)
      throw new OperoneError("invalid_input", "This node needs no leave of its own");
    if (cap === "default") {
      if (peerId === undefined)
        throw new OperoneError(
          "invalid_input",
          '"default" takes back the limit of one node; name it, or say what all may be: observer, operator or admin',
        );
      mesh.setCap(undefined, peerId);
      return { role: mesh.cap, peerId, isDefault: true as const };
    }
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
  output: v.strictObject({
    name: v.string(),
    /** Another node has the name. */
    warning: v.optional(v.string()),
  }),
  errors: ["conflict"],
  cli: { alias: ["rename"], positional: ["name"], render: renderRenamed },
  async run(state, { name }) {
    const { networking } = await state();
    await networking.rename(name);
    return { name, ...(networking.active === undefined ? {} : networking.nameWarning()) };
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
  cli: { alias: ["recover"], render: renderRecovered },
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
