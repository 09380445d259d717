import { expect, test } from "bun:test";
import fc from "fast-check";
import { oracle } from "../../tests/networking/roster-oracle.ts";
import { answersOf, deeds, mesh, play, rosterOf } from "../../tests/networking/roster-story.ts";
import { Roster } from "./roster.ts";

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

test("no entry ever makes the removed fewer", () => {
  fc.assert(
    fc.property(shuffled, ({ again }) => {
      const roster = new Roster(mesh);
      let before: readonly string[] = [];
      for (const entry of again) {
        roster.add([entry]);
        const now = roster.removed();
        expect(before.filter((peer) => !now.includes(peer))).toEqual([]);
        expect(roster.members().filter(({ peerId }) => now.includes(peerId))).toEqual([]);
        before = now;
      }
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
