/**
 * Many small worlds in which everything goes wrong that can. `OPERONE_SEED=<number>` plays the one world of that seed.
 */
import { expect, test } from "bun:test";
import { meshKey, viewOf } from "../networking/roster-node.ts";
import { RosterWorld } from "./roster-world.ts";

const steps = 40;
const chosen = process.env.OPERONE_SEED;
const seeds = chosen === undefined ? Array.from({ length: 6 }, (_, at) => at + 1) : [Number(chosen)];

async function play(
  seed: number,
  stepsCount = steps,
): Promise<{ readonly violations: string[]; readonly views: unknown[] }> {
  const world = new RosterWorld(seed);
  try {
    await world.found();
    for (let step = 0; step < stepsCount; step++) await world.step();
    await world.heal();
    const members = await world.members();
    return { violations: world.violations, views: members.map(viewOf) };
  } finally {
    world.stop();
  }
}

for (const seed of seeds) {
  test(`in world ${seed} all members agree in the end, and nothing happens that may not`, async () => {
    const { violations, views } = await play(seed);
    const hint = `OPERONE_SEED=${seed} bun test tests/simulation plays this world again`;
    expect({ hint, violations }).toEqual({ hint, violations: [] });
    for (const view of views) expect({ hint, view }).toEqual({ hint, view: views[0] });
  });
}

test("the same seed plays the same world", async () => {
  expect(await play(3, 8)).toEqual(await play(3, 8));
});

test("the recovery phrase mends a mesh that has no admin left", async () => {
  const world = new RosterWorld(1);
  await world.found();
  await world.heal();
  const [a, b, , d] = world.nodes;
  if (a === undefined || b === undefined || d === undefined) throw new Error("There are six nodes");
  const admins = a.roster.admins();
  // Itself last, or it could not remove the others.
  for (const subject of [...admins.filter((admin) => admin !== a.peerId), a.peerId])
    await a.ledger.issue(a.signer, { subject, role: "removed" });
  await world.heal();
  expect([d.roster.admins(), d.roster.removed().length]).toEqual([[], admins.length]);
  await d.ledger.issue(meshKey, { subject: d.peerId, role: "admin" });
  await world.heal();
  const members = await world.members();
  expect(members.length).toBe(3);
  for (const member of members) expect(viewOf(member)).toEqual(viewOf(d));
  expect(d.roster.admins()).toEqual([d.peerId]);
  world.stop();
});
