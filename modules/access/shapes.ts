/** The shapes that access takes and gives, shared by its operations. Times are Unix milliseconds. */
import * as v from "valibot";
import { limits } from "./limits.ts";
import { roleNames } from "./roles.ts";

export const TokenName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "use letters, digits, dots, dashes and underscores"),
  v.maxLength(limits.nameLengthMax),
);

/** An id, or the name of a live token. */
export const TokenRef = v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.nameLengthMax));

/** A folder as the scopes of files and of commands take it. */
export const WorkspacePath = v.pipe(
  v.string(),
  v.maxLength(limits.pathLengthMax),
  v.regex(/^(\/|~$|~\/)/, 'write an absolute path, or one that begins with "~/"'),
);

const Decision = v.picklist(["allow", "ask", "deny"]);
const Nodes = v.union([
  v.literal("*"),
  v.pipe(
    v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.nameLengthMax))),
    v.maxLength(limits.nodesPerGrantMax),
  ),
]);

/** Grants as they stand on a command line. */
export function grantTexts(what: string) {
  const text = v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.scopeBytesMax));
  return v.optional(v.pipe(v.array(text), v.maxLength(limits.grantsPerTokenMax), v.description(what)), []);
}

export const NodeNames = v.optional(
  v.pipe(
    v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.nameLengthMax))),
    v.maxLength(limits.nodesPerGrantMax),
    v.description(
      "Nodes on which all this counts: names, peer ids, self, or * for every one; absent: here alone",
    ),
  ),
  [],
);

export const GrantIn = v.strictObject({
  permission: v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.auditTextLengthMax)),
  scope: v.optional(v.unknown()),
  decision: v.optional(Decision, "allow"),
  nodes: v.optional(Nodes),
  expiresAtMs: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0))),
});
export type GrantIn = v.InferOutput<typeof GrantIn>;

export const GrantOut = v.strictObject({
  /** For `access.grant-revoke`; a role's grants have none. */
  id: v.optional(v.string()),
  origin: v.picklist(["role", "token", "approval"]),
  permission: v.string(),
  scope: v.unknown(),
  decision: Decision,
  nodes: v.optional(Nodes),
  expiresAtMs: v.optional(v.number()),
});
export type GrantOut = v.InferOutput<typeof GrantOut>;

const tokenEntries = {
  id: v.string(),
  name: v.string(),
  kind: v.picklist(["token", "agent"]),
  role: v.optional(v.picklist(roleNames)),
  grants: v.array(GrantOut),
  /** False: an agent without a token, which comes in only through the owner's socket. */
  bearer: v.boolean(),
  createdAtMs: v.number(),
  /** Absent: never. Up to a minute of it is lost when the node is killed. */
  lastUsedAtMs: v.optional(v.number()),
  /** Absent: it never expires. */
  expiresAtMs: v.optional(v.number()),
  endedAtMs: v.optional(v.number()),
  endedBy: v.optional(v.picklist(["revoked", "expired"])),
};
export const TokenOut = v.strictObject(tokenEntries);
export type TokenOut = v.InferOutput<typeof TokenOut>;

const Warning = v.strictObject({ permission: v.string(), warning: v.string() });
export const CreatedToken = v.strictObject({
  ...tokenEntries,
  /** The token itself. It is shown here and never again. */
  token: v.string(),
  warnings: v.array(Warning),
});
export type CreatedToken = v.InferOutput<typeof CreatedToken>;

export const CreatedAgent = v.strictObject({
  ...tokenEntries,
  /** For HTTP, when one was asked for. It is shown here and never again. */
  token: v.optional(v.string()),
  warnings: v.array(Warning),
});
export type CreatedAgent = v.InferOutput<typeof CreatedAgent>;

const CallerOut = v.strictObject({
  kind: v.picklist(["owner", "token", "node", "agent"]),
  id: v.string(),
  name: v.string(),
});

export const WhoAmI = v.strictObject({
  caller: CallerOut,
  /** All of them must allow a call. */
  sets: v.array(
    v.strictObject({
      holder: v.string(),
      owner: v.boolean(),
      grants: v.array(v.omit(GrantOut, ["id", "origin"])),
    }),
  ),
  expiresAtMs: v.optional(v.number()),
});

export const ApprovalId = v.pipe(v.string(), v.nonEmpty(), v.maxLength(limits.nameLengthMax));
const approvalStates = ["pending", "approved", "used", "denied", "expired"] as const;

const approvalEntries = {
  id: v.string(),
  /** `approved`: an `once` that has not run yet, or a session or pattern; `used`: an `once` that has. */
  state: v.picklist(approvalStates),
  approvedFor: v.optional(v.picklist(["once", "session", "pattern"])),
  operation: v.string(),
  effect: v.picklist(["read", "write", "destroy"]),
  caller: CallerOut,
  permissions: v.array(v.string()),
  createdAtMs: v.number(),
  expiresAtMs: v.number(),
  settledAtMs: v.optional(v.number()),
  /** Calls that wait for the answer. 0: the caller has left, and an approval counts when it repeats the call. */
  waiting: v.number(),
};
export const ApprovalOut = v.strictObject(approvalEntries);
export type ApprovalOut = v.InferOutput<typeof ApprovalOut>;

export const ApprovalDetail = v.strictObject({
  ...approvalEntries,
  callId: v.string(),
  /** Exactly what will run. */
  preview: v.unknown(),
  requests: v.array(v.strictObject({ permission: v.string(), request: v.optional(v.unknown()) })),
  warnings: v.array(Warning),
  inputDigest: v.string(),
  reason: v.optional(v.string()),
});
export type ApprovalDetail = v.InferOutput<typeof ApprovalDetail>;

export const auditKinds = ["intent", "outcome", "denial", "checkpoint"] as const;

export const AuditOut = v.strictObject({
  seq: v.number(),
  atMs: v.number(),
  kind: v.picklist(auditKinds),
  callId: v.string(),
  caller: CallerOut,
  surface: v.string(),
  operation: v.string(),
  effect: v.string(),
  inputDigest: v.string(),
  code: v.string(),
  durationMs: v.number(),
  note: v.optional(v.unknown()),
  hash: v.string(),
});
export type AuditOut = v.InferOutput<typeof AuditOut>;

export const AuditHead = v.strictObject({ seq: v.number(), hash: v.string() });
export type AuditHead = v.InferOutput<typeof AuditHead>;

export const SecretName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, "use letters, digits, dots, dashes, underscores and slashes"),
  v.maxLength(limits.secretNameLengthMax),
);

export const SecretOut = v.strictObject({
  name: v.string(),
  createdAtMs: v.number(),
  updatedAtMs: v.number(),
});
export type SecretOut = v.InferOutput<typeof SecretOut>;
