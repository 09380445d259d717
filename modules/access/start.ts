/** Puts the parts of access together. The owner can come in at once; everything else waits for the store. */
import { join } from "node:path";
import type { InferOutput } from "valibot";
import { dayMs } from "../../src/kernel/duration.ts";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Checks, Clock, Files, Host, Journal, Log, Policy, Random } from "../../src/kernel/ports.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { Approvals } from "./approvals.ts";
import { Audit } from "./audit.ts";
import { accessChecks } from "./checks.ts";
import type { Agents, AuditChain, Credentials, Secrets } from "./contract.ts";
import { credentials } from "./credentials.ts";
import { type Keyring, systemKeyring } from "./keyring.ts";
import type { config } from "./module.ts";
import { Owner } from "./owner.ts";
import { SecretKey } from "./secret-key.ts";
import { SecretBox } from "./secrets.ts";
import type { AccessParts, AccessState } from "./state.ts";
import { Tokens } from "./tokens.ts";

/**
 * The store opens when it is first needed, or after this time: loading it takes longer than everything else at the
 * start together, and the doors should answer the owner before that. Real time, because the load is real.
 */
const openAfterMs = 25;

export interface AccessInput {
  readonly config: InferOutput<typeof config>;
  readonly use: {
    readonly kernel: Pick<KernelView, "permissions" | "changes">;
    readonly checks: Pick<Checks, "add">;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly host: Host;
    readonly files: Files;
  };
  readonly scope: Pick<Scope, "defer">;
  /** The system's own, unless a test brings one. */
  readonly keyring?: Keyring;
}

export interface AccessServices {
  readonly credentials: Credentials;
  readonly agents: Agents;
  readonly secrets: Secrets;
  readonly policy: Policy;
  readonly journal: Journal;
  readonly audit: AuditChain;
}

type StartedAccess = Started<Record<never, never>, AccessState> & { readonly services: AccessServices };

export function startAccess(input: AccessInput): StartedAccess {
  const { clock, random, log, host, files } = input.use;
  const owner = Owner.load({ files, clock, random, log, path: join(host.dataDirectory, "owner.token") });
  const closers: (() => void)[] = [];
  const begin = Promise.withResolvers<void>();
  const timer = setTimeout(begin.resolve, openAfterMs);
  const parts = begin.promise.then(() => open(input, owner, (close) => void closers.push(close)));
  const needed = () => {
    begin.resolve();
    return parts;
  };
  const ready = parts.then(() => {});
  const path = join(host.dataDirectory, "access", "access.db");
  for (const check of accessChecks({ parts: needed, files, path })) input.use.checks.add(check);
  // Whoever waits for one of them sees the failure; the kernel is told by `ready`.
  for (const promise of [owner, parts, ready]) promise.catch(() => {});
  // A node may be stopped while it still opens: what is open by then must be closed all the same.
  input.scope.defer(async () => {
    clearTimeout(timer);
    await needed().catch(() => {});
    closeAll(closers, log);
  });
  const door = credentials({
    owner,
    tokens: async () => (await needed()).tokens,
    clock,
    log,
    refused: (count) =>
      void needed()
        .then(({ audit }) => audit.record(refusal(), { count }))
        .catch(() => {}),
  });
  return {
    state: parts,
    ready,
    services: {
      credentials: door,
      agents: { agentCaller: async (name) => (await needed()).tokens.agentCaller(name) },
      secrets: { reveal: async (name, authority) => (await needed()).secrets.reveal(name, authority) },
      policy: { approve: async (request, signal) => (await needed()).approvals.approve(request, signal) },
      journal: {
        record: async ({ node, count, ...record }) => {
          const note = { ...(node === undefined ? {} : { node }), ...(count === undefined ? {} : { count }) };
          await (await needed()).audit.record(record, Object.keys(note).length === 0 ? undefined : note);
        },
      },
      audit: { head: async () => headOf((await needed()).audit) },
    },
  };
}

/** Undefined while there is no record. */
function headOf({ head }: Audit): Awaited<ReturnType<AuditChain["head"]>> {
  return head.seq === 0 ? undefined : head;
}

function closeAll(closers: readonly (() => void)[], log: Log): void {
  for (const close of closers.toReversed()) {
    try {
      close();
    } catch (error) {
      log.error("A part of access did not close cleanly", { error: String(error) });
    }
  }
}

async function open(
  { config, use, keyring }: AccessInput,
  owner: Promise<Owner>,
  closeLater: (close: () => void) => void,
): Promise<AccessParts> {
  const { clock, random, log, host, files, kernel } = use;
  const { permissions } = kernel;
  const directory = join(host.dataDirectory, "access");
  const [{ openAccess }, stores] = await Promise.all([import("./store.ts"), loadStores()]);
  const databases = openAccess(join(directory, "access.db"), config.auditSync);
  closeLater(() => databases.close());
  const keepMs = config.auditKeepDays * dayMs;
  const audit = new Audit({
    store: new stores.AuditStore(databases.audit),
    clock,
    log,
    keepMs,
    recordsMax: config.auditRecordsMax,
  });
  closeLater(() => audit.close());
  const tokens = new Tokens({
    store: new stores.TokenStore(databases.main),
    permissions,
    clock,
    random,
    log,
    ended: (id) => approvals.forget(id),
    changed: () => kernel.changes.ring(),
  });
  closeLater(() => tokens.close());
  const approvals = new Approvals({
    store: new stores.ApprovalStore(databases.main),
    tokens,
    permissions,
    clock,
    random,
    expiryMs: config.approvalExpiryMs,
    denialHoldMs: config.denialHoldMs,
  });
  closeLater(() => approvals.close());
  tokens.watchExpiry();
  const secretStore = new stores.SecretStore(databases.main);
  const key = new SecretKey({
    store: secretStore,
    keyring: keyring ?? systemKeyring(clock),
    files,
    clock,
    random,
    log,
    mode: config.keyring,
    path: join(directory, "secrets.key"),
  });
  const secrets = new SecretBox({ store: secretStore, key, clock, random });
  const { problems } = databases.main;
  return { owner: await owner, tokens, approvals, audit, secrets, permissions, clock, problems };
}

async function loadStores() {
  const [tokens, approvals, audit, secrets] = await Promise.all([
    import("./token-store.ts"),
    import("./approval-store.ts"),
    import("./audit-store.ts"),
    import("./secret-store.ts"),
  ]);
  return { ...tokens, ...approvals, ...audit, ...secrets };
}

/** One record a minute stands for all calls that came without a valid token: nobody can fill the disk by guessing. */
function refusal() {
  return {
    kind: "denial",
    callId: "",
    caller: { kind: "token", id: "", name: "unknown" },
    surface: "http",
    operation: "access.authenticate",
    effect: "read",
    inputDigest: "",
    code: "unauthenticated",
    durationMs: 0,
  } as const;
}
