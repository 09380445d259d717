import { expect, test } from "bun:test";
import { drafted, founded, mesh, rosterOf, said } from "../../tests/networking/roster-story.ts";
import { Roster } from "./roster.ts";
import type { RosterEntry, RosterPayload } from "./roster-entry.ts";
import { rosterLimits } from "./roster-limits.ts";

/** Another node that knows what this one knows. */
const copyOf = (roster: Roster): Roster => rosterOf(roster.index.all());

function merged(...rosters: readonly Roster[]): Roster {
  return rosterOf(rosters.flatMap((roster) => [...roster.index.all()]));
}

/** An admin "a" who made "b" an admin too. */
function twoAdmins(): Roster {
  const roster = founded();
  said(roster, "a", "b", "admin");
  return roster;
}

const forged = (roster: Roster, payload: Partial<RosterPayload> & { issuer: string }): RosterEntry => {
  const sequence = payload.sequence ?? roster.index.highest(payload.issuer) + 1;
  const [before] = roster.index.issued(payload.issuer, sequence - 1, sequence - 1);
  return drafted({
    mesh,
    sequence,
    previous: before?.hash ?? null,
    subject: "z",
    role: "operator",
    supersedes: [],
    ...payload,
  });
};

test("a roster of nothing has no members, and knows nobody", () => {
  const roster = new Roster(mesh);
  expect(roster.members()).toEqual([]);
  expect([roster.role("a"), roster.isMember("a"), roster.isRemoved("a")]).toEqual([undefined, false, false]);
});

test("the mesh key makes the first admin, who makes the others", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "observer");
  expect(roster.members()).toEqual([
    { peerId: "a", role: "admin" },
    { peerId: "b", role: "admin" },
    { peerId: "c", role: "observer" },
  ]);
  expect(roster.admins()).toEqual(["a", "b"]);
});

test("a later word replaces an earlier one", () => {
  const roster = founded();
  said(roster, "a", "c", "observer");
  said(roster, "a", "c", "operator");
  expect(roster.role("c")).toBe("operator");
  expect(roster.heads("c").length).toBe(1);
});

test("of two words that did not know of each other the least holds, until a third knows both", () => {
  const roster = twoAdmins();
  const other = copyOf(roster);
  said(roster, "a", "c", "operator");
  said(other, "b", "c", "observer");
  const both = merged(roster, other);
  expect(both.role("c")).toBe("observer");
  expect(both.heads("c").length).toBe(2);
  said(both, "a", "c", "operator");
  expect(both.role("c")).toBe("operator");
});

test("two admins who remove each other are both removed, and the mesh key begins anew", () => {
  const roster = twoAdmins();
  const other = copyOf(roster);
  said(roster, "a", "b", "removed");
  said(other, "b", "a", "removed");
  const both = merged(roster, other);
  expect(both.removed()).toEqual(["a", "b"]);
  expect(both.members()).toEqual([]);
  said(both, mesh, "c", "admin");
  expect(both.admins()).toEqual(["c"]);
});

test("two admins who demote each other are both demoted", () => {
  const roster = twoAdmins();
  const other = copyOf(roster);
  said(roster, "a", "b", "operator");
  said(other, "b", "a", "observer");
  expect(merged(roster, other).members()).toEqual([
    { peerId: "a", role: "observer" },
    { peerId: "b", role: "operator" },
  ]);
});

test("a removed key never returns, not even by the mesh key", () => {
  const roster = twoAdmins();
  said(roster, "a", "b", "removed");
  expect(() => said(roster, mesh, "b", "admin")).toThrow(/never returns/);
  roster.add([forged(roster, { issuer: mesh, subject: "b", role: "admin", supersedes: [] })]);
  expect(roster.role("b")).toBe("removed");
});

test("of a removed admin what it said until the named entry still counts, and nothing after", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, "b", "d", "operator");
  said(roster, "a", "b", "removed", 1);
  expect([roster.role("c"), roster.role("d")]).toEqual(["operator", undefined]);
});

test("who was made an admin by an entry that does not count makes nobody anything", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "admin");
  said(roster, "c", "d", "operator");
  said(roster, "a", "b", "removed", 0);
  expect([roster.role("c"), roster.role("d")]).toEqual([undefined, undefined]);
});

test("of several removals the one that trusts least holds", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, "a", "b", "removed");
  expect(roster.role("c")).toBe("operator");
  said(roster, mesh, "b", "removed", 0);
  expect(roster.role("c")).toBeUndefined();
});

test("of a demoted admin what it said before still counts, and nothing after", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  const late = copyOf(roster);
  said(roster, "a", "b", "operator");
  said(late, "b", "d", "operator");
  const both = merged(roster, late);
  expect([both.role("b"), both.role("c"), both.role("d")]).toEqual(["operator", "operator", undefined]);
  expect(() => said(both, "b", "d", "operator")).toThrow(/Only an admin/);
});

test("who becomes an admin again counts from then on, and what it said in between does not", () => {
  const roster = twoAdmins();
  said(roster, "a", "b", "operator");
  roster.add([forged(roster, { issuer: "b", subject: "c" })]);
  said(roster, "a", "b", "admin");
  expect([roster.role("b"), roster.role("c")]).toEqual(["admin", undefined]);
  said(roster, "b", "d", "operator");
  expect([roster.role("c"), roster.role("d")]).toEqual([undefined, "operator"]);
});

