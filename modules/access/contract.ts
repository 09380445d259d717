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
