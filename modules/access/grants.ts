/** Grants as an owner writes them, checked against the permissions that exist. What cannot be meant is refused. */
import * as v from "valibot";
import type { Decision, Grant, Permission } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { nearest } from "../../src/kernel/nearest.ts";
import { problemOf } from "../../src/kernel/schema-issue.ts";
import { limits } from "./limits.ts";

export type Permissions = ReadonlyMap<string, Permission>;

/** A grant before it is checked. */
export interface GrantDraft {
  readonly permission: string;
  readonly scope?: unknown;
  readonly decision: Decision;
  readonly nodes?: "*" | readonly string[] | undefined;
  readonly expiresAtMs?: number | undefined;
}

export interface GrantWarning {
  readonly permission: string;
  readonly warning: string;
}

/** `shell.unconfined={"commands":["git *"]}` or `node.observe=*`, as it stands behind `--grant`. */
export function draftFromText(text: string, decision: Decision): GrantDraft {
  const at = text.indexOf("=");
  if (at < 0) return { permission: text, decision };
  const permission = text.slice(0, at);
  const scope = text.slice(at + 1);
  if (scope === "*") return { permission, scope, decision };
  try {
    return { permission, scope: JSON.parse(scope), decision };
  } catch {
    throw new OperoneError(
      "invalid_input",
      `The scope ${quote(scope)} of "${permission}" is neither * nor JSON; write ${permission}=* or ${permission}={"...":[...]} in single quotes`,
    );
  }
}

/** Those of `--grant`, `--ask` and `--deny`. */
export function draftsFromTexts({
  grant,
  ask,
  deny,
}: Readonly<Record<"grant" | "ask" | "deny", readonly string[]>>): readonly GrantDraft[] {
  return [
    ...grant.map((text) => draftFromText(text, "allow")),
    ...ask.map((text) => draftFromText(text, "ask")),
    ...deny.map((text) => draftFromText(text, "deny")),
  ];
}

/**
 * The grant with its scope parsed by the permission's own schema.
 *
 * @throws OperoneError `invalid_input` for an unknown permission, an absent or unfitting scope, `forbidden` for what
 *   only the owner can hold.
 */