test("an admin may step down, and cannot step up again by itself", () => {
  const roster = twoAdmins();
  said(roster, "b", "b", "operator");
  expect(roster.role("b")).toBe("operator");
  expect(() => said(roster, "b", "b", "admin")).toThrow(/Only an admin/);
  expect(() => said(roster, "a", "a", "admin")).toThrow(/cannot make itself an admin/);
});

test("nobody escapes a demotion by naming itself, even where the demotion left it a word", () => {
  const roster = twoAdmins();
  const demotion = said(roster, "a", "b", "operator", 9);
  roster.add([forged(roster, { issuer: "b", subject: "b", role: "admin", supersedes: [demotion.hash] })]);
  expect(roster.role("b")).toBe("operator");
});

test("a word about one peer does not supersede a word about another", () => {
  const roster = twoAdmins();
  const demotion = said(roster, "a", "c", "observer");
  roster.add([forged(roster, { issuer: "b", subject: "d", supersedes: [demotion.hash] })]);
  expect([roster.role("c"), roster.role("d")]).toEqual(["observer", "operator"]);
});

test("a fork voids everything from the fork on, and nothing before it", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  const twin = copyOf(roster);
  said(roster, "b", "d", "operator");
  said(roster, "b", "e", "operator");
  said(twin, "b", "d", "admin");
  const both = merged(roster, twin);
  expect([both.role("c"), both.role("d"), both.role("e")]).toEqual(["operator", undefined, undefined]);
  expect(() => said(both, "b", "e", "operator")).toThrow(/forked or incomplete here from number 2 on/);
});

test("behind a gap nothing counts until it is filled, and then all of it does", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, "b", "d", "operator");
  const gap = new Roster(mesh);
  const all = [...roster.index.all()];
  gap.add(all.filter(({ subject }) => subject !== "c"));
  expect(gap.role("d")).toBeUndefined();
  gap.add(all);
  expect([gap.role("c"), gap.role("d")]).toEqual(["operator", "operator"]);
});

test("the mesh key has no role and cannot be removed", () => {
  const roster = founded();
  expect(() => said(roster, "a", mesh, "removed")).toThrow(/is the mesh key/);
  roster.add([forged(roster, { issuer: "a", subject: mesh, role: "removed", lastValid: 0 })]);
  roster.add([forged(roster, { issuer: "a", subject: mesh, role: "observer", lastValid: 0 })]);
  expect([roster.role(mesh), roster.removed(), roster.role("a")]).toEqual([undefined, [], "admin"]);
});

test("only an admin may speak", () => {
  const roster = founded();
  said(roster, "a", "c", "operator");
  expect(() => said(roster, "c", "d", "operator")).toThrow(
    /Only an admin changes the roster, and c is operator/,
  );
  expect(() => said(roster, "x", "d", "operator")).toThrow(/x is no member/);
});

test("what came before its issuer's promotion waits, and holds as soon as that comes", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "admin");
  said(roster, "c", "d", "operator");
  const late = new Roster(mesh);
  const [first, ...rest] = [...roster.index.all()];
  expect(late.add(rest.toReversed())).toEqual({ kept: [], uselessCount: 3 });
  expect(late.members()).toEqual([]);
  expect(late.add(first === undefined ? [] : [first]).kept.map(({ issuer }) => issuer)).toEqual([
    mesh,
    "a",
    "b",
    "c",
  ]);
  expect(late.role("d")).toBe("operator");
});

test("a flood of entries of strangers costs a bounded memory, and changes nothing", () => {
  const roster = founded();
  const before = roster.members();
  const flood = Array.from({ length: 3_000 }, (_, at) =>
    forged(roster, { issuer: `x${at}`, role: "admin", subject: `y${at}` }),
  );
  expect(roster.add(flood)).toEqual({ kept: [], uselessCount: 3_000 });
  expect(roster.pendingCount).toBe(rosterLimits.pendingMax);
  expect([roster.index.size, roster.members()]).toEqual([1, before]);
});

test("one issuer's entries are limited, and the mesh key is heard in a full roster", () => {
  const roster = founded();
  for (const name of ["b", "c", "d", "e"]) said(roster, "a", name, "admin");
  const forks = (issuer: string) =>
    Array.from({ length: rosterLimits.entriesPerIssuerMax + 10 }, (_, at) =>
      forged(roster, { issuer, subject: `s${at}` }),
    );
  expect(roster.add(forks("b")).uselessCount).toBe(10);
  for (const name of ["c", "d", "e"]) roster.add(forks(name));
  expect(roster.index.size).toBe(rosterLimits.entriesMax);
  expect(() => said(roster, "a", "s1", "removed")).toThrow(/20000 in all/);
  for (const name of ["b", "c", "d", "e"]) said(roster, mesh, name, "removed");
  expect(roster.members()).toEqual([{ peerId: "a", role: "admin" }]);
});

test("an entry that could not be stored does not hold", () => {
  const roster = founded();
  const entry = forged(roster, { issuer: "a" });
  const fails = () => {
    throw new Error("full");
  };
  expect(() => roster.add([entry], fails)).toThrow("full");
  expect([roster.role("z"), roster.has(entry.hash), roster.index.size]).toEqual([undefined, false, 1]);
  expect(roster.add([entry]).kept.length).toBe(1);
});
