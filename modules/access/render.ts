/** What a person sees at the terminal. Whatever a caller could choose is made visible: it must not move the cursor. */
import type { CliOutput } from "../../src/kernel/operation.ts";
import { lines, moment, table, visible } from "../../src/kernel/plain-text.ts";
import type {
  ApprovalDetail,
  ApprovalOut,
  AuditOut,
  CreatedAgent,
  CreatedToken,
  GrantOut,
  TokenOut,
} from "./shapes.ts";

function grantLine({
  decision,
  permission,
  scope,
  nodes,
}: Pick<GrantOut, "decision" | "permission" | "scope" | "nodes">): string {
  const what = scope === "*" ? "*" : JSON.stringify(scope);
  const where = nodes === undefined ? "" : ` on ${nodesText(nodes)}`;
  return visible(`${decision} ${permission}=${what}${where}`);
}

function nodesText(nodes: NonNullable<GrantOut["nodes"]>): string {
  return nodes === "*" ? "every node" : nodes.join(", ");
}

/** Of all grants together; those that name no node count on this one alone. */
function whereText(grants: readonly GrantOut[]): string {
  const places = new Set(grants.map(({ nodes }) => (nodes === undefined ? "here" : nodesText(nodes))));
  return [...places].join("; ") || "-";
}

export function renderCreated(created: CreatedToken): CliOutput {
  const rights =
    created.grants.length === 0
      ? ["It has no rights."]
      : created.grants.map((grant) => `  ${grantLine(grant)}`);
  const warnings = created.warnings.map(({ permission, warning }) => `Warning: ${permission}: ${warning}`);
  const note = [
    `Token "${created.name}" (${created.id}), expires ${moment(created.expiresAtMs)}. It is shown only now:`,
  ];
  return { stdout: `${created.token}\n`, stderr: `${[...note, ...rights, ...warnings].join("\n")}\n` };
}

export function renderToken(token: TokenOut): CliOutput {
  return lines(...tokenLines(token));
}

function tokenLines(token: TokenOut): readonly string[] {
  const state =
    token.endedBy === undefined
      ? `expires ${moment(token.expiresAtMs)}`
      : `${token.endedBy} ${moment(token.endedAtMs)}`;
  const grants = token.grants.map(
    (grant) =>
      `  ${grantLine(grant)}${grant.id === undefined ? ` (${token.role ?? "role"})` : ` [${grant.id}]`}`,
  );
  return [`${token.kind} ${visible(token.name)} (${token.id}), ${state}`, ...grants];
}

export function renderTokens({ tokens }: { readonly tokens: readonly TokenOut[] }): CliOutput {
  if (tokens.length === 0) return lines("There are no tokens.");
  const rows = tokens.map(({ id, name, kind, role, grants, expiresAtMs, endedBy }) => {
    return [
      id,
      name,
      kind,
      role ?? "-",
      `${grants.length}`,
      whereText(grants),
      endedBy ?? moment(expiresAtMs),
    ];
  });
  return table([["ID", "NAME", "KIND", "ROLE", "GRANTS", "NODES", "EXPIRES"], ...rows]);
}

/** The secret alone goes to the output, so that it can be kept in a variable. */
export function renderCreatedAgent(created: CreatedAgent): CliOutput {
  const { token, warnings, ...agent } = created;
  const warned = warnings.map(({ permission, warning }) => `Warning: ${permission}: ${warning}`);
  const notes = [...tokenLines(agent), ...warned];
  if (token === undefined) return lines(...notes);
  return { stdout: `${token}\n`, stderr: `${[...notes, "Its token is shown only now:"].join("\n")}\n` };
}

export function renderAgents({ agents }: { readonly agents: readonly TokenOut[] }): CliOutput {
  if (agents.length === 0) return lines('There are no agents; "operone mcp connect" connects one.');
  const rows = agents.map(({ id, name, grants, bearer, lastUsedAtMs, expiresAtMs, endedBy }) => [
    id,
    name,
    `${grants.length}`,
    whereText(grants),
    bearer ? "yes" : "no",
    lastUsedAtMs === undefined ? "never" : moment(lastUsedAtMs),
    endedBy ?? moment(expiresAtMs),
  ]);
  return table([["ID", "NAME", "GRANTS", "NODES", "TOKEN", "LAST USED", "EXPIRES"], ...rows]);
}

export function renderApprovals({ approvals }: { readonly approvals: readonly ApprovalOut[] }): CliOutput {
  if (approvals.length === 0) return lines("Nothing waits for approval.");
  return table([
    ["ID", "STATE", "CALLER", "OPERATION", "PERMISSIONS", "UNTIL"],
    ...approvals.map(approvalRow),
  ]);
}

function approvalRow({ id, state, caller, operation, permissions, expiresAtMs }: ApprovalOut): string[] {
  return [id, state, `${caller.kind} ${caller.name}`, operation, permissions.join(","), moment(expiresAtMs)];
}

export function renderApproval(approval: ApprovalOut): CliOutput {
  return table([approvalRow(approval)]);
}

export function renderApprovalDetail(approval: ApprovalDetail): CliOutput {
  const { id, state, caller, operation, effect, requests, preview, warnings, waiting, expiresAtMs, reason } =
    approval;
  const asks = requests.map(
    ({ permission, request }) =>
      `  ${permission}${request === undefined ? "" : ` ${JSON.stringify(request)}`}`,
  );
  const text = JSON.stringify(preview, undefined, 2)
    .split("\n")
    .map((line) => `  ${line}`);
  return lines(
    ...[
      `${id}: ${state}${reason === undefined ? "" : ` (${reason})`}, until ${moment(expiresAtMs)}`,
      `${caller.kind} "${caller.name}" (${caller.id}) wants ${operation} (${effect}); ${waiting === 0 ? "it has left, and may come back" : "it waits"}`,
      "It asks for:",
      ...asks,
      "Exactly this will happen:",
      ...text,
      ...warnings.map(({ permission, warning }) => `Warning: ${permission}: ${warning}`),
    ].map(visible),
  );
}

export function renderAudit(record: AuditOut): CliOutput {
  const { seq, atMs, kind, caller, operation, surface, code, callId } = record;
  return lines(
    visible(
      `${seq}  ${moment(atMs)}  ${kind}  ${caller.kind} ${caller.name}  ${operation}  ${surface}  ${code}  ${callId}`,
    ),
  );
}
