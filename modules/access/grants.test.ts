import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { decide, type Grant, type GrantSet, holds, type Permission } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import {
  assertAsksCount,
  checkedGrant,
  draftFromText,
  type GrantDraft,
  restoredGrant,
  warningsOf,
} from "./grants.ts";

const Paths = v.strictObject({ paths: v.array(v.string()) });
const permissions = new Map<string, Permission>([
  ["file.read", { summary: "Read", scope: Paths, covers: coversPath }],
  ["file.write", { summary: "Write", scope: Paths, covers: coversPath, warning: "it overwrites" }],
  ["status", { summary: "Look" }],
  ["admin", { summary: "Rule", ownerOnly: true, warning: "never" }],
]);

function coversPath(scope: unknown, request: unknown): boolean {
  return (scope as v.InferOutput<typeof Paths>).paths.includes((request as { path: string }).path);
}

function refusal(draft: GrantDraft | string): OperoneError {
  try {
    checkedGrant(typeof draft === "string" ? draftFromText(draft, "allow") : draft, permissions);
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a grant as an owner types it", () => {
  test("is a permission, and a scope that is * or JSON", () => {
    expect(checkedGrant(draftFromText("status=*", "allow"), permissions)).toEqual({
      permission: "status",
      scope: "*",
      decision: "allow",
    });
    expect(checkedGrant(draftFromText('file.read={"paths":["a=b"]}', "ask"), permissions)).toEqual({
      permission: "file.read",
      scope: { paths: ["a=b"] },
      decision: "ask",
    });
  });

  test("must name a permission that exists; a near one is suggested", () => {
    const error = refusal("file.raed=*");
    expect(error.code).toBe("invalid_input");
    expect(error.message).toMatch(/"file.raed".*did you mean "file.read"/);
    expect(error.details).toEqual({ permissions: ["file.read", "file.write", "status"] });
  });

  test("must have a scope, because an absent one covers nothing", () => {
    for (const text of ["file.read", "status", "*"]) expect(refusal(text).code).toBe("invalid_input");
    expect(refusal("file.read").message).toMatch(/covers nothing; write file.read=\*/);
  });

  test("must have a scope of the permission's own shape", () => {
    const wrong = [
      '{"path":["a"]}',
      '{"paths":"a"}',
      '{"paths":["a"],"more":1}',
      "[]",
      "1",
      "null",
      '"*"x',
      "a",
    ];
    for (const scope of wrong)
      expect([scope, refusal(`file.read=${scope}`).code]).toEqual([scope, "invalid_input"]);
    expect(refusal('file.read={"paths":[7]}').message).toMatch(/does not fit "file.read": paths.0/);
    expect(refusal('file.read={"path":["/a"]}').message).toMatch(
      /paths: is missing; path: there is no such key/,
    );
  });

  test("takes no scope but * where the permission is all or nothing", () => {
    expect(refusal('status={"paths":[]}').message).toMatch(/write status=\*/);
    expect(refusal("*=[]").message).toMatch(/written \*=\*/);
  });

  test("never holds what is the owner's alone, not even as a deny", () => {
    for (const decision of ["allow", "ask", "deny"] as const) {
      expect(refusal({ permission: "admin", scope: "*", decision }).code).toBe("forbidden");
    }
  });

  test("has a scope of bounded size", () => {
    const scope = { paths: ["x".repeat(20_000)] };
    expect(refusal({ permission: "file.read", scope, decision: "allow" }).code).toBe("too_large");
  });
});

test("warnings are those of everything that can match, and a deny warns of nothing", () => {
  const grant = (permission: string, decision: Grant["decision"]): Grant => ({
    permission,
    scope: "*",
    decision,
  });
  const warned = (...grants: Grant[]) => warningsOf(grants, permissions).map(({ permission }) => permission);
  expect(warned(grant("file.write", "allow"))).toEqual(["file.write"]);
  expect(warned(grant("file.write", "ask"))).toEqual(["file.write"]);
  expect(warned(grant("*", "allow"))).toEqual(["file.write"]);
  expect(warned(grant("file.write", "deny"), grant("file.read", "allow"))).toEqual([]);
});

test("an ask that would never ask is refused, one that asks for the rest is not", () => {
  const ask: Grant = { permission: "file.write", scope: "*", decision: "ask" };
  const part: Grant = { permission: "file.write", scope: { paths: ["a"] }, decision: "allow" };
  const refuse = (winner: Grant) => expect(() => assertAsksCount([ask, winner])).toThrow(/would never ask/);
  refuse({ permission: "*", scope: "*", decision: "allow" });
  refuse({ permission: "file.write", scope: "*", decision: "allow" });
  assertAsksCount([ask, part]);
  assertAsksCount([ask, { permission: "file.read", scope: "*", decision: "allow" }]);
});

