/** The queue of calls that wait for a person. */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { renderApproval, renderApprovalDetail, renderApprovals } from "./render.ts";
import { ApprovalDetail, ApprovalId, ApprovalOut } from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];
const approval = v.pipe(ApprovalId, v.description("Its id, as approval-list gives it"));

const approvalList = op({
  name: "approval-list",
  summary: "List the calls that wait for approval",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({
    all: v.optional(v.pipe(v.boolean(), v.description("Answered and expired ones too")), false),
  }),
  output: v.strictObject({ approvals: v.array(ApprovalOut) }),
  cli: { alias: ["approvals"], render: renderApprovals },
  examples: [{ input: {}, output: { approvals: [] } }],
  run: async (access, { all }) => ({ approvals: (await access).approvals.list(!all) }),
});

const approvalShow = op({
  name: "approval-show",
  summary: "Show exactly what would run",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({ approval }),
  output: ApprovalDetail,
  errors: ["not_found"],
  cli: { positional: ["approval"], alias: ["approval show"], render: renderApprovalDetail },
  run: async (access, input) => (await access).approvals.show(input.approval),
});

const approvalApprove = op({
  name: "approval-approve",
  summary: "Let a waiting call run",
  description:
    "`once`: this very call, and if its caller has left, one repetition of it before the approval expires. `session`: this operation with these permissions by this caller, whatever its input, until the node stops. `pattern`: gives the token a grant with the scope that you write; it is kept, shown by token-show and taken back by grant-revoke.",
  effect: "write",
  needs,
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({
    approval,
    for: v.optional(
      v.pipe(v.picklist(["once", "session", "pattern"]), v.description("How much is approved")),
      "once",
    ),
    scope: v.optional(v.pipe(v.unknown(), v.description("For a pattern: the scope of the grant, as JSON"))),
    acceptWarnings: v.optional(
      v.pipe(v.boolean(), v.description("For a pattern: you have read what the permission warns of")),
      false,
    ),
  }),
  output: ApprovalOut,
  errors: ["conflict", "not_found", "limited", "precondition_failed", "too_large"],
  cli: { positional: ["approval"], alias: ["approve"], render: renderApproval },
  async run(access, { approval: id, for: how, scope, acceptWarnings }) {
    const { approvals } = await access;
    if (how === "pattern") return approvals.approvePattern(id, scope, acceptWarnings);
    if (scope !== undefined) {
      throw new OperoneError(
        "invalid_input",
        `A scope is for a pattern; add "for": "pattern" (--for pattern) to give a grant`,
      );
    }
    return how === "once" ? approvals.approveOnce(id) : approvals.approveSession(id);
  },
});

const approvalDeny = op({
  name: "approval-deny",
  summary: "Refuse a waiting call, or take back an approval that was not used",
  effect: "write",
  needs,
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({
    approval,
    reason: v.optional(v.pipe(v.string(), v.maxLength(500), v.description("Told to the caller"))),
  }),
  output: ApprovalOut,
  errors: ["conflict", "not_found"],
  cli: { positional: ["approval"], alias: ["deny"], render: renderApproval },
  run: async (access, { approval: id, reason }) => (await access).approvals.deny(id, reason),
});

const approvalWatch = op({
  name: "approval-watch",
  summary: "Follow the queue: what waits now, then every new call and every answer",
  effect: "read",
  needs,
  surfaces: ["http", "cli", "mesh"],
  gives: "items",
  input: v.strictObject({}),
  output: ApprovalOut,
  errors: ["limited"],
  cli: { alias: ["approval watch"], render: renderApproval },
  async *run(access, _input, { signal, sharedBy }) {
    yield* (await access).approvals.watch(signal, sharedBy);
  },
});

export const approvalOperations = [approvalList, approvalShow, approvalApprove, approvalDeny, approvalWatch];
