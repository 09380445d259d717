/** The door for whoever knocks: which caller a token belongs to. Wrong ones are counted, and told at a bounded rate. */
import type { Clock, Log } from "../../src/kernel/ports.ts";
import type { Credentials, Identity } from "./contract.ts";
import { limits } from "./limits.ts";
import { type Owner, ownerIdentity, ownerPrefix } from "./owner.ts";
import type { Tokens } from "./tokens.ts";

export interface CredentialsInput {
  readonly owner: Promise<Pick<Owner, "authenticate">>;
  /** Opens the store, if it is not open yet. */
  tokens(): Promise<Pick<Tokens, "authenticate">>;
  readonly clock: Clock;
  readonly log: Log;
  /** At most once a minute, however many fail. */
  refused(count: number): void;
}

const reportEveryMs = 60_000;

/** The owner does not wait for the store: a node whose store is slow, or broken, can still be looked at. */
export function credentials(use: CredentialsInput): Credentials & { readonly refusedCount: number } {
  const socketOwner = ownerIdentity(new AbortController().signal);
  const failures = failureCounter(use);
  return {
    owner: () => socketOwner,
    async authenticate(token) {
      const identity = token.length > limits.tokenLengthMax ? undefined : await identityOf(use, token);
      if (identity === undefined) failures.add();
      return identity;
    },
    get refusedCount() {
      return failures.total;
    },
  };
}

async function identityOf({ owner, tokens }: CredentialsInput, token: string): Promise<Identity | undefined> {
  if (token.startsWith(ownerPrefix)) return (await owner).authenticate(token);
  return (await tokens()).authenticate(token);
}

/** The first failure is told at once, those of the following minute together at its end. */
function failureCounter({ clock, log, refused }: CredentialsInput) {
  let total = 0;
  let untold = 0;
  let quiet = false;
  const tell = () => {
    if (untold === 0) {
      quiet = false;
      return;
    }
    log.warn("Calls with a wrong, expired or revoked token were refused", { count: untold, total });
    refused(untold);
    untold = 0;
    quiet = true;
    clock.after(reportEveryMs, tell);
  };
  return {
    add() {
      total++;
      untold++;
      if (!quiet) tell();
    },
    get total() {
      return total;
    },
  };
}
