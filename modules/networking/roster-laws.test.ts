import { expect, test } from "bun:test";
import fc from "fast-check";
import { oracle } from "../../tests/networking/roster-oracle.ts";
import { answersOf, deeds, drafted, mesh, play, rosterOf } from "../../tests/networking/roster-story.ts";
import { Roster } from "./roster.ts";
import type { RosterEntry } from "./roster-entry.ts";
import { RosterIndex } from "./roster-index.ts";
import { stateOf } from "./roster-state.ts";

const stories = deeds.map(play);
/** The same set in any order, in batches of any size, with some of it twice. */
const shuffled = stories.chain((entries) =>
  fc.record({
    entries: fc.constant(entries),
    again: fc
      .shuffledSubarray([...entries, ...entries], {
        minLength: entries.length,
        maxLength: entries.length * 2,
      })
      .map((some) => [...some, ...entries.toReversed()]),
    batch: fc.integer({ min: 1, max: 7 }),
  }),
);
/** Of nobody who breaks the rules. A forged promotion may say that the next word of its subject does not count. */
const honest = deeds.map((story) => play(story.filter(({ does }) => does !== "forge")));
function indexOf(entries: Iterable<RosterEntry>): RosterIndex {
  const index = new RosterIndex();
  for (const entry of new Map([...entries].map((entry) => [entry.hash, entry])).values()) index.add(entry);
  return index;
}
const runs = { numRuns: 400 };

test("the same entries in any order, however often, give the same roster", () => {
  fc.assert(
    fc.property(shuffled, ({ entries, again, batch }) => {
      const roster = new Roster(mesh);
      for (let at = 0; at < again.length; at += batch) roster.add(again.slice(at, at + batch));
      expect(answersOf(roster)).toEqual(answersOf(rosterOf(entries)));
    }),
    runs,
  );
});

test("what a roster answers is what its rules say, word by word", () => {
  fc.assert(
    fc.property(stories, (entries) => {
      const roster = rosterOf(entries);
      const { roles, removed } = oracle(mesh, entries);
      expect(roster.members().map(({ peerId, role }) => [peerId, role])).toEqual(
        [...roles].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
      expect(roster.removed()).toEqual([...removed].toSorted());
    }),
    runs,
  );
});

test("whom the mesh key removed stays removed, whatever comes", () => {
  fc.assert(
    fc.property(shuffled, ({ again }) => {
      const roster = new Roster(mesh);
      const gone = new Set<string>();
      for (const entry of again) {
        roster.add([entry]);
        if (entry.issuer === mesh && entry.role === "removed" && entry.subject !== mesh)
          gone.add(entry.subject);
        expect([...gone].filter((peer) => !roster.isRemoved(peer))).toEqual([]);
        expect([...gone].filter((peer) => roster.isMember(peer))).toEqual([]);
      }
    }),
    runs,
  );
});

test("what somebody says who is no admin any more counts for nothing, wherever in its chain", () => {
  const forgeries = fc.array(
    fc.record({
      issuer: fc.constantFrom("a", "b", "c", "d", "e"),
      subject: fc.constantFrom("a", "b", "c", "d", "e", "x"),
      role: fc.constantFrom("removed", "observer", "admin"),
      at: fc.nat(5),
      cuts: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(stories, forgeries, (entries, words) => {
      const roster = rosterOf(entries);
      const before = [roster.members(), roster.removed()];
      // Who stepped down by itself was asked by nobody: its own word is all there is.
      const isOut = (peer: string) =>
        !entries.some(
          ({ issuer, subject, role }) => issuer === peer && subject === peer && role !== "admin",
        ) && roster.role(peer) !== "admin";
      for (const { issuer, subject, role, at, cuts } of words) {
        if (!isOut(issuer)) continue;
        const all = roster.index.issued(issuer, 1, roster.index.highest(issuer));
        const previous = at === 0 ? undefined : all[at % Math.max(1, all.length)];
        const [last] = cuts ? roster.index.issued(subject, 1, 1) : [];
        roster.add([
          drafted({
            mesh,
            issuer,
            subject,
            role,
            sequence: (previous?.sequence ?? 0) + 1,
            previous: previous?.hash ?? null,
            supersedes: roster.heads(subject).map(({ hash }) => hash),
            ...(last === undefined ? {} : { lastValid: 1, lastHash: last.hash }),
          }),
        ]);
      }
      expect([roster.members(), roster.removed()]).toEqual(before);
    }),
    runs,
  );
});

test("nothing that an admin says moves whoever ranks before it", () => {
  fc.assert(
    fc.property(stories, fc.constantFrom("a", "b", "c", "d", "e"), (entries, speaker) => {
      const without = stateOf(mesh, indexOf(entries.filter(({ issuer }) => issuer !== speaker)));
      const own = without.standing.get(speaker)?.rank;
      if (own === undefined) return;
      const all = stateOf(mesh, indexOf(rosterOf(entries).index.all()));
      for (const [peer, { rank }] of without.standing)
        if (rank < own) expect(all.standing.get(peer)?.rank).toBe(rank);
    }),
    runs,
  );
});

test("the entries of whoever was never named admin change nothing", () => {
  fc.assert(
    fc.property(stories, (entries) => {
      const { index } = rosterOf(entries);
      const named = new Set([mesh, ...index.issuers()]);
      for (const entry of index.all()) if (entry.role === "admin") named.add(entry.subject);
      const known = entries.filter(({ issuer }) => named.has(issuer));
      expect(answersOf(rosterOf(entries))).toEqual(answersOf(rosterOf(known)));
    }),
    runs,
  );
});

test("what the rules let somebody say holds at once where it was said", () => {
  fc.assert(
    fc.property(honest, fc.constantFrom("x", "y"), (entries, newcomer) => {
      const roster = rosterOf(entries);
      for (const issuer of roster.admins()) {
        const view = rosterOf(entries);
        let next: Parameters<typeof view.add>[0];
        try {
          const payload = view.next({ issuer, subject: newcomer, role: "operator" });
          next = [{ ...payload, hash: "f".repeat(64), envelope: new Uint8Array() }];
        } catch {
          continue;
        }
        view.add(next);
        expect(view.role(newcomer)).toBe("operator");
      }
    }),
    runs,
  );
});
