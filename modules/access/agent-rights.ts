/** What a new agent may do unless its owner says otherwise: work in the folders it was given, and ask for the rest. */
import type { GrantDraft, Permissions } from "./grants.ts";

/** Permissions of which an agent may ask a person for anything, and what it may do with a workspace by itself. */
const asked = ["fs.read", "fs.write", "shell.run"];

function allow(permission: string, scope: unknown): GrantDraft {
  return { permission, scope, decision: "allow" };
}

/**
 * A folder in the home in both spellings: a right to commands counts for a folder as the call writes it, and a shell
 * makes `/home/me/a` of the `~/a` that an agent will write.
 *
 * @param home of the node's user, absolute
 */
export function bothSpellings(workspaces: readonly string[], home: string): readonly string[] {
  const spelled = workspaces.flatMap((path) => {
    if (path === "~" || path.startsWith("~/")) return [`${home}${path.slice(1)}`, path];
    return path === home || path.startsWith(`${home}/`) ? [path, `~${path.slice(home.length)}`] : [path];
  });
  return [...new Set(spelled)];
}

/**
 * Files without hidden ones, because those hold keys and what programs obey (a hook below `.git` runs as the owner);
 * commands only confined, and without a network. What a person approves is judged call by call.
 *
 * @param explicit what the owner wrote: an `ask` beside an `allow` of everything would never ask
 */
export function usualRights(
  workspaces: readonly string[],
  explicit: readonly GrantDraft[],
  permissions: Permissions,
): readonly GrantDraft[] {
  const files = { paths: workspaces, hidden: false };
  const inWorkspaces =
    workspaces.length === 0
      ? []
      : [
          allow("fs.read", files),
          allow("fs.write", files),
          allow("shell.run", { commands: ["**"], workspaces }),
        ];
  const all: readonly GrantDraft[] = [
    allow("node.observe", "*"),
    allow("networking.observe", "*"),
    ...inWorkspaces,
    ...asked.map((permission): GrantDraft => ({ permission, scope: "*", decision: "ask" })),
  ];
  // A binary without one of these modules knows no such permission, and nothing could be asked of it.
  return all.filter((grant) => permissions.has(grant.permission) && !saidAnyhow(grant, explicit));
}

function saidAnyhow({ permission, decision }: GrantDraft, explicit: readonly GrantDraft[]): boolean {
  return explicit.some(
    (one) =>
      one.decision !== "deny" &&
      one.scope === "*" &&
      (one.permission === "*" ? decision === "ask" : one.permission === permission),
  );
}
