/** What the operations of access work on. */
import type { Clock } from "../../src/kernel/ports.ts";
import type { Approvals } from "./approvals.ts";
import type { Audit } from "./audit.ts";
import type { Permissions } from "./grants.ts";
import type { Owner } from "./owner.ts";
import type { SecretBox } from "./secrets.ts";
import type { Tokens } from "./tokens.ts";

export interface AccessParts {
  readonly owner: Owner;
  readonly tokens: Tokens;
  readonly approvals: Approvals;
  readonly audit: Audit;
  readonly secrets: SecretBox;
  readonly permissions: Permissions;
  readonly clock: Clock;
  /** What SQLite finds wrong with the database. Reads all of it. */
  problems(): readonly string[];
}

/** Fulfilled when the module is ready, so operations, which wait for that, never wait here. */
export type AccessState = Promise<AccessParts>;
