/** Every operation of access. All but `whoami` belong to the owner: no token and no agent can widen its own rights. */
import * as v from "valibot";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import { agentOperations } from "./operations-agents.ts";
import { approvalOperations } from "./operations-approvals.ts";
import { auditOperations } from "./operations-audit.ts";
import { secretOperations } from "./operations-secrets.ts";
import { tokenOperations } from "./operations-tokens.ts";
import { roleNames, roles } from "./roles.ts";
import { GrantOut, WhoAmI } from "./shapes.ts";
import type { AccessState } from "./state.ts";

const op = operationsOf<AccessState>("access");
const needs = ["access.admin"];

const whoami = op({
  name: "whoami",
  summary: "Show who you are to this node, and what you may do",
  effect: "read",
  needs: [],
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: v.strictObject({}),
  output: WhoAmI,
  cli: { alias: ["whoami"] },
  examples: [{ input: {} }],
  async run(access, _input, { caller, authority }) {
    const expiresAtMs = (await access).tokens.expiryOf(caller.id);
    const sets = authority.sets.map(({ holder, owner, grants }) => ({
      holder,
      owner,
      grants: grants.map(({ nodes, ...grant }) => ({
        scope: undefined,
        ...grant,
        ...(nodes === undefined ? {} : { nodes: nodes === "*" ? nodes : [...nodes] }),
      })),
    }));
    return { caller: { ...caller }, sets, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  },
});

const roleList = op({
  name: "role-list",
  summary: "List the roles that a token can have, and what each grants",
  effect: "read",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({
    roles: v.array(
      v.strictObject({
        name: v.picklist(roleNames),
        summary: v.string(),
        grants: v.array(v.omit(GrantOut, ["id", "origin", "nodes", "expiresAtMs"])),
      }),
    ),
  }),
  cli: { alias: ["roles"] },
  examples: [{ input: {} }],
  run: () => ({
    roles: roleNames.map((name) => ({
      ...roles[name],
      grants: roles[name].grants.map(({ permission, scope, decision }) => ({ permission, scope, decision })),
    })),
  }),
});

const permissionList = op({
  name: "permission-list",
  summary: "List the permissions of this node, and what to know before granting them",
  effect: "read",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({
    permissions: v.array(
      v.strictObject({
        permission: v.string(),
        summary: v.string(),
        /** False: its scope is written "*". */
        scoped: v.boolean(),
        ownerOnly: v.boolean(),
        warning: v.optional(v.string()),
      }),
    ),
  }),
  cli: { alias: ["permissions"] },
  examples: [{ input: {} }],
  async run(access) {
    const all = [...(await access).permissions].map(
      ([permission, { summary, scope, ownerOnly, warning }]) => ({
        permission,
        summary,
        scoped: scope !== undefined,
        ownerOnly: ownerOnly === true,
        ...(warning === undefined ? {} : { warning }),
      }),
    );
    return { permissions: all.toSorted((a, b) => (a.permission < b.permission ? -1 : 1)) };
  },
});

const ownerTokenRotate = op({
  name: "owner-token-rotate",
  summary: "Replace the owner token",
  description:
    "The old one is refused at once; calls that run under it end a second later. The new one is in the file, and is not shown.",
  effect: "destroy",
  needs,
  input: v.strictObject({}),
  output: v.strictObject({ path: v.string() }),
  run: async (access) => (await access).owner.rotate(),
});

export const operations: readonly Operation<AccessState>[] = [
  whoami,
  ownerTokenRotate,
  roleList,
  permissionList,
  ...tokenOperations,
  ...agentOperations,
  ...approvalOperations,
  ...auditOperations,
  ...secretOperations,
];
