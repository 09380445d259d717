/** Roles are named grant sets. A token may have one, and more grants beside it. */
import type { Grant } from "../../src/kernel/authority.ts";

/** From the least to the most. */
export const roleNames = ["observer", "operator", "admin"] as const;
export type RoleName = (typeof roleNames)[number];

export interface Role {
  readonly name: RoleName;
  readonly summary: string;
  readonly grants: readonly Grant[];
}

function allow(permission: string): Grant {
  return { permission, scope: "*", decision: "allow" };
}

/** As much as a confined command may have as its workspace: no keys, no settings, nothing that programs obey. */
function homeFiles(permission: string): Grant {
  return { permission, scope: { paths: ["~"], hidden: false }, decision: "allow" };
}

/** A permission that no module of this binary defines allows nothing, so naming it early is harmless. */
export const roles: Readonly<Record<RoleName, Role>> = {
  observer: {
    name: "observer",
    summary: "Sees the state of the node and of its mesh; changes nothing and runs nothing",
    grants: [allow("node.observe"), allow("networking.observe")],
  },
  operator: {
    name: "operator",
    summary:
      "Sees the state and the log, runs confined commands, and works on files of the home that are not hidden",
    grants: [
      allow("node.observe"),
      allow("networking.observe"),
      allow("node.log"),
      allow("shell.run"),
      // It adds nothing to all commands. But a call from another node needs it of this role too.
      allow("shell.script"),
      homeFiles("fs.read"),
      homeFiles("fs.write"),
    ],
  },
  admin: {
    name: "admin",
    summary: "Everything that is not the owner's alone, unconfined commands included",
    grants: [allow("*")],
  },
};

export function roleOf(name: string | null | undefined): Role | undefined {
  return roleNames.some((known) => known === name) ? roles[name as RoleName] : undefined;
}

/** A role's grants where they count. */
export function roleGrants({
  role,
  nodes,
}: {
  readonly role: string | null;
  /** JSON: a list of nodes; null: here alone. */
  readonly nodes: string | null;
}): readonly Grant[] {
  const grants = roleOf(role)?.grants ?? [];
  if (nodes === null) return grants;
  return grants.map((grant) => ({ ...grant, nodes: JSON.parse(nodes) as "*" | readonly string[] }));
}
