/**
 * What travels with a call: who made it, and with which grants. The sender filters and attributes, the receiver
 * believes none of it to be more than the sending node itself may do here.
 *
 * At the receiver all of these must allow a call: the role of the sending node in the mesh, this node's own cap on
 * that role, and each carried grant set. Carried by nobody is allowed nothing.
 */
import * as v from "valibot";
import type { Caller, Grant, GrantSet, Permission } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { visible } from "../../src/kernel/plain-text.ts";
import type { RouteTarget } from "../../src/kernel/ports.ts";
import { type RoleName, roles } from "../access/contract.ts";

const textLengthMax = 256;
const setsMax = 8;
/** More than a token and its role can have together. */
const grantsPerSetMax = 256;
/** As JSON text. To read it all takes longer than most calls, and any member may send it with every call. */
export const claimsLengthMax = 64 * 1024;
/** This call, and one that it leads to on a third node. */
const hopsMax = 2;

const Text = v.pipe(v.string(), v.maxLength(textLengthMax));
const CarriedGrant = v.object({
  permission: Text,
  scope: v.optional(v.unknown()),
  decision: v.picklist(["allow", "ask", "deny"]),
  expiresAtMs: v.optional(v.number()),
});
const Claims = v.object({
  /** Of the sender's operone, for messages alone. */
  version: Text,
  caller: v.object({ kind: v.picklist(["owner", "token", "node", "agent"]), id: Text, name: Text }),
  sets: v.pipe(
    v.array(
      v.object({
        holder: Text,
        owner: v.boolean(),
        grants: v.pipe(v.array(CarriedGrant), v.maxLength(grantsPerSetMax)),
      }),
    ),
    v.maxLength(setsMax),
  ),
  hops: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(hopsMax)),
});
export type Claims = v.InferOutput<typeof Claims>;

/**
 * The claims of a call of this node, for that one: of each set only what is meant for it. Grants that were carried here
 * are for this node alone, so an onward call is allowed by sets of owners only.
 *
 * @param call with the nodes that it has come over before
 * @throws OperoneError `forbidden` for a call that has come over too many
 */
export function claimsFor(
  target: RouteTarget,
  {
    caller,
    sets,
    hops = 0,
  }: { readonly caller: Caller; readonly sets: readonly GrantSet[]; readonly hops?: number },
  version: string,
): Claims {
  if (hops >= hopsMax) {
    throw new OperoneError(
      "forbidden",
      `The call has come over ${hops} nodes, and goes over no more; ask a node that is nearer to ${target.peerId}`,
    );
  }
  return {
    version,
    caller: { kind: caller.kind, id: cut(caller.id), name: cut(caller.name) },
    sets: sets.map(({ holder, owner, grants }) => ({
      holder: cut(holder),
      owner,
      grants: grants.filter((grant) => isMeantFor(target, grant)).map(carried),
    })),
    hops: hops + 1,
  };
}

/** Grants without nodes, and those of `self`, are for the node that issued them: this one. */
function isMeantFor({ names, alsoDenied }: RouteTarget, { nodes, decision }: Grant): boolean {
  if (nodes === "*") return true;
  const means = (name: string) => names.has(name) || (decision === "deny" && alsoDenied?.has(name) === true);
  return nodes?.some((name) => name !== "self" && means(name)) === true;
}

function carried({
  permission,
  scope,
  decision,
  expiresAtMs,
}: Grant): Claims["sets"][number]["grants"][number] {
  return {
    permission,
    decision,
    ...(scope === undefined ? {} : { scope }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function cut(text: string): string {
  return text.slice(0, textLengthMax);
}

/** The sending node as the receiver knows it. */
export interface Sender {
  readonly peerId: string;
  /** As this node calls it. */
  readonly name: string;
  /** From the roster. */
  readonly role: RoleName;
  /** At most this, on this node. */
  readonly cap: RoleName;
}

/** @throws OperoneError `invalid_input` for what is no claim, or more than 64 KiB */
export function readClaims(value: unknown): Claims {
  const length = lengthOf(value);
  if (length > claimsLengthMax)
    throw new OperoneError(
      "invalid_input",
      `The caller's grants for this node take ${length} characters, and ${claimsLengthMax} are the most; use a token with fewer`,
    );
  const parsed = v.safeParse(Claims, value);
  if (parsed.success) return parsed.output;
  throw new OperoneError(
    "invalid_input",
    `The call does not say who made it, or says it in a way that this node does not know: ${v.summarize(parsed.issues).slice(0, 300)}`,
  );
}

/** Of the JSON text: far cheaper than looking at each part. What is no JSON at all is refused for that. */
function lengthOf(value: unknown): number {
  try {
    return JSON.stringify(value)?.length ?? 0;
  } catch {
    return 0;
  }
}

/** The caller as this node names it, and every set that must allow the call. */
export function judged(
  claims: Claims,
  sender: Sender,
  permissions: ReadonlyMap<string, Permission>,
): { readonly caller: Caller; readonly sets: readonly GrantSet[] } {
  const carriedSets = claims.sets.map(({ holder, owner, grants }) => ({
    holder: `${visible(holder)}@${sender.name}`,
    owner,
    grants: grants.flatMap((grant) => readGrant(grant, permissions)),
  }));
  return {
    caller: callerOf(claims.caller, sender),
    sets: [...senderSets(sender), ...(carriedSets.length > 0 ? carriedSets : [nobody(sender)])],
  };
}

/** A set that allows nothing. */
function nobody({ name }: Sender): GrantSet {
  return { holder: `a caller without grants@${name}`, owner: false, grants: [] };
}

/**
 * An admin node that is an admin here too is as good as this node's owner: it may run anything. Its other callers
 * still have no more than they carry, and no token carries what belongs to an owner.
 */
function senderSets({ name, peerId, role, cap }: Sender): readonly GrantSet[] {
  const full = role === "admin" && cap === "admin";
  return [
    {
      holder: `the node ${name} (${role} in the mesh)`,
      owner: full,
      grants: roles[role].grants,
      widen: `an admin of the mesh can change that with "operone role ${peerId} ROLE"`,
    },
    {
      holder: `the node ${name} (at most ${cap} on this node)`,
      owner: full,
      grants: roles[cap].grants,
      widen: `the owner of the node that was asked can change that with "operone allow ROLE" there`,
    },
  ];
}

/** One remote caller is told from another, and an agent stays an agent. No sign in it can hide or reorder others. */
function callerOf({ kind, id, name }: Claims["caller"], sender: Sender): Caller {
  return {
    kind: kind === "agent" ? "agent" : "node",
    id: kind === "owner" ? sender.peerId : `${sender.peerId}/${kind}/${visible(id)}`,
    name: `${visible(name)}@${sender.name}`,
  };
}

/**
 * The scope as this node's own version of the permission reads it. One that it cannot read allows nothing, and denies
 * everything. A permission that this node does not know is no right here.
 */
function readGrant(
  { permission: name, scope, decision, expiresAtMs }: v.InferOutput<typeof CarriedGrant>,
  permissions: ReadonlyMap<string, Permission>,
): readonly Grant[] {
  const base = { permission: name, decision, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  if (scope === "*") return [{ ...base, scope }];
  const schema = permissions.get(name)?.scope;
  const parsed = schema === undefined ? undefined : v.safeParse(schema, scope);
  if (parsed?.success === true) return [{ ...base, scope: parsed.output }];
  return decision === "deny" ? [{ ...base, scope: "*" }] : [];
}
