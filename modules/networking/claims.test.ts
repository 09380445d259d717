import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { decide, type Grant, type GrantSet, holds, type Permission } from "../../src/kernel/authority.ts";
import { roleNames } from "../access/contract.ts";
import { claimsFor, claimsLengthMax, judged, readClaims, type Sender } from "./claims.ts";

const Paths = v.strictObject({ paths: v.array(v.string()) });
const permissions = new Map<string, Permission>([
  [
    "fs.write",
    {
      summary: "Write",
      scope: Paths,
      covers: (scope, request) =>
        (scope as v.InferOutput<typeof Paths>).paths.some((path) =>
          String((request as { path: string }).path).startsWith(path),
        ),
    },
  ],
  ["node.observe", { summary: "See" }],
  ["shell.unconfined", { summary: "Run" }],
  ["access.admin", { summary: "Own", ownerOnly: true }],
]);
const pi = { peerId: "12D3pi", names: new Set(["12D3pi", "pi"]) };
const owner: GrantSet = { holder: "owner", owner: true, grants: [] };
const ownerCaller = { kind: "owner", id: "owner", name: "owner" } as const;
const agent = { kind: "agent", id: "t1", name: "helper" } as const;

function token(...grants: readonly Partial<Grant>[]): GrantSet {
  return {
    holder: "token helper",
    owner: false,
    grants: grants.map((grant) => ({
      permission: "fs.write",
      scope: { paths: ["/data"] },
      decision: "allow",
      nodes: "*",
      ...grant,
    })),
  };
}

function sender(role: Sender["role"], cap: Sender["cap"]): Sender {
  return { peerId: "12D3laptop", name: "laptop", role, cap };
}

function arriving(
  sets: readonly GrantSet[],
  from: Sender,
  caller: typeof agent | typeof ownerCaller = agent,
) {
  const claims = readClaims(JSON.parse(JSON.stringify(claimsFor(pi, { caller, sets }, "1.0.0"))));
  const { sets: all, caller: named } = judged(claims, from, permissions);
  const context = { permissions, sets: all, nowMs: () => 1_000, nodeNames: new Set<string>() };
  return {
    caller: named,
    decide: (permission: string, request?: unknown) => decide(context, { permission, request }),
    holds: (permission: string) => holds(context, permission),
  };
}

const admin = sender("admin", "admin");

test("an agent limited to /data there has no more than /data here, whatever its node may do", () => {
  const call = arriving([token({})], admin);
  expect(call.decide("fs.write", { path: "/data/a" })).toBe("allow");
  expect(call.decide("fs.write", { path: "/etc/passwd" })).toBe("deny");
  expect(call.decide("shell.unconfined")).toBe("deny");
  expect(call.decide("access.admin")).toBe("deny");
  expect(call.caller).toEqual({ kind: "agent", id: "12D3laptop/agent/t1", name: "helper@laptop" });
});

test("the owner of an admin node that is admin here is as good as the owner here, and no other role is", () => {
  for (const role of roleNames) {
    for (const cap of roleNames) {
      const call = arriving([owner], sender(role, cap), ownerCaller);
      const full = role === "admin" && cap === "admin";
      expect(call.decide("access.admin")).toBe(full ? "allow" : "deny");
      expect(call.decide("shell.unconfined")).toBe(full ? "allow" : "deny");
      expect(call.decide("node.observe")).toBe("allow");
    }
  }
});

test("a grant without nodes, of self, or of other nodes does not travel", () => {
  for (const nodes of [undefined, ["self"], ["nas"], []] as const) {
    const { nodes: _, ...rest } = token({}).grants[0] ?? expect.unreachable();
    const set = { ...token(), grants: [nodes === undefined ? rest : { ...rest, nodes }] };
    expect(arriving([set], admin).decide("fs.write", { path: "/data/a" })).toBe("deny");
  }
  for (const nodes of ["*", ["pi"], ["12D3pi"]] as const) {
    expect(arriving([token({ nodes })], admin).decide("fs.write", { path: "/data/a" })).toBe("allow");
  }
});

