import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AuthorityContext,
  authorityOf,
  type Decision,
  decide,
  forbids,
  type Grant,
  holds,
  type Permission,
} from "./authority.ts";
import { OperoneError } from "./error.ts";

const permissions = new Map<string, Permission>([
  ["fs.read", { summary: "Read", covers: (scope, request) => inside(scope, request) }],
  [
    "fs.broken",
    {
      summary: "Throws",
      covers: () => {
        throw new Error("cannot judge");
      },
    },
  ],
  ["node.observe", { summary: "Observe" }],
  ["access.admin", { summary: "Own", ownerOnly: true }],
]);

function inside(scope: unknown, request: unknown): boolean {
  const { paths } = scope as { paths: readonly string[] };
  const { path } = request as { path: string };
  return paths.some((root) => path === root || path.startsWith(`${root}/`));
}

function context(sets: readonly (readonly Grant[] | "owner")[], nowMs = 1_000): AuthorityContext {
  return {
    permissions,
    nowMs: () => nowMs,
    nodeNames: new Set(["pi"]),
    sets: sets.map((grants, index) => ({
      holder: `set ${index}`,
      owner: grants === "owner",
      grants: grants === "owner" ? [] : grants,
    })),
  };
}

const allow = (permission: string, scope?: unknown, more: Partial<Grant> = {}): Grant => ({
  permission,
  decision: "allow",
  ...(scope === undefined ? {} : { scope }),
  ...more,
});
const readData = { permission: "fs.read", request: { path: "/data/a" } };

test("no grant set at all allows nothing", () => {
  assert.equal(decide(context([]), readData), "deny");
  assert.equal(holds(context([]), "fs.read"), false);
});

test("an empty grant list, an absent scope and an empty scope allow nothing", () => {
  for (const grants of [[], [allow("fs.read")], [allow("fs.read", { paths: [] })]]) {
    assert.equal(decide(context([grants]), readData), "deny");
  }
});

test("a scope allows what it covers and nothing beside it", () => {
  const grants = [allow("fs.read", { paths: ["/data"] })];
  assert.equal(decide(context([grants]), readData), "allow");
  assert.equal(
    decide(context([grants]), { permission: "fs.read", request: { path: "/data-other" } }),
    "deny",
  );
});

test("every grant set must allow, so a second set only ever takes away", () => {
  const wide = [allow("fs.read", "*")];
  const narrow = [allow("fs.read", { paths: ["/notes"] })];
  assert.equal(decide(context([wide, narrow]), readData), "deny");
  assert.equal(decide(context([wide, wide]), readData), "allow");
  assert.equal(decide(context(["owner", narrow]), readData), "deny");
});

test("the owner holds what no grant can hold", () => {
  assert.equal(decide(context(["owner"]), { permission: "access.admin" }), "allow");
  for (const grants of [[allow("*", "*")], [allow("access.admin", "*")]]) {
    assert.equal(decide(context([grants]), { permission: "access.admin" }), "deny");
    assert.equal(holds(context([grants]), "access.admin"), false);
  }
});

test("a permission that no module declares is denied, to the owner as well", () => {
  assert.equal(decide(context(["owner"]), { permission: "fs.raed" }), "deny");
});

test("an expired grant does not exist", () => {
  const grants = [allow("fs.read", "*", { expiresAtMs: 1_000 })];
  assert.equal(decide(context([grants], 999), readData), "allow");
  assert.equal(decide(context([grants], 1_000), readData), "deny");
  assert.equal(holds(context([grants], 1_000), "fs.read"), false);
});

test("a grant for other nodes allows nothing here", () => {
  const on = (nodes: Grant["nodes"]) =>
    context([[allow("fs.read", "*", nodes === undefined ? {} : { nodes })]]);
  assert.equal(decide(on(["laptop"]), readData), "deny");
  assert.equal(decide(on([]), readData), "deny");
  for (const nodes of [undefined, "*", ["pi"], ["self"]] as const)
    assert.equal(decide(on(nodes), readData), "allow");
});

test("a scope that cannot be judged allows nothing, and as a deny still denies", () => {
  const request = { permission: "fs.broken", request: {} };
  assert.equal(decide(context([[allow("fs.broken", {})]]), request), "deny");
  const broken = { permission: "fs.broken", scope: {}, decision: "deny" } as const;
  assert.equal(decide(context([[allow("fs.broken", "*"), broken]]), request), "deny");
});

