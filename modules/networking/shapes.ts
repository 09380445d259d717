/** The shapes that networking takes and gives. Times are Unix milliseconds by this node's clock. */
import * as v from "valibot";
import { roleNames } from "../access/contract.ts";

export const RoleName = v.picklist(roleNames);

/** A name or a peer id. (`node` says where an operation runs; this says which node it is about.) */
export const PeerRef = v.pipe(v.string(), v.nonEmpty(), v.maxLength(128));

/** What could be read as a peer id in another spelling (base58, base32 or base36) is no name. */
const peerIdForm = /^(?:12d3|qm|1a|16u|bafz|k51|k2k4)[a-z0-9]{40,}$/;

export const NodeName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "use 1 to 63 lower-case letters, digits and inner hyphens"),
  v.check((name) => !peerIdForm.test(name), "a name must not look like a peer id"),
);

export const NodeOut = v.strictObject({
  /** Absent until the node has told it. */
  name: v.optional(v.string()),
  peerId: v.string(),
  self: v.boolean(),
  /** In the mesh. */
  role: RoleName,
  /** What it may be on this node at most; absent for this node itself. */
  cap: v.optional(RoleName),
  state: v.picklist(["self", "connected", "away"]),
  /** Multiaddr of the other end, while connected. */
  address: v.optional(v.string()),
  /** Always true in this version: there is no relay. */
  direct: v.optional(v.boolean()),
  encryption: v.optional(v.string()),
  roundTripMs: v.optional(v.number()),
  version: v.optional(v.string()),
  lastSeenAtMs: v.optional(v.number()),
  labels: v.record(v.string(), v.string()),
  /** Where it says that it listens. */
  addresses: v.array(v.string()),
  /** Why it is away, as far as this node knows. */
  reason: v.optional(v.string()),
});
export type NodeOut = v.InferOutput<typeof NodeOut>;

export const InviteOut = v.strictObject({
  id: v.string(),
  role: RoleName,
  /** A person must say yes to whoever uses it. */
  confirm: v.boolean(),
  state: v.picklist(["open", "used", "expired", "revoked"]),
  createdAtMs: v.number(),
  expiresAtMs: v.number(),
  /** Peer id. */
  usedBy: v.optional(v.string()),
  usedAtMs: v.optional(v.number()),
  /** What the node that used it calls itself. */
  usedByName: v.optional(v.string()),
  /** Safety words: that node showed the same. Until this one starts again. */
  words: v.optional(v.array(v.string())),
  failedAttempts: v.number(),
});
export type InviteOut = v.InferOutput<typeof InviteOut>;

export const NewInviteOut = v.strictObject({
  code: v.string(),
  invite: InviteOut,
  /** What other nodes may be on this one at most. */
  cap: RoleName,
  /** The code as lines of half blocks, for a camera. */
  qr: v.optional(v.array(v.string())),
  /** With the first invite alone, which made the mesh: write it down, it is kept nowhere. */
  recoveryPhrase: v.optional(v.string()),
});
export type NewInviteOut = v.InferOutput<typeof NewInviteOut>;

const words = v.array(v.string());

export const JoinStepOut = v.variant("step", [
  v.strictObject({ step: v.literal("connecting"), address: v.string() }),
  v.strictObject({ step: v.literal("connected"), address: v.string(), encryption: v.string() }),
  /** The same on both machines, or somebody sits between them. */
  v.strictObject({
    step: v.literal("words"),
    words,
    /** Others were shown before, and the connection broke. */
    changed: v.optional(v.literal(true)),
  }),
  v.strictObject({ step: v.literal("waiting"), reason: v.string() }),
  v.strictObject({ step: v.literal("retrying"), reason: v.string(), delayMs: v.number() }),
  v.strictObject({
    step: v.literal("joined"),
    meshId: v.string(),
    role: RoleName,
    inviter: v.string(),
    /** Another node has this one's name. */
    warning: v.optional(v.string()),
  }),
]);
export type JoinStepOut = v.InferOutput<typeof JoinStepOut>;

export const PendingOut = v.strictObject({
  id: v.string(),
  /** `in`: another machine asks here. `out`: this node asks there. */
  direction: v.picklist(["in", "out"]),
  peerId: v.string(),
  name: v.optional(v.string()),
  address: v.optional(v.string()),
  role: RoleName,
  words,
  ageMs: v.number(),
  /** Why it waits, or why it failed. */
  reason: v.string(),
  reasonAgeMs: v.number(),
  active: v.boolean(),
});
export type PendingOut = v.InferOutput<typeof PendingOut>;

/** Who was let in or turned away. */
export const Answered = v.strictObject({
  direction: v.picklist(["in", "out"]),
  peerId: v.string(),
  name: v.optional(v.string()),
  role: RoleName,
  /** Whether the code was proven, and so is spent. */
  proven: v.boolean(),
});
export type Answered = v.InferOutput<typeof Answered>;

export const PingOut = v.strictObject({
  peerId: v.string(),
  name: v.optional(v.string()),
  roundTripMs: v.optional(v.number()),
  error: v.optional(v.string()),
});
export type PingOut = v.InferOutput<typeof PingOut>;

export const EventOut = v.strictObject({
  atMs: v.number(),
  event: v.picklist(["joined", "removed", "connected", "disconnected", "role", "renamed"]),
  peerId: v.string(),
  name: v.optional(v.string()),
  role: v.optional(RoleName),
  /** Safety words, of a node that joined by an invite of this one. */
  words: v.optional(v.array(v.string())),
});

export const MeshOut = v.strictObject({
  /** `none`: in no mesh. `removed`: an admin took this node out; "operone leave" ends that. */
  state: v.picklist(["none", "member", "removed"]),
  meshId: v.optional(v.string()),
  name: v.string(),
  peerId: v.optional(v.string()),
  role: v.optional(RoleName),
  cap: v.optional(RoleName),
  addresses: v.array(v.string()),
  members: v.number(),
  connected: v.number(),
});
