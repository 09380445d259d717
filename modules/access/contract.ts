/** What other modules may know of access: who a credential belongs to, and secrets by name. */
import type { Authority, Caller, GrantSet } from "../../src/kernel/authority.ts";
import { service } from "../../src/kernel/module.ts";

/** A proven caller with its rights. */
export interface Identity {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Aborts when the credential is revoked or expires, so that running calls end with it. */
  readonly revoked: AbortSignal;
}

export interface Credentials {
  /** Whoever could open the Unix socket in the data directory. */
  owner(): Identity;
  /** Undefined for anything but a live token; takes the same time for every wrong one. */
  authenticate(token: string): Promise<Identity | undefined>;
}
export const Credentials = service<Credentials>("access.credentials");

/**
 * Agents by name, for a door that the owner has already opened (the Unix socket): whoever is the owner may give a
 * call the lesser rights of one of the agents. What comes from anybody else has to bring the agent's own token, to
 * `Credentials.authenticate`; a name proves nothing.
 */
export interface Agents {
  /**
   * The agent as a caller, of the kind `agent`, with its rights of this moment. Ask anew for each call: the owner may
   * have changed them. `revoked` aborts when the agent is removed or expires, and ends whatever runs for it.
   *
   * @throws OperoneError `not_found` when no live agent has this name, and says how to make one
   */
  agentCaller(name: string): Promise<Identity>;
}
export const Agents = service<Agents>("access.agents");

export interface Secrets {
  /** @throws OperoneError `forbidden` without `access.secret.use` for the name, `not_found` for an unknown one. */
  reveal(name: string, authority: Authority): Promise<Uint8Array>;
}
export const Secrets = service<Secrets>("access.secrets");

export { type RoleName, roleNames, roles } from "./roles.ts";

/** The newest record of this node's audit, for others to hold against it later. */
export interface AuditChain {
  head(): Promise<{ readonly seq: number; readonly hash: string } | undefined>;
}
export const AuditChain = service<AuditChain>("access.audit-chain");
