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

test("of two admins who remove or demote each other the nearer to the mesh key is believed", () => {
  for (const role of ["removed", "observer"] as const) {
    const roster = twoAdmins();
    const other = copyOf(roster);
    said(roster, "a", "b", role);
    other.add([forged(other, { issuer: "b", subject: "a", role: "removed" })]);
    const both = merged(roster, other);
    expect([both.role("a"), both.role("b")]).toEqual(["admin", role]);
  }
});

test("nobody takes the role of an admin who was there before, and the refusal says what does", () => {
  const roster = twoAdmins();
  said(roster, "a", "c", "admin");
  for (const role of ["removed", "operator"] as const) {
    expect(() => said(roster, "c", "b", role)).toThrow(/b became an admin before c.*operone recover/);
  }
  said(roster, "b", "c", "operator");
  expect(roster.role("c")).toBe("operator");
});

test("the recovery phrase puts its node before all others", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, mesh, "c", "admin");
  said(roster, "c", "a", "removed");
  expect(roster.members()).toEqual([
    { peerId: "b", role: "admin" },
    { peerId: "c", role: "admin" },
  ]);
  // Neither the founder nor anybody else undoes that with a past of its own making.
  roster.add([forged(roster, { issuer: "a", sequence: 1, previous: null, subject: "c", role: "removed" })]);
  expect([roster.role("a"), roster.role("c")]).toEqual(["removed", "admin"]);
});

test("a demoted admin takes nobody's membership, from whatever place of its chain it speaks", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, "b", "d", "admin");
  said(roster, "a", "b", "observer");
  const before = roster.members();
  const first = roster.chain("b")[0];
  for (const subject of ["a", "c", "d", "b"])
    for (const role of ["removed", "observer"] as const)
      roster.add([
        forged(roster, { issuer: "b", sequence: 1, previous: null, subject, role }),
        forged(roster, { issuer: "b", sequence: 2, previous: first?.hash ?? null, subject, role }),
        forged(roster, { issuer: "b", sequence: 3, subject, role }),
      ]);
  expect([roster.members(), roster.removed()]).toEqual([before, []]);
});

test("a removal pins the branch that it saw, and other branches do not matter", () => {
  const roster = twoAdmins();
  said(roster, "b", "c", "operator");
  said(roster, "a", "b", "removed");
  roster.add([forged(roster, { issuer: "b", sequence: 1, previous: null, subject: "d" })]);
  expect([roster.role("b"), roster.role("c"), roster.role("d")]).toEqual(["removed", "operator", undefined]);
});

test("the recovery phrase used twice apart mends on both sides, and can be used again", () => {
  const roster = founded();
  said(roster, "a", "b", "operator");
  said(roster, "a", "c", "operator");
  const apart = copyOf(roster);
  said(roster, mesh, "b", "admin");
  said(apart, mesh, "c", "admin");
  const both = merged(roster, apart);
  expect(both.admins()).toEqual(["a", "b", "c"]);
  said(both, mesh, "d", "admin");
  said(both, "d", "a", "removed");
  expect(both.admins()).toEqual(["b", "c", "d"]);
});

test("a removal stops counting only when its issuer was cut before it by a better rank", () => {
  const roster = twoAdmins();
  const behind = copyOf(roster);
  said(roster, "b", "x", "removed");
  said(behind, "a", "b", "operator");
  expect(roster.isRemoved("x")).toBe(true);
  expect(merged(roster, behind).isRemoved("x")).toBe(false);
  // Having seen the removal, the same words leave it.
  said(roster, "a", "b", "operator");
  expect(roster.isRemoved("x")).toBe(true);
});

test("the mesh key mends a forked chain: the longest branch holds, and the admin goes on behind it", () => {
  const roster = founded();
  const twin = copyOf(roster);
  for (const name of ["b", "c"]) said(roster, "a", name, "operator");
  said(twin, "a", "x", "operator");
  const both = merged(roster, twin);
  expect([both.isBroken("a"), both.isBroken(mesh), both.role("b")]).toEqual([true, false, undefined]);
  expect(() => said(both, "a", "d", "operator")).toThrow(/operone recover/);
  said(both, mesh, "a", "observer");
  said(both, mesh, "a", "admin");
  said(both, "a", "d", "operator");
  expect(both.isBroken("a")).toBe(false);
  expect(["b", "c", "d", "x"].map((name) => both.role(name))).toEqual([
    "operator",
    "operator",
    "operator",
    undefined,
  ]);
});

test("a removed key never returns: no node lets it, and what the mesh key removed nothing brings back", () => {
  const roster = twoAdmins();
  said(roster, "a", "b", "removed");
  expect(() => said(roster, mesh, "b", "admin")).toThrow(/never returns/);
  roster.add([forged(roster, { issuer: "a", subject: "b", role: "admin" })]);
  expect(roster.role("b")).toBe("removed");
  said(roster, mesh, "b", "removed");
  roster.add([forged(roster, { issuer: mesh, subject: "b", role: "admin" })]);
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

test("of several removals the one of the best rank says what is left", () => {
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

test("nobody escapes a demotion by naming itself", () => {
  const roster = twoAdmins();
  const demotion = said(roster, "a", "b", "operator");
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
  roster.add([forged(roster, { issuer: "a", subject: mesh, role: "removed" })]);
  roster.add([forged(roster, { issuer: "a", subject: mesh, role: "observer" })]);
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

test("in a full roster whoever the mesh key named is heard, and room comes back with the removals", () => {
  const roster = founded();
  const names = ["b", "c", "d", "e"];
  for (const name of names) said(roster, "a", name, "admin");
  const forks = (issuer: string) =>
    Array.from({ length: rosterLimits.entriesPerIssuerMax + 10 }, (_, at) =>
      forged(roster, { issuer, subject: `s${at}` }),
    );
  for (const name of names) expect(roster.add(forks(name)).uselessCount).toBe(10);
  expect(roster.index.size).toBe(rosterLimits.entriesMax + 5);
  said(roster, "a", "f", "admin");
  expect(() => said(roster, "f", "g", "operator")).toThrow(/20000 in all/);
  expect(roster.add([forged(roster, { issuer: "f" })])).toMatchObject({ kept: [], uselessCount: 1 });
  said(roster, mesh, "h", "admin");
  for (const name of names) said(roster, "h", name, "removed");
  said(roster, "f", "g", "operator");
  expect([roster.admins(), roster.role("g")]).toEqual([["a", "f", "h"], "operator"]);
  const again = new Roster(mesh);
  again.restore(roster.index.all());
  expect(again.members()).toEqual(roster.members());
});

test("what a roster holds in all has an end too", () => {
  const roster = founded();
  for (let at = 0; at < 13; at++) {
    said(roster, "a", `b${at}`, "admin");
    const kept = Array.from({ length: rosterLimits.entriesPerIssuerMax }, (_, place) =>
      forged(roster, { issuer: `b${at}`, subject: `s${place}` }),
    );
    roster.add(kept);
    said(roster, "a", `b${at}`, "removed");
  }
  const own = roster.index.countOf("a") + roster.index.countOf(mesh);
  expect(roster.index.size - own).toBe(rosterLimits.storedMax);
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
