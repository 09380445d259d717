/** What the writer and the judge of the crash test agree on. */
import type { ApprovalRequest, AuditRecord } from "../../src/kernel/ports.ts";

export type Acknowledged =
  | { readonly kind: "token" | "revoked"; readonly token: string }
  | { readonly kind: "approved" | "used" | "secret"; readonly name: string }
  | { readonly kind: "audit"; readonly callIds: readonly string[] };

/** One caller for each, so that no queue limit is met. */
export function approvalOf(name: string): ApprovalRequest {
  return {
    callId: name,
    caller: { kind: "agent", id: name, name: "bot" },
    operation: "demo.run",
    effect: "destroy",
    requests: [{ permission: "demo.run", request: { command: name } }],
    preview: { willRun: name },
    inputDigest: name,
  };
}

export function recordOf(callId: string): AuditRecord {
  return {
    kind: "outcome",
    callId,
    caller: { kind: "agent", id: "a", name: "bot" },
    surface: "http",
    operation: "demo.run",
    effect: "destroy",
    inputDigest: "",
    code: "ok",
    durationMs: 0,
  };
}
