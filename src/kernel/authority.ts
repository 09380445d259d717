/**
 * Who may do what, without a domain word: the meaning of a scope is the permission's own `covers`.
 *
 * A call carries an authority: a list of grant sets that must ALL allow it. Within one set the grants are
 * alternatives, never merged; a matching `deny` wins, then `allow`, then `ask`. Absent or empty means none.
 */
import type { GenericSchema } from "valibot";
import { OperoneError } from "./error.ts";

export type Decision = "allow" | "ask" | "deny";

/** A permission as a module declares it. */
export interface Permission {
  /** One line that an owner reads before granting it. */
  readonly summary: string;
  /** Shape of a grant's scope. None: the permission is all or nothing, and its scope is written `"*"`. */
  readonly scope?: GenericSchema;
  /** True when `scope` (parsed) allows `request`. Must not throw; unknown requests are not covered. */
  covers?(scope: unknown, request: unknown): boolean;
  /** Only the owner has it: no token, node or agent grant can hold or match it, `*` included. */
  readonly ownerOnly?: boolean;
  /** Said to whoever grants it, for example that it equals being the owner. */
  readonly warning?: string;
}

/** One right given to a caller. */
export interface Grant {
  /** A permission's name, or `"*"`: every permission that is not `ownerOnly`. */
  readonly permission: string;
  /** `"*"` or a value of the permission's scope schema. Absent covers nothing. */
  readonly scope?: unknown;
  readonly decision: Decision;
  /** Names or peer ids of nodes, `"self"` (the issuer), or `"*"`. Absent: only the node that issued the grant. */
  readonly nodes?: "*" | readonly string[];
  /** Unix time in milliseconds. From this moment on the grant does not exist. */
  readonly expiresAtMs?: number;
}

/** The rights of one party to a call: the owner, a token, a role. */
export interface GrantSet {
  /** Whose rights these are, for messages and the audit: `owner`, `token ci`. */
  readonly holder: string;
  /** The owner holds everything, `ownerOnly` permissions included; `grants` is not consulted. */
  readonly owner: boolean;
  readonly grants: readonly Grant[];
  /** Who can widen it and how, for a refusal: `"operone allow" on pi`. Absent: the owner, by a token's grants. */
  readonly widen?: string;
}

export type CallerKind = "owner" | "token" | "node" | "agent";

export interface Caller {
  readonly kind: CallerKind;
  /** Stable and unique within its kind; never a secret. */
  readonly id: string;
  readonly name: string;
}

/** One concrete right that a call asks for: the permission and, where it is scoped, what exactly. */
export interface ScopeRequest {
  readonly permission: string;
  readonly request?: unknown;
}

/** What an operation may ask when it says which rights an input needs, where there is more than one way to have them. */
export interface Rights {
  decide(request: ScopeRequest): Decision;
  /** Whether a deny covers it, so that no other way may be looked for. */
  forbids(request: ScopeRequest): boolean;
}

/** What a handler may ask while it runs, for requests that are known only then (a resolved path). */
export interface Authority {
  /** Throws `forbidden`, naming the holder and the permission, unless every grant set allows it. */
  check(permission: string, request?: unknown): void;
  decide(permission: string, request?: unknown): Decision;
  /** The sets themselves, for background work that stores its creator's authority. */
  readonly sets: readonly GrantSet[];
}

export interface AuthorityContext {
  readonly permissions: ReadonlyMap<string, Permission>;
  readonly sets: readonly GrantSet[];
  readonly nowMs: () => number;
  /** What this node is called in the `nodes` of a grant; `self` always belongs to it. */
  readonly nodeNames: ReadonlySet<string>;
  /**
   * Which node the question is about. `here` (absent): the issuer of the grants. `elsewhere`: the node of these names,
   * which `self` and an absent `nodes` do not mean. `anywhere`: whether there is any node at all.
   */
  readonly where?: "here" | "elsewhere" | "anywhere";
  /** Requests that a person has approved for this one call: an `ask` for them counts as `allow`. */
  readonly approved?: readonly ScopeRequest[];
}

/** Whether some live grant of every set names the permission at all, whatever its scope. */
export function holds(context: AuthorityContext, name: string): boolean {
  const permission = context.permissions.get(name);
  if (permission === undefined || context.sets.length === 0) return false;
  return context.sets.every(
    (set) =>
      set.owner ||
      set.grants.some(
        (grant) => grant.decision !== "deny" && names(grant, name, permission) && alive(grant, context),
      ),
  );
}

