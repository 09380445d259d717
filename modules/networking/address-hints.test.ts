import { expect, test } from "bun:test";
import fc from "fast-check";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { AddressHints, hintLimits } from "./address-hints.ts";

const at = (host: string, port = 6738) => `/ip4/${host}/tcp/${port}`;

test("hints stand alternately with the signed addresses, and none twice", () => {
  const hints = new AddressHints(simulatedClock());
  expect(hints.beside("a", ["s1", "s2"])).toEqual(["s1", "s2"]);
  expect(hints.add("a", ["h1", "s2", "h3"], "10.0.0.9")).toBe(true);
  expect(hints.beside("a", ["s1", "s2"])).toEqual(["s1", "h1", "s2", "h3"]);
  expect(hints.add("a", ["h1"], "10.0.0.9")).toBe(false);
});

test("a hint ends after its time, unless it is heard again", async () => {
  const clock = simulatedClock();
  const hints = new AddressHints(clock);
  hints.add("a", ["old", "kept"], "10.0.0.9");
  await clock.advance(hintLimits.lifeMs - 1);
  expect(hints.add("a", ["kept"], "10.0.0.9")).toBe(false);
  await clock.advance(1);
  expect(hints.beside("a", [])).toEqual(["kept"]);
  await clock.advance(hintLimits.lifeMs);
  expect(hints.beside("a", [])).toEqual([]);
});

test("addresses and peers are bounded", () => {
  const hints = new AddressHints(simulatedClock());
  const many = Array.from({ length: 50 }, (_, port) => at("10.0.0.1", port + 1));
  for (let peer = 0; peer < 3 * hintLimits.peersMax; peer++) hints.add(`peer${peer}`, many, "10.0.0.1");
  expect(hints.peers).toBe(hintLimits.peersMax);
  expect(hints.beside(`peer${3 * hintLimits.peersMax - 1}`, [])).toHaveLength(hintLimits.addressesPerPeerMax);
  expect(hints.beside("peer0", [])).toEqual([]);
});

test("a law: whatever another machine tells of a peer, the address that the peer told of itself stays", () => {
  const truth = at("10.0.0.1");
  const lie = fc.integer({ min: 0, max: 30 }).map((port) => (port === 0 ? truth : at("10.0.0.66", port)));
  const told = fc.oneof(
    fc.constant({ addresses: [at("172.17.0.1"), truth], source: "10.0.0.1" }),
    fc.array(lie, { maxLength: 12 }).map((addresses) => ({ addresses, source: "10.0.0.66" })),
  );
  fc.assert(
    fc.property(fc.array(told, { maxLength: 9 }), fc.array(told, { maxLength: 40 }), (before, after) => {
      const hints = new AddressHints(simulatedClock());
      for (const { addresses, source } of before) hints.add("a", addresses, source);
      hints.add("a", [truth], "10.0.0.1");
      for (const { addresses, source } of after) hints.add("a", addresses, source);
      expect(hints.beside("a", [])).toContain(truth);
      expect(hints.beside("a", []).length).toBeLessThanOrEqual(hintLimits.addressesPerPeerMax);
    }),
  );
});