test("ask and deny travel, and an expiry counts where it runs too", () => {
  expect(arriving([token({ decision: "ask" })], admin).decide("fs.write", { path: "/data/a" })).toBe("ask");
  const denied = token({}, { decision: "deny", scope: { paths: ["/data/secret"] } });
  expect(arriving([denied], admin).decide("fs.write", { path: "/data/secret/a" })).toBe("deny");
  expect(arriving([denied], admin).decide("fs.write", { path: "/data/a" })).toBe("allow");
  expect(arriving([token({ expiresAtMs: 999 })], admin).decide("fs.write", { path: "/data/a" })).toBe("deny");
});

test("a scope that this version cannot read allows nothing and denies everything", () => {
  const strange = { scope: { globs: ["/data/**"] } };
  expect(arriving([token(strange)], admin).decide("fs.write", { path: "/data/a" })).toBe("deny");
  const denied = token({}, { decision: "deny", ...strange });
  expect(arriving([denied], admin).decide("fs.write", { path: "/data/a" })).toBe("deny");
});

test("a call that carries nothing may do nothing, and one without claims is refused", () => {
  const call = arriving([], admin);
  expect(call.holds("node.observe")).toBe(false);
  for (const claims of [undefined, null, {}, { sets: [owner] }, "owner"]) {
    expect(() => readClaims(claims)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  }
  const claims = { ...claimsFor(pi, { caller: agent, sets: [] }, "1"), hops: 3 };
  expect(() => readClaims(claims)).toThrow(expect.objectContaining({ code: "invalid_input" }));
});

test("a call goes over two nodes and no further", () => {
  const call = { caller: agent, sets: [] };
  expect(claimsFor(pi, call, "1").hops).toBe(1);
  expect(claimsFor(pi, { ...call, hops: 1 }, "1").hops).toBe(2);
  expect(() => claimsFor(pi, { ...call, hops: 2 }, "1")).toThrow(/has come over 2 nodes/);
});

test("whatever is carried, nothing is allowed that the sending node's role and this node's cap do not allow", () => {
  const anyGrant = fc.record({
    permission: fc.constantFrom("*", ...permissions.keys()),
    scope: fc.constantFrom<unknown>("*", { paths: ["/"] }, { paths: [] }, undefined, 7),
    decision: fc.constantFrom("allow" as const, "ask" as const, "deny" as const),
    nodes: fc.constantFrom<"*" | readonly string[]>("*", ["pi"], ["self"]),
  });
  const anySet = fc.record({
    holder: fc.string(),
    owner: fc.boolean(),
    grants: fc.array(anyGrant, { maxLength: 5 }),
  });
  const role = fc.constantFrom(...roleNames);
  fc.assert(
    fc.property(fc.array(anySet, { maxLength: 4 }), role, role, (sets, nodeRole, cap) => {
      const call = arriving(sets, sender(nodeRole, cap));
      if (nodeRole === "admin" && cap === "admin") return;
      for (const name of ["access.admin", "shell.unconfined", "fs.write"]) {
        expect(call.decide(name, { path: "/data/a" })).toBe("deny");
      }
    }),
  );
});

test("a denial for a name that the node tells travels, where an allowance for it does not", () => {
  const target = { peerId: "12D3x", names: new Set(["12D3x"]), alsoDenied: new Set(["pi"]) };
  const sets = [token({ nodes: ["pi"] }, { nodes: ["pi"], decision: "deny" })];
  const [set] = claimsFor(target, { caller: agent, sets }, "1.0.0").sets;
  expect(set?.grants.map(({ decision }) => decision)).toEqual(["deny"]);
});

test("a caller's name holds no sign that hides or reorders another", () => {
  const claims = claimsFor(
    pi,
    { caller: { ...agent, id: "a\u202eb", name: "x\u001b[2J" }, sets: [] },
    "1.0.0",
  );
  const { caller } = judged(claims, sender("admin", "admin"), permissions);
  expect([caller.id, caller.name]).toEqual(["12D3laptop/agent/a\\u{202e}b", "x\\u{1b}[2J@laptop"]);
});

test("claims beyond 64 KiB are refused before they are looked at", () => {
  const grants = [{ permission: "fs.write", scope: "x".repeat(claimsLengthMax), decision: "allow" }];
  const claims = { version: "1", caller: agent, sets: [{ holder: "h", owner: false, grants }], hops: 1 };
  expect(() => readClaims(claims)).toThrow(/use a token with fewer/);
});
