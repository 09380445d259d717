import { expect, test } from "bun:test";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { memoryChannels } from "../../src/surface/mesh-channel.ts";
import { LinkTable } from "./link-table.ts";
import { protocols } from "./transport.ts";
import { transportLimits } from "./transport-limits.ts";

/** A table to which everybody comes to enrol. */
function setUp() {
  const table = new LinkTable({
    clock: simulatedClock(),
    log: simulatedLog(),
    limits: transportLimits,
    admit: () => "enrolling",
    onLink: () => {},
  });
  table.handle(protocols.enroll, { channelsPerPeerMax: 1, handle: () => {} });
  let count = 0;
  /** @returns undefined when it was ended at once */
  const come = (host: string) => {
    count++;
    const closed = new AbortController();
    return table.add({
      peerId: `peer-${count}`,
      remoteAddress: `/ip4/${host}/tcp/${count}`,
      direction: "in",
      encryption: "tls",
      open: () => Promise.reject(new Error("never asked")),
      end: async () => closed.abort(),
      closed: closed.signal,
    });
  };
  const knock = (link: ReturnType<typeof come>) => {
    const [, theirs] = memoryChannels();
    if (link !== undefined) table.accept(link, protocols.enroll, { ...theirs, ended: new Promise(() => {}) });
  };
  return { table, come, knock };
}

test("one host has four enrolling connections, of which the oldest silent one goes", () => {
  const { table, come } = setUp();
  const stranger = come("10.0.0.2");
  const flood = Array.from({ length: 100 }, () => come("10.6.6.6"));
  expect(table.links()).toHaveLength(5);
  expect(stranger?.closed.aborted).toBe(false);
  expect(flood.map((link) => link?.closed.aborted).filter((ended) => ended === false)).toHaveLength(4);
});

test("those that show their code keep their place, and others of the host are turned away", () => {
  const { come, knock } = setUp();
  const busy = Array.from({ length: 4 }, () => come("10.0.0.3"));
  for (const link of busy) knock(link);
  expect(come("10.0.0.3")).toBeUndefined();
  expect(come("10.0.0.4")).toBeDefined();
  expect(busy.map((link) => link?.closed.aborted)).toEqual([false, false, false, false]);
});

test("many hosts together have no more than the table takes, and a newcomer still gets in", () => {
  const { table, come } = setUp();
  for (let host = 1; host <= 100; host++) come(`10.0.1.${host}`);
  expect(table.links()).toHaveLength(transportLimits.enrollingMax);
  expect(come("10.0.0.2")?.closed.aborted).toBe(false);
});