test("an approval counts for its own request and no other", () => {
  const asking = {
    ...context([[{ permission: "fs.read", scope: "*", decision: "ask" }]]),
    approved: [readData],
  };
  const authority = authorityOf(asking);
  assert.equal(authority.decide("fs.read", { path: "/data/a" }), "allow");
  assert.equal(authority.decide("fs.read", { path: "/data/b" }), "ask");
  assert.throws(() => authority.check("fs.read", { path: "/data/b" }), OperoneError);
});

test("a refusal names the holder, the permission and the value", () => {
  const authority = authorityOf(context([[]]));
  assert.throws(() => authority.check("fs.read", { path: "/etc" }), /"fs.read" for {"path":"\/etc"}.*set 0/);
});

test("a refusal names only whose rights lack it, and how these grow", () => {
  const { sets, ...rest } = context([[allow("fs.read", { paths: ["/data"] })], [allow("*", "*")], "owner"]);
  const [limit = sets[0], ...others] = sets;
  assert.ok(limit);
  const limited = { ...rest, sets: [...others, { ...limit, holder: "the limit", widen: "raise it" }] };
  const refused = { code: "forbidden", message: /is not granted to the limit; raise it$/ };
  assert.throws(() => authorityOf(limited).check("fs.read", { path: "/etc" }), refused);
});

test("a refusal for another node says that a grant has to name nodes", () => {
  const refuse = () =>
    authorityOf({ ...context([[allow("fs.read", "*")]]), where: "elsewhere" }).check("fs.read");
  assert.throws(refuse, /and for another node with --nodes$/);
});

test("a refusal of an owner's right does not suggest a grant that nobody can hold", () => {
  const refuse = () => authorityOf(context([[allow("*", "*")]])).check("access.admin");
  assert.throws(refuse, /belongs to the owner alone/);
});

const rank: Record<Decision, number> = { deny: 0, ask: 1, allow: 2 };
const anyGrant: fc.Arbitrary<Grant> = fc.record({
  permission: fc.constantFrom("fs.read", "node.observe", "*"),
  decision: fc.constantFrom<Decision>("allow", "ask", "deny"),
  scope: fc.constantFrom("*", undefined, { paths: [] }, { paths: ["/data"] }, { paths: ["/data/a"] }),
});

test("adding a deny never widens, and adding a set never widens", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyGrant), { minLength: 1 }),
      anyGrant,
      fc.array(anyGrant),
      (sets, grant, extra) => {
        const before = rank[decide(context(sets), readData)];
        const denied = sets.map((set) => [...set, { ...grant, decision: "deny" as const }]);
        assert.ok(rank[decide(context(denied), readData)] <= before);
        assert.ok(rank[decide(context([...sets, extra]), readData)] <= before);
      },
    ),
  );
});

test("the order of grants and of sets changes nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyGrant), { minLength: 1 }), (sets) => {
      const reversed = sets.toReversed().map((set) => set.toReversed());
      assert.equal(decide(context(sets), readData), decide(context(reversed), readData));
    }),
  );
});

test("only a live deny forbids: that no grant allows it is no such thing, and the owner is never forbidden anything", () => {
  const deny = (scope: unknown, more: Partial<Grant> = {}) =>
    allow("fs.read", scope, { decision: "deny", ...more });
  assert.equal(forbids(context([[]]), readData), false);
  assert.equal(forbids(context([[allow("fs.read", "*")]]), readData), false);
  assert.equal(forbids(context([[deny({ paths: ["/data"] })]]), readData), true);
  assert.equal(forbids(context([[deny({ paths: ["/notes"] })]]), readData), false);
  assert.equal(forbids(context([[deny("*", { expiresAtMs: 1_000 })]]), readData), false);
  assert.equal(forbids(context([[deny("*", { nodes: ["other"] })]]), readData), false);
  assert.equal(forbids(context([[allow("*", "*")], [deny("*")]]), readData), true);
  assert.equal(forbids(context(["owner"]), readData), false);
  assert.equal(forbids(context([[deny("*")]]), { permission: "no.such" }), false);
});
