import { expect, test } from "bun:test";
import { visible } from "../../src/kernel/plain-text.ts";
import {
  renderAgents,
  renderApprovalDetail,
  renderAudit,
  renderCreated,
  renderCreatedAgent,
  renderToken,
  renderTokens,
} from "./render.ts";
import type { ApprovalDetail, AuditOut, CreatedToken } from "./shapes.ts";

const clearScreen = "\u001b[2J";
const caller = { kind: "agent", id: "a", name: `bot${clearScreen}` } as const;

test("control characters and those that reorder text are written out", () => {
  expect(visible(`a${clearScreen}\r\n\u009b1m\u202egnp.exe\u2066\u200b`)).toBe(
    "a\\u{1b}[2J\\u{d}\\u{a}\\u{9b}1m\\u{202e}gnp.exe\\u{2066}\\u{200b}",
  );
  expect(visible("Grüße, 世界 👍")).toBe("Grüße, 世界 👍");
});

test("what would run is shown so that it cannot pose as something else", () => {
  const approval: ApprovalDetail = {
    id: "abc",
    state: "pending",
    operation: "demo.run",
    effect: "destroy",
    caller,
    permissions: ["demo.run"],
    createdAtMs: 0,
    expiresAtMs: 1,
    waiting: 1,
    callId: "c",
    preview: { argv: [`rm${clearScreen}`, "\u202e/ fr-"] },
    requests: [{ permission: "demo.run", request: { command: `rm${clearScreen}` } }],
    warnings: [{ permission: "demo.run", warning: "careful" }],
    inputDigest: "",
    reason: `no${clearScreen}`,
  };
  const { stdout } = renderApprovalDetail(approval);
  for (const sign of ["\u001b", "\u202e"]) expect(String(stdout)).not.toContain(sign);
  expect(String(stdout)).toContain("Exactly this will happen:");
  expect(String(stdout)).toContain("Warning: demo.run: careful");
});

test("an audit record is one line, whatever its caller is called", () => {
  const record: AuditOut = {
    seq: 1,
    atMs: 0,
    kind: "outcome",
    callId: "c",
    caller: { ...caller, name: "a\nb" },
    surface: "http",
    operation: "demo.run",
    effect: "write",
    inputDigest: "",
    code: "ok",
    durationMs: 1,
    hash: "",
  };
  expect(String(renderAudit(record).stdout).trimEnd().split("\n")).toHaveLength(1);
});

test("a new token alone goes to standard output, so that it can be piped", () => {
  const created: CreatedToken = {
    id: "i",
    name: "ci",
    kind: "token",
    grants: [{ origin: "token", permission: "demo.run", scope: "*", decision: "allow" }],
    bearer: true,
    createdAtMs: 0,
    token: "opt_i_secret",
    warnings: [{ permission: "demo.run", warning: "careful" }],
  };
  const { stdout, stderr } = renderCreated(created);
  expect(stdout).toBe("opt_i_secret\n");
  expect(String(stderr)).toContain("allow demo.run=*");
  expect(String(stderr)).toContain("expires never");
  expect(String(stderr)).toContain("careful");
});

test("an agent is shown with when it last called, and its token goes alone to standard output", () => {
  const agent = { id: "i", name: "bot", kind: "agent", bearer: false, createdAtMs: 0, grants: [] } as const;
  const agents = [
    { ...agent, grants: [], lastUsedAtMs: 0 },
    { ...agent, name: "web", grants: [], bearer: true, endedBy: "revoked" as const },
  ];
  const { stdout } = renderAgents({ agents });
  expect(stdout).toMatch(/bot +0 +- +no +1970-01-01/);
  expect(stdout).toMatch(/web +0 +- +yes +never +revoked/);
  expect(renderAgents({ agents: [] }).stdout).toContain("operone mcp connect");
  const made = renderCreatedAgent({ ...agent, grants: [], token: "opt_i_secret", warnings: [] });
  expect(made.stdout).toBe("opt_i_secret\n");
  expect(String(made.stderr)).toContain("agent bot (i), expires never");
  const quiet = renderCreatedAgent({
    ...agent,
    grants: [],
    warnings: [{ permission: "p", warning: "careful" }],
  });
  expect(String(quiet.stdout)).toContain("Warning: p: careful");
});

test("the nodes on which a token counts are shown wherever it is, and a role's grants are counted", () => {
  const grant = { permission: "demo.run", scope: "*", decision: "allow" } as const;
  const base = { id: "i", name: "ci", kind: "token", bearer: true, createdAtMs: 0 } as const;
  const created: CreatedToken = {
    ...base,
    grants: [{ ...grant, origin: "token", nodes: ["pi", "self"] }],
    token: "opt_i_secret",
    warnings: [],
  };
  expect(renderCreated(created).stderr).toContain("allow demo.run=* on pi, self");
  const role = {
    ...base,
    role: "operator" as const,
    grants: [{ ...grant, origin: "role" as const, nodes: "*" as const }],
  };
  expect(renderToken(role).stdout).toContain("allow demo.run=* on every node (operator)");
  const here = {
    ...base,
    name: "here",
    grants: [
      { ...grant, origin: "token" as const },
      { ...grant, origin: "token" as const },
    ],
  };
  const { stdout } = renderTokens({ tokens: [role, here, { ...base, name: "empty", grants: [] }] });
  expect(stdout).toMatch(/ci +token +operator +1 +every node/);
  expect(stdout).toMatch(/here +token +- +2 +here/);
  expect(stdout).toMatch(/empty +token +- +0 +-/);
});
