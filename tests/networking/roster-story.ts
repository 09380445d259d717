/** Random histories of a roster: admins who act on what each of them has seen, and some who do not play by the rules. */
import fc from "fast-check";
import { Roster } from "../../modules/networking/roster.ts";
import type { RosterEntry, RosterPayload, RosterRole } from "../../modules/networking/roster-entry.ts";
import { encodePayload, hashOf } from "../../modules/networking/signed-record.ts";

/** The mesh key, and the nodes. The roster itself takes any names. */
export const mesh = "mesh";
const peers = ["a", "b", "c", "d", "e"] as const;

/** An entry as if it had been signed and verified. */
export function drafted(payload: RosterPayload): RosterEntry {
  return { ...payload, hash: hashOf(encodePayload(payload)), envelope: new Uint8Array() };
}

/** The issuer's next entry by the rules, kept. */
export function said(roster: Roster, issuer: string, subject: string, role: RosterRole, lastValid?: number) {
  const entry = drafted(
    roster.next({ issuer, subject, role, ...(lastValid === undefined ? {} : { lastValid }) }),
  );
  roster.add([entry]);
  return entry;
}

/** A mesh whose key made "a" an admin. */
export function founded(): Roster {
  const roster = new Roster(mesh);
  said(roster, mesh, "a", "admin");
  return roster;
}

export function rosterOf(entries: Iterable<RosterEntry>): Roster {
  const roster = new Roster(mesh);
  roster.add(entries);
  return roster;
}

/** Everything that can be asked of a roster, without what merely waits. */
export function answersOf(roster: Roster) {
  const everybody = [mesh, ...peers];
  return {
    members: roster.members(),
    removed: roster.removed(),
    heads: everybody.map((peer) =>
      roster
        .heads(peer)
        .map(({ hash }) => hash)
        .toSorted(),
    ),
    broken: everybody.map((peer) => roster.isBroken(peer)),
    chains: everybody.map((peer) => roster.chain(peer).length),
    entries: [...roster.index.all()].map(({ hash }) => hash).toSorted(),
  };
}

const role = fc.constantFrom<RosterRole>("observer", "operator", "admin", "admin", "admin", "removed");
const peer = fc.constantFrom(...peers);
const issuer = fc.constantFrom(mesh, "a", ...peers);
const lastValid = fc.option(fc.nat(4), { nil: undefined });
const deed = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant("say" as const), issuer, subject: peer, role }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant("hear" as const), by: issuer, from: issuer }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant("forge" as const),
      issuer,
      subject: fc.constantFrom(mesh, ...peers),
      role,
      lastValid,
      back: fc.nat(3),
      gap: fc.nat(1),
    }),
  },
);
export const deeds = fc.array(deed, { minLength: 4, maxLength: 40 });
type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never;

/** All entries that came about, in the order of their making. */
export function play(story: readonly Deed[]): RosterEntry[] {
  const all = [...founded().index.all()];
  const views = new Map<string, Roster>([mesh, ...peers].map((name) => [name, rosterOf(all)]));
  const viewOf = (name: string) => views.get(name) ?? new Roster(mesh);
  for (const one of story) {
    if (one.does === "hear") viewOf(one.by).add(viewOf(one.from).index.all());
    else {
      const entry = one.does === "say" ? wordOf(viewOf(one.issuer), one) : forgeryOf(viewOf(one.issuer), one);
      if (entry === undefined) continue;
      viewOf(one.issuer).add([entry]);
      all.push(entry);
    }
  }
  return all;
}

function wordOf(view: Roster, { issuer, subject, role }: Extract<Deed, { does: "say" }>) {
  try {
    return drafted(view.next({ issuer, subject, role }));
  } catch {
    return undefined;
  }
}

/** Anything that has the form: forks, gaps, cuts out of the air, and words of those who have no say. */
function forgeryOf(view: Roster, deed: Extract<Deed, { does: "forge" }>): RosterEntry {
  const { issuer, subject, role, lastValid, back, gap } = deed;
  const sequence = Math.max(1, view.index.highest(issuer) + 1 - back + gap);
  const [before] = view.index.issued(issuer, sequence - 1, sequence - 1);
  const heads = view.heads(subject).map(({ hash }) => hash);
  const last = view.index.issued(subject, lastValid ?? 0, lastValid ?? 0).at(-1);
  return drafted({
    mesh,
    issuer,
    sequence,
    previous: sequence === 1 ? null : (before?.hash ?? "0".repeat(64)),
    subject,
    role,
    supersedes: heads.toSorted(),
    ...(last === undefined ? {} : { lastValid: last.sequence, lastHash: last.hash }),
  });
}
