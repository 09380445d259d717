import { expect, test } from "bun:test";
import fc from "fast-check";
import { meshKey, signerOf } from "../../tests/networking/roster-node.ts";
import {
  type FactsPayload,
  isNewer,
  readFacts,
  signFacts,
  storedFacts,
  unsealFacts,
  verifyFacts,
} from "./facts.ts";
import { encodePayload, seal } from "./signed-record.ts";

const [a, b] = [await signerOf(1), await signerOf(2)];
const mesh = meshKey.peerId;
const plain: FactsPayload = {
  mesh,
  peer: a.peerId,
  sequence: 1_700_000_000_000,
  name: "pi",
  version: "0.1.0",
  os: "linux",
  cpu: "arm64",
  addresses: ["/ip4/10.0.0.2/tcp/6738"],
  audit: { seq: 3, hash: "a".repeat(64) },
  labels: { gpu: "true", "caf\u00e9": "\u{1f600}" },
};

const received = async (bytes: Uint8Array) => {
  const record = unsealFacts(bytes);
  const facts = readFacts(record, bytes, mesh);
  await verifyFacts(record);
  return facts;
};

test("facts come back as they were signed", async () => {
  const facts = await signFacts(plain, a);
  expect(facts).toMatchObject(plain);
  expect(await received(facts.envelope)).toEqual(facts);
  expect(storedFacts(unsealFacts(facts.envelope), facts.envelope)).toEqual(facts);
});

test("nobody makes facts of another node, of another mesh, or from a roster entry", async () => {
  await expect(received((await signFacts(plain, b)).envelope)).rejects.toThrow(/but is signed by/);
  await expect(received((await signFacts({ ...plain, mesh: b.peerId }, a)).envelope)).rejects.toThrow(
    /for the mesh/,
  );
  const entry = { domain: "operone-roster", type: "/operone/node-facts" };
  await expect(received(await seal(entry, encodePayload(plain), a))).rejects.toThrow(/is not signed by/);
});

test("facts beyond their limits are refused where they are made", async () => {
  const addresses = Array.from({ length: 33 }, () => "/ip4/10.0.0.2/tcp/1");
  await expect(signFacts({ ...plain, addresses }, a)).rejects.toThrow(/addresses/);
  await expect(signFacts({ ...plain, name: "n".repeat(64) }, a)).rejects.toThrow(/name/);
  const labels = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`l${at}`, ""]));
  await expect(signFacts({ ...plain, labels }, a)).rejects.toThrow(/labels/);
  const long = Array.from({ length: 32 }, () => "\u{1f600}".repeat(120));
  await expect(signFacts({ ...plain, addresses: long }, a)).rejects.toThrow(/8192 bytes/);
});

test("of any two facts exactly one is newer, unless they are the same", () => {
  const some = fc.record({ sequence: fc.nat(2), hash: fc.constantFrom("a", "b") });
  fc.assert(
    fc.property(some, some, (one, other) => {
      const same = one.sequence === other.sequence && one.hash === other.hash;
      expect(Number(isNewer(one, other)) + Number(isNewer(other, one))).toBe(same ? 0 : 1);
    }),
  );
  expect(isNewer({ sequence: 0, hash: "a" }, undefined)).toBe(true);
});

test("a name that is none, or looks like a peer id, is not taken", async () => {
  for (const name of [
    "",
    "Pi",
    "a b",
    "-a",
    "a\u202eb",
    a.peerId,
    "12d3koow".padEnd(52, "a"),
    "bafz".padEnd(59, "a"),
  ]) {
    const bytes = encodePayload({ ...plain, name });
    const envelope = await seal({ domain: "operone-facts", type: "/operone/node-facts" }, bytes, a);
    expect([name, await received(envelope).catch((error) => error.code)]).toEqual([name, "invalid_input"]);
  }
});
