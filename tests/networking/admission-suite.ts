/** What every transport must do with peers that are not members, or not yet, or not any more. */
import { expect, test } from "bun:test";
import { protocols } from "../../modules/networking/transport.ts";
import type { SimulatedClock } from "../../src/kernel/simulated.ts";
import { aborted, failureOf, never } from "./party.ts";
import type { Stage } from "./stage.ts";

const { enroll, roster, rpc } = protocols;

export function admissionTests(stage: Stage, clock: SimulatedClock): void {
  enrollingTests(stage);
  readmissionTests(stage, clock);
}

function enrollingTests(stage: Stage): void {
  test("a peer that is enrolling can open that one channel, and all else does not exist for it", async () => {
    const { a, b, here } = await stage.enrolling();
    const known = await failureOf(here.openChannel(rpc, never));
    const unknown = await failureOf(here.openChannel(roster, never));
    expect(known.message.replace(rpc, roster)).toBe(unknown.message);
    const channel = await here.openChannel(enroll, never);
    expect(await b.opened.next()).toMatchObject({ protocol: enroll, link: { peerId: a.peerId } });
    expect(await failureOf(here.openChannel(enroll, never))).toMatchObject({ code: "unavailable" });
    channel.reset();
    expect(b.announced.count).toBe(0);
    expect(b.transport.links()).toHaveLength(1);
  });

  test("nor can this node open more to it", async () => {
    const { a, b } = await stage.enrolling();
    const link = b.transport.links().find(({ peerId }) => peerId === a.peerId);
    expect(await failureOf(link?.openChannel(rpc, never) ?? Promise.resolve())).toMatchObject({
      code: "forbidden",
    });
  });

  test("one connection of a peer may enrol, and so many in all, where none is silent", async () => {
    const { b, here } = await stage.enrolling({ enrollingMax: 2 });
    await here.openChannel(enroll, never);
    await b.opened.next();
    const again = await stage.party(1);
    expect(await failureOf(again.dial(b))).toMatchObject({ code: "forbidden" });
    const [c, d] = [await stage.party(3), await stage.party(4)];
    for (const { peerId } of [c, d]) b.admissions.set(peerId, "enrolling");
    const other = await c.dial(b);
    await other.openChannel(enroll, never);
    await b.opened.next();
    expect(await failureOf(d.dial(b))).toMatchObject({ code: "forbidden" });
    expect(b.transport.links()).toHaveLength(2);
  });

  test("silent connections that came to enrol give their place to the next one, the oldest first", async () => {
    const { b, here } = await stage.enrolling({ enrollingMax: 2 });
    const [c, d] = [await stage.party(3), await stage.party(4)];
    for (const { peerId } of [c, d]) b.admissions.set(peerId, "enrolling");
    for (const peer of [c, d]) await peer.dial(b);
    await aborted(here.closed);
    expect(b.transport.links().map(({ peerId }) => peerId)).toEqual([c.peerId, d.peerId]);
  });
}

function readmissionTests(stage: Stage, clock: SimulatedClock): void {
  test("an enrolling peer that does not become a member in time is cut off", async () => {
    const { here } = await stage.enrolling();
    await clock.advance(14_000);
    expect(here.closed.aborted).toBe(false);
    await clock.advance(1_000);
    await aborted(here.closed);
  });

  test("one that has proven its code stays as long as it was given, and no longer", async () => {
    const { a, b, here } = await stage.enrolling();
    await clock.advance(10_000);
    b.transport.prolong(a.peerId, 60_000);
    for (let second = 0; second < 59; second++) {
      await clock.advance(1_000);
      expect(here.closed.aborted).toBe(false);
    }
    b.transport.prolong(a.peerId, 5_000);
    await clock.advance(5_000);
    await aborted(here.closed);
  });

  test("an enrolling peer that is refused is cut off at once", async () => {
    const { a, b, here } = await stage.enrolling();
    b.transport.readmit(a.peerId);
    expect(b.transport.links()).toHaveLength(1);
    b.admissions.set(a.peerId, "refused");
    b.transport.readmit(a.peerId);
    await aborted(here.closed);
    expect(b.transport.links()).toEqual([]);
  });

  test("an enrolling peer that became a member stays, and is told as one", async () => {
    const { a, b, here } = await stage.enrolling();
    b.admissions.set(a.peerId, "member");
    b.transport.readmit(a.peerId);
    const link = await b.announced.next();
    expect(link.peerId).toBe(a.peerId);
    await clock.advance(16_000);
    const channel = await here.openChannel(rpc, never);
    expect((await b.opened.next()).link).toBe(link);
    channel.reset();
    b.transport.readmit(a.peerId);
    expect(b.announced.count).toBe(1);
  });

  test("a removed member opens nothing more, even over the connection that it has", async () => {
    const { a, b, here, there, open } = await stage.pair();
    const [mine] = await open();
    b.admissions.set(a.peerId, "refused");
    for (const protocol of [rpc, enroll]) {
      expect(await failureOf(here.openChannel(protocol, never))).toMatchObject({ code: "unavailable" });
    }
    expect(await failureOf(there.openChannel(rpc, never))).toMatchObject({ code: "forbidden" });
    b.transport.readmit(a.peerId);
    await Promise.all([here.closed, there.closed, mine.broken].map(aborted));
    expect(b.transport.links()).toEqual([]);
  });
}