/** The decision of all sets together: one `deny` denies, then one `ask` asks. No set at all denies. */
export function decide(context: AuthorityContext, { permission: name, request }: ScopeRequest): Decision {
  const permission = context.permissions.get(name);
  if (permission === undefined || context.sets.length === 0) return "deny";
  const decisions = context.sets.map((set) => decideSet(context, set, name, permission, request));
  if (decisions.includes("deny")) return "deny";
  return decisions.includes("ask") ? "ask" : "allow";
}

/** Whether a live deny of some set covers it. That no grant allows it is no such thing. */
export function forbids(context: AuthorityContext, { permission: name, request }: ScopeRequest): boolean {
  const permission = context.permissions.get(name);
  if (permission === undefined) return false;
  return context.sets.some(
    (set) =>
      !set.owner &&
      set.grants.some(
        (grant) =>
          grant.decision === "deny" &&
          names(grant, name, permission) &&
          alive(grant, context) &&
          covers(permission, grant, request),
      ),
  );
}

export function authorityOf(context: AuthorityContext): Authority {
  const decideOne = (permission: string, request?: unknown): Decision => {
    const decision = decide(context, { permission, request });
    if (decision !== "ask") return decision;
    return context.approved?.some((a) => a.permission === permission && sameRequest(a.request, request))
      ? "allow"
      : "ask";
  };
  return {
    sets: context.sets,
    decide: decideOne,
    check(permission, request) {
      if (decideOne(permission, request) !== "allow") throw forbidden(context, permission, request);
    },
  };
}

/**
 * The refusal that every place uses, so that it always names the right, the value, and those alone who lack it: of a call
 * from another node that is often the limit that this node sets, and not the caller.
 */
export function forbidden(context: AuthorityContext, permission: string, request?: unknown): OperoneError {
  const { permissions, sets } = context;
  const known = permissions.get(permission);
  const short = sets.filter((set) => set.widen !== undefined && !mayEver(permissions, set, permission));
  const lacking =
    known === undefined || request === undefined
      ? []
      : sets.filter((set) => decideSet(context, set, permission, known, request) !== "allow");
  const [named = []] = [short, lacking, sets].filter((some) => some.length > 0);
  const holders = named.map((set) => set.holder).join(" and ") || "nobody";
  const what = request === undefined ? "" : ` for ${JSON.stringify(request)}`;
  const next =
    known?.ownerOnly === true
      ? "it belongs to the owner alone, so ask the owner to do it"
      : (named.find((set) => set.widen !== undefined)?.widen ??
          `the owner can grant it with "operone token create --grant ${permission}=..."`) +
        elsewhere(context);
  return new OperoneError("forbidden", `"${permission}"${what} is not granted to ${holders}; ${next}`, {
    permission,
  });
}

function elsewhere({ where }: AuthorityContext): string {
  return where === "elsewhere" ? ", and for another node with --nodes" : "";
}

/** Whether the set has any grant of the permission, expired or not. */
function mayEver(permissions: AuthorityContext["permissions"], set: GrantSet, name: string): boolean {
  const permission = permissions.get(name);
  if (set.owner || permission === undefined) return set.owner;
  return set.grants.some((grant) => grant.decision !== "deny" && names(grant, name, permission));
}

function decideSet(
  context: AuthorityContext,
  set: GrantSet,
  name: string,
  permission: Permission,
  request: unknown,
): Decision {
  if (set.owner) return "allow";
  const matching = set.grants.filter(
    (grant) => names(grant, name, permission) && alive(grant, context) && covers(permission, grant, request),
  );
  if (matching.some((grant) => grant.decision === "deny")) return "deny";
  if (matching.some((grant) => grant.decision === "allow")) return "allow";
  return matching.some((grant) => grant.decision === "ask") ? "ask" : "deny";
}

function names(grant: Grant, name: string, permission: Permission): boolean {
  if (permission.ownerOnly === true) return false;
  return grant.permission === name || grant.permission === "*";
}

/** Not expired, and meant for the node that the question is about. */
function alive(grant: Grant, context: AuthorityContext): boolean {
  if (grant.expiresAtMs !== undefined && context.nowMs() >= grant.expiresAtMs) return false;
  if (grant.nodes === "*" || context.where === "anywhere") return true;
  const here = context.where !== "elsewhere";
  if (grant.nodes === undefined) return here;
  return grant.nodes.some((name) => (name === "self" ? here : context.nodeNames.has(name)));
}

function covers(permission: Permission, grant: Grant, request: unknown): boolean {
  if (grant.scope === "*") return true;
  if (grant.scope === undefined || permission.covers === undefined) return false;
  try {
    return permission.covers(grant.scope, request);
  } catch {
    // A scope that cannot be judged must fail closed: a deny that cannot be read still denies.
    return grant.decision === "deny";
  }
}

function sameRequest(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