export function checkedGrant(draft: GrantDraft, permissions: Permissions): Grant {
  const { permission: name, decision, nodes, expiresAtMs } = draft;
  const scope = name === "*" ? everything(draft) : scopeFor(draft, permissionNamed(name, permissions));
  const bytes = Buffer.byteLength(JSON.stringify(scope) ?? "");
  if (bytes > limits.scopeBytesMax) {
    throw new OperoneError(
      "too_large",
      `The scope of "${name}" has ${bytes} bytes; ${limits.scopeBytesMax} are the most`,
    );
  }
  return {
    permission: name,
    scope,
    decision,
    ...(nodes === undefined ? {} : { nodes }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

/** @throws OperoneError `invalid_input` with the nearest name, `forbidden` for an owner's permission */
function permissionNamed(name: string, permissions: Permissions): Permission {
  const permission = permissions.get(name);
  if (permission === undefined) {
    const grantable = [...permissions].filter(([, { ownerOnly }]) => ownerOnly !== true).map(([id]) => id);
    const near = nearest(name, grantable);
    const hint =
      near === undefined ? '"operone access permission-list" lists them' : `did you mean "${near}"?`;
    throw new OperoneError("invalid_input", `There is no permission ${quote(name)}; ${hint}`, {
      permissions: grantable,
    });
  }
  if (permission.ownerOnly === true) {
    throw new OperoneError("forbidden", `"${name}" belongs to the owner alone; no token can hold it`);
  }
  return permission;
}

function everything({ scope }: GrantDraft): "*" {
  if (scope === "*") return scope;
  throw new OperoneError(
    "invalid_input",
    `A grant of every permission is written *=*, and was given ${scope === undefined ? "without a scope" : `with the scope ${quote(scope)}`}`,
  );
}

function scopeFor({ permission: name, scope }: GrantDraft, permission: Permission): unknown {
  if (scope === "*") return scope;
  if (scope === undefined) {
    throw new OperoneError(
      "invalid_input",
      `The grant of "${name}" has no scope, and an absent scope covers nothing; write ${name}=* to cover everything${permission.scope === undefined ? "" : `, or ${name}={...} to narrow it`}`,
    );
  }
  if (permission.scope === undefined) {
    throw new OperoneError(
      "invalid_input",
      `"${name}" is all or nothing and takes no scope; write ${name}=* instead of ${quote(scope)}`,
    );
  }
  const parsed = v.safeParse(permission.scope, scope);
  if (parsed.success) return parsed.output;
  const issues = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "scope"}: ${problemOf(issue, [])}`);
  throw new OperoneError(
    "invalid_input",
    `The scope ${quote(scope)} does not fit "${name}": ${issues.join("; ")}`,
    { issues },
  );
}

/**
 * A stored grant as it counts today. When the permission's schema has changed so that the scope no longer fits,
 * a right is gone and a deny covers everything: both fail closed.
 */
export function restoredGrant(grant: Grant, permissions: Permissions): Grant | undefined {
  if (grant.scope === "*" || grant.permission === "*") return grant;
  const schema = permissions.get(grant.permission)?.scope;
  const parsed = schema === undefined ? undefined : v.safeParse(schema, grant.scope);
  if (parsed?.success === true) return { ...grant, scope: parsed.output };
  return grant.decision === "deny" ? { ...grant, scope: "*" } : undefined;
}

/** What must be read before these grants are given: the warnings of all permissions that they can match. */
export function warningsOf(grants: readonly Grant[], permissions: Permissions): readonly GrantWarning[] {
  const given = grants.filter((grant) => grant.decision !== "deny");
  const all = given.some((grant) => grant.permission === "*");
  return [...permissions].flatMap(([permission, { warning, ownerOnly }]) => {
    const matched = all || given.some((grant) => grant.permission === permission);
    return warning !== undefined && ownerOnly !== true && matched ? [{ permission, warning }] : [];
  });
}

/** @throws OperoneError `precondition_failed` with all warnings, unless they were accepted */
export function assertAccepted(warnings: readonly GrantWarning[], accepted: boolean): void {
  if (accepted || warnings.length === 0) return;
  const lines = warnings.map(({ permission, warning }) => `"${permission}": ${warning}`);
  throw new OperoneError(
    "precondition_failed",
    `Nothing was granted yet. ${lines.join("; ")}. Repeat with acceptWarnings (--accept-warnings) if that is what you want`,
    { warnings },
  );
}

/**
 * An `ask` beside an `allow` of everything would never ask, which is not what whoever wrote it believes.
 *
 * @throws OperoneError `invalid_input` naming the allow that wins
 */
export function assertAsksCount(grants: readonly Grant[]): void {
  for (const ask of grants) {
    if (ask.decision !== "ask") continue;
    const winner = grants.find(
      ({ decision, scope, permission }) =>
        decision === "allow" && scope === "*" && (permission === "*" || permission === ask.permission),
    );
    if (winner === undefined) continue;
    throw new OperoneError(
      "invalid_input",
      `"${ask.permission}" would never ask, because ${winner.permission}=* already allows it; grant the permissions one by one, without that one`,
    );
  }
}

/** @throws OperoneError `invalid_input` for every node and single ones at once */
export function nodesOf(names: readonly string[] | undefined): Grant["nodes"] {
  if (names === undefined || names.length === 0) return undefined;
  if (!names.includes("*")) return names;
  if (names.length === 1) return "*";
  throw new OperoneError(
    "invalid_input",
    `"*" is every node, so no other can stand beside it: ${names.join(", ")}`,
  );
}

export function textOf(nodes: Grant["nodes"]): string | null {
  return nodes === undefined ? null : JSON.stringify(nodes);
}

export function grantOut({ permission, scope, decision, nodes, expiresAtMs }: Grant) {
  return {
    permission,
    scope,
    decision,
    ...(nodes === undefined ? {} : { nodes: nodes === "*" ? nodes : [...nodes] }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