test("a stored scope that the permission no longer understands gives nothing, and denies everything", () => {
  const old = (decision: Grant["decision"]): Grant => ({
    permission: "file.read",
    scope: { folder: "a" },
    decision,
  });
  expect(restoredGrant(old("allow"), permissions)).toBeUndefined();
  expect(restoredGrant(old("ask"), permissions)).toBeUndefined();
  expect(restoredGrant(old("deny"), permissions)).toMatchObject({ decision: "deny", scope: "*" });
  const gone: Grant = { permission: "of.another.module", scope: { a: 1 }, decision: "allow" };
  expect(restoredGrant(gone, permissions)).toBeUndefined();
});

describe("whatever the grants are", () => {
  const path = fc.constantFrom("a", "b", "c");
  const scope = fc.oneof(fc.constant("*"), fc.record({ paths: fc.array(path, { maxLength: 3 }) }));
  const grant: fc.Arbitrary<Grant> = fc
    .record({
      permission: fc.constantFrom("file.read", "file.write", "status", "*", "gone"),
      scope: fc.oneof(scope, fc.constant(undefined)),
      decision: fc.constantFrom("allow", "ask", "deny"),
      expiresAtMs: fc.option(fc.constantFrom(500, 1_500), { nil: undefined }),
    })
    .map(({ expiresAtMs, ...rest }) => (expiresAtMs === undefined ? rest : { ...rest, expiresAtMs }));
  const grants = fc.array(grant, { maxLength: 6 });
  const request = fc.record({
    permission: fc.constantFrom("file.read", "file.write", "status", "admin", "gone"),
    request: path.map((one) => ({ path: one })),
  });
  const rank = { deny: 0, ask: 1, allow: 2 };
  const set = (held: readonly Grant[]): GrantSet => ({ holder: "test", owner: false, grants: held });
  const context = (...sets: readonly GrantSet[]) => ({
    permissions,
    sets,
    nowMs: () => 1_000,
    nodeNames: new Set<string>(),
  });
  const ranked = (sets: readonly GrantSet[], asked: { permission: string }) =>
    rank[decide(context(...sets), asked)];

  test("no grant at all, and no set at all, allows nothing", () => {
    fc.assert(
      fc.property(
        request,
        (asked) => ranked([], asked) === rank.deny && ranked([set([])], asked) === rank.deny,
      ),
    );
  });

  test("one more deny never widens", () => {
    fc.assert(
      fc.property(grants, grant, request, (held, extra, asked) => {
        const denied: Grant = { ...extra, decision: "deny" };
        expect(ranked([set([...held, denied])], asked)).toBeLessThanOrEqual(ranked([set(held)], asked));
      }),
    );
  });

  test("one more allow or ask never narrows below what a deny has taken", () => {
    fc.assert(
      fc.property(grants, grant, request, (held, extra, asked) => {
        const more: Grant = { ...extra, decision: "allow" };
        expect(ranked([set([...held, more])], asked)).toBeGreaterThanOrEqual(ranked([set(held)], asked));
      }),
    );
  });

  test("one more set only attenuates", () => {
    fc.assert(
      fc.property(grants, grants, request, (one, other, asked) => {
        const together = ranked([set(one), set(other)], asked);
        expect(together).toBe(Math.min(ranked([set(one)], asked), ranked([set(other)], asked)));
      }),
    );
  });

  test("the owner's permissions are out of reach", () => {
    fc.assert(
      fc.property(grants, (held) => {
        expect(ranked([set(held)], { permission: "admin" })).toBe(rank.deny);
        expect(holds(context(set(held)), "admin")).toBe(false);
      }),
    );
  });

  test("what was checked means the same after it was stored and read back", () => {
    const draft = fc.record({
      permission: fc.constantFrom("file.read", "file.write"),
      scope,
      decision: fc.constantFrom("allow" as const, "ask" as const, "deny" as const),
    });
    fc.assert(
      fc.property(draft, request, (one, asked) => {
        const checked = checkedGrant(one, permissions);
        const stored = { ...checked, scope: JSON.parse(JSON.stringify(checked.scope)) };
        const restored = restoredGrant(stored, permissions);
        expect(ranked([set(restored === undefined ? [] : [restored])], asked)).toBe(
          ranked([set([checked])], asked),
        );
      }),
    );
  });
});
