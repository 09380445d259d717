/** Who may do what on this node: the owner, tokens with grants, approvals, the audit and secrets. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Checks, Clock, Files, Host, Journal, Log, Policy, Random } from "../../src/kernel/ports.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { Agents, AuditChain, Credentials, Secrets } from "./contract.ts";
import { operations } from "./operations.ts";

/** @param most in the unit of the key's name */
function count(usual: number, least: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

export const config = v.strictObject({
  approvalExpiryMs: count(300_000, 1_000, 86_400_000, "How long a call waits for a person's answer"),
  denialHoldMs: count(
    60_000,
    0,
    3_600_000,
    "How long a denied call that is repeated is denied without asking again",
  ),
  auditSync: v.optional(
    v.pipe(
      v.picklist(["normal", "full"]),
      v.description(
        "normal: an audit record survives kill -9 of the node. full: it survives a power cut too, and each commit waits for the disk",
      ),
    ),
    "normal",
  ),
  auditKeepDays: count(365, 1, 36_500, "Older audit records are removed"),
  auditRecordsMax: count(
    1_000_000,
    1_000,
    100_000_000,
    "Beyond this many the oldest audit records are removed",
  ),
  keyring: v.optional(
    v.pipe(
      v.picklist(["auto", "file", "required"]),
      v.description(
        "Who holds the key of the secrets. auto: whoever has it, and a new one goes into the file, so that copying the data directory moves the node. file: the file. required: the system's keyring, so that a copy of the directory opens no secret",
      ),
    ),
    "auto",
  ),
});

const SecretNames = v.strictObject({
  names: v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.maxLength(1_000)),
});

export const access = defineModule({
  id: "access",
  summary: "Owner, tokens, approvals, audit and secrets",
  required: true,
  config,
  permissions: {
    "access.admin": {
      summary: "Tokens, approvals, audit and secrets of this node",
      ownerOnly: true,
    },
    "access.secret.use": {
      summary: "Have a command get these secrets by name",
      scope: SecretNames,
      covers: (scope, request) => {
        const { names } = scope as v.InferOutput<typeof SecretNames>;
        return (
          v.is(v.object({ name: v.string() }), request) &&
          names.some((pattern) => matches(pattern, request.name))
        );
      },
    },
  },
  requires: {
    kernel: KernelView,
    checks: Checks,
    clock: Clock,
    random: Random,
    log: Log,
    host: Host,
    files: Files,
  },
  provides: {
    credentials: Credentials,
    agents: Agents,
    secrets: Secrets,
    policy: Policy,
    journal: Journal,
    audit: AuditChain,
  },
  operations,
  start: async (input) => (await import("./start.ts")).startAccess(input),
});

/** `deploy/*` stands for every name that begins with `deploy/`; any other pattern for itself. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
