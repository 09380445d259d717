import { expect, test } from "bun:test";
import { RecordEnvelope } from "@libp2p/peer-record";
import fc from "fast-check";
import { meshKey, signerOf } from "../../tests/networking/roster-node.ts";
import { type RosterPayload, signEntry, storedEntry, unsealEntry, verifyEntry } from "./roster-entry.ts";
import { encodePayload, isPeerId, seal } from "./signed-record.ts";

const [a, b] = [await signerOf(1), await signerOf(2)];
const mesh = meshKey.peerId;
const kind = { domain: "operone-roster", type: "/operone/roster-entry" };
const hash = (letter: string) => letter.repeat(64);
const plain: RosterPayload = {
  mesh,
  issuer: a.peerId,
  sequence: 1,
  previous: null,
  subject: b.peerId,
  role: "operator",
  supersedes: [],
};

/** As another node would see it. */
const received = async (bytes: Uint8Array) => verifyEntry(unsealEntry(bytes), bytes, mesh);

test("an entry comes back as it was signed, from a peer and from the store", async () => {
  const payload: RosterPayload = {
    ...plain,
    sequence: 2,
    previous: hash("a"),
    role: "removed",
    supersedes: [hash("b"), hash("c")],
    lastValid: 7,
    lastHash: "d".repeat(64),
  };
  const entry = await signEntry(payload, a);
  expect(entry).toMatchObject(payload);
  expect(await received(entry.envelope)).toEqual(entry);
  expect(storedEntry(entry.envelope)).toEqual(entry);
});

test("the signed bytes and their hash never change", async () => {
  const entry = await signEntry(plain, a);
  const { payload } = RecordEnvelope.createFromProtobuf(entry.envelope);
  expect(new TextDecoder().decode(payload)).toBe(
    `{"issuer":"${a.peerId}","mesh":"${mesh}","previous":null,"role":"operator","sequence":1,"subject":"${b.peerId}","supersedes":[]}`,
  );
  expect(entry.hash).toBe(new Bun.CryptoHasher("sha256").update(payload).digest("hex"));
});

const refusals: readonly (readonly [what: string, changes: Record<string, unknown>, why: RegExp])[] = [
  ["an issuer that is no peer id", { issuer: "a" }, /issuer: must be the peer id/],
  ["a sequence below one", { sequence: 0 }, /sequence/],
  ["a sequence that no roster takes", { sequence: 5_001, previous: hash("a") }, /sequence/],
  ["half a sequence", { sequence: 1.5 }, /sequence/],
  ["a first entry with one before it", { previous: hash("a") }, /previous is null for 1 alone/],
  ["a second entry with none before it", { sequence: 2 }, /previous is null for 1 alone/],
  ["an unknown role", { role: "owner" }, /role/],
  ["a last entry without its hash", { lastValid: 7, lastHash: undefined }, /come together/],
  ["a negative last entry", { lastValid: -1 }, /lastValid/],
  ["an upper-case hash", { supersedes: [hash("A")] }, /supersedes/],
  ["unsorted hashes", { supersedes: [hash("b"), hash("a")] }, /sorted, each once/],
  ["a hash twice", { supersedes: [hash("a"), hash("a")] }, /sorted, each once/],
  [
    "more hashes than an issuer may name",
    { supersedes: Array.from({ length: 65 }, (_, at) => at.toString(16).padStart(64, "0")) },
    /supersedes/,
  ],
  ["an unknown field", { more: 1 }, /more/],
];

for (const [what, changes, why] of refusals) {
  test(`${what} is refused, also with a good signature`, async () => {
    const bytes = await seal(kind, encodePayload({ ...plain, ...changes }), a);
    await expect(received(bytes)).rejects.toThrow(why);
  });
}

test("bytes that say the same in another way are refused", async () => {
  const text = new TextDecoder().decode(encodePayload(plain));
  const others = [
    ` ${text}`,
    text.replace(":1,", ":1.0,"),
    text.replace("{", '{"sequence":9,'),
    `\ufeff${text}`,
  ];
  for (const other of [...others, text.replace("operator", "\\u006fperator")]) {
    const bytes = await seal(kind, new TextEncoder().encode(other), a);
    await expect(received(bytes)).rejects.toThrow(/canonical/);
  }
});

test("an envelope with anything beside its four fields is refused", async () => {
  const { envelope } = await signEntry(plain, a);
  expect(() => unsealEntry(Uint8Array.of(...envelope, 0x32, 1, 0))).toThrow(/envelope/);
  expect(() => unsealEntry(new Uint8Array(9_000))).toThrow(/9000 bytes/);
  expect(() => unsealEntry(Uint8Array.of())).toThrow(/envelope/);
});

test("an entry is its issuer's alone, for one mesh and one purpose", async () => {
  await expect(received((await signEntry(plain, b)).envelope)).rejects.toThrow(/but is signed by/);
  const foreign = await signEntry({ ...plain, mesh: b.peerId }, a);
  await expect(received(foreign.envelope)).rejects.toThrow(/is for the mesh/);
  const facts = await seal({ ...kind, domain: "operone-facts" }, encodePayload(plain), a);
  await expect(received(facts)).rejects.toThrow(/is not signed by/);
  const typed = await seal({ ...kind, type: "/operone/node-facts" }, encodePayload(plain), a);
  await expect(received(typed)).rejects.toThrow(/another type/);
});

test("no changed byte is taken for the entry that was signed", async () => {
  const { envelope } = await signEntry(plain, a);
  await fc.assert(
    fc.asyncProperty(fc.nat(envelope.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = envelope.with(at, (envelope[at] ?? 0) ^ flip);
      await expect(received(changed)).rejects.toThrow();
    }),
  );
});

test("a peer id is the one text of an Ed25519 key", () => {
  expect(isPeerId(a.peerId)).toBe(true);
  for (const other of [
    "",
    "a",
    `${a.peerId} `,
    a.peerId.slice(0, -1),
    "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
  ])
    expect(isPeerId(other)).toBe(false);
  expect(isPeerId(`12D3KooW${"1".repeat(44)}`)).toBe(false);
});
