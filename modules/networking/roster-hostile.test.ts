/** Members that do not play by the rules: each loses its link, and costs little until then. */
import { afterEach, expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import { memoryLink } from "../../tests/networking/memory-links.ts";
import { meshKey, RosterNode, signerOf } from "../../tests/networking/roster-node.ts";
import { signFacts } from "./facts.ts";
import { type RosterEntry, signEntry } from "./roster-entry.ts";
import { rosterBudgets, rosterLimits } from "./roster-limits.ts";
import { batches, encodeMessage, type RosterMessage, readMessages } from "./roster-messages.ts";
import { encodePayload, type Signer, seal } from "./signed-record.ts";

const nodes: RosterNode[] = [];
afterEach(() => {
  for (const node of nodes.splice(0)) node.sync.stop();
});

const foe = await signerOf(66);

/** A node, its link from a member that is the test itself, and that member's end of the channel. */
async function besieged() {
  const clock = simulatedClock();
  const node = new RosterNode(await signerOf(1), clock);
  nodes.push(node);
  await node.ledger.issue(meshKey, { subject: node.peerId, role: "admin" });
  await node.ledger.issue(node.signer, { subject: foe.peerId, role: "operator" });
  return { clock, node, ...dial(node) };
}

function dial(node: RosterNode) {
  const far = { peerId: foe.peerId, serve: () => {} };
  const near = {
    peerId: node.peerId,
    serve: (...args: Parameters<typeof node.sync.serve>) => node.sync.serve(...args),
  };
  const link = memoryLink(far, near).in;
  node.sync.attach(link);
  const [mine, theirs] = memoryChannels();
  node.sync.serve(theirs, link);
  return { link, channel: mine };
}

const reasonOf = ({ log }: RosterNode) => log.entries.map(({ fields }) => String(fields.error)).join("\n");

async function* none(): AsyncGenerator<Uint8Array> {}

/** Reads and forgets. */
async function drain(channel: MeshChannel): Promise<void> {
  try {
    for await (const _ of channel.chunks);
  } catch {
    // Cut off, as it should be.
  }
}

/** Sends without waiting for room, until the other side has had enough. */
function shout(channel: MeshChannel, frames: Iterable<Uint8Array>): void {
  for (const frame of frames) {
    if (channel.broken.aborted) return;
    channel.send(frame).catch(() => {});
  }
}

const text = (body: string) => {
  const bytes = new TextEncoder().encode(body);
  const frame = new Uint8Array(4 + bytes.length);
  new DataView(frame.buffer).setUint32(0, bytes.length);
  frame.set(bytes, 4);
  return frame;
};

const garbage: readonly (readonly [what: string, bytes: Uint8Array, why: RegExp])[] = [
  ["no JSON", text("hello"), /no JSON/],
  ["no UTF-8", Uint8Array.of(0, 0, 0, 1, 0xff), /no JSON/],
  ["an empty frame", Uint8Array.of(0, 0, 0, 0), /empty/],
  ["a frame beyond the limit, by its head alone", Uint8Array.of(0, 1, 0, 1), /65537 bytes was announced/],
  ["a frame of 4 GB", Uint8Array.of(255, 255, 255, 255), /4294967295 bytes was announced/],
  ["an unknown message", text('{"type":"hello"}'), /no known form/],
  ["an unknown field", text('{"type":"done","more":1}'), /no known form/],
  ["deeply nested lists", text("[".repeat(60_000)), /no JSON/],
  ["deep lists that are closed", text("[".repeat(30_000) + "]".repeat(30_000)), /no known form|no JSON/],
  ["no base64", text('{"type":"entries","envelopes":["*"]}'), /no known form/],
  ["no envelope", text('{"type":"entries","envelopes":["AAAA"]}'), /no signed envelope/],
  ["no facts", text('{"type":"facts","envelopes":["AAAA"]}'), /no signed envelope/],
  [
    "a range that ends before it begins",
    text(`{"type":"have","issuer":"${meshKey.peerId}","from":2,"to":1,"hashes":[]}`),
    /ends before/,
  ],
];

for (const [what, bytes, why] of garbage) {
  test(`${what} ends the link`, async () => {
    const { clock, node, link, channel } = await besieged();
    shout(channel, [bytes]);
    await clock.advance(0);
    expect(link.closed.aborted).toBe(true);
    expect(reasonOf(node)).toMatch(why);
  });
}

async function entryOf(signer: Signer, changes: Partial<RosterEntry> = {}): Promise<RosterEntry> {
  const { peerId: subject } = await signerOf(99);
  const payload = { mesh: meshKey.peerId, issuer: signer.peerId, sequence: 1, previous: null };
  const rest = { subject, role: "admin" as const, supersedes: [] };
  return signEntry({ ...payload, ...rest, ...changes }, signer);
}

const entries = (...all: RosterEntry[]) => [...batches("entries", all)].map(encodeMessage);

test("an entry that says it is by somebody else ends the link and changes nothing", async () => {
  const { clock, node, link, channel } = await besieged();
  shout(channel, entries(await entryOf(foe, { issuer: node.peerId, sequence: 1 })));
  await clock.advance(0);
  expect([link.closed.aborted, node.roster.index.size]).toEqual([true, 2]);
  expect(reasonOf(node)).toMatch(/says it is by .* but is signed by/);
});

const forgeries: readonly (readonly [what: string, make: () => Promise<RosterEntry>, why: RegExp])[] = [
  [
    "with a wrong signature",
    async () => {
      const entry = await entryOf(foe);
      return { ...entry, envelope: entry.envelope.with(-1, (entry.envelope.at(-1) ?? 0) ^ 1) };
    },
    /is not signed by/,
  ],
  ["of another mesh", () => entryOf(foe, { mesh: foe.peerId }), /is for the mesh/],
  [
    "that was sealed for another purpose",
    async () => {
      const { envelope: _, hash, ...payload } = await entryOf(foe);
      const kind = { domain: "operone-facts", type: "/operone/roster-entry" };
      return { ...payload, hash, envelope: await seal(kind, encodePayload(payload), foe) };
    },
    /is not signed by/,
  ],
];

for (const [what, make, why] of forgeries) {
  test(`an entry ${what} ends the link and is not even kept waiting`, async () => {
    const { clock, node, link, channel } = await besieged();
    shout(channel, entries(await make()));
    await clock.advance(0);
    expect([link.closed.aborted, node.roster.index.size, node.roster.pendingCount]).toEqual([true, 2, 0]);
    expect(reasonOf(node)).toMatch(why);
  });
}

test("the entries of a member that is no admin change nothing", async () => {
  const { clock, node, link, channel } = await besieged();
  const before = node.roster.members();
  shout(channel, entries(await entryOf(foe), await entryOf(foe, { role: "removed", subject: node.peerId })));
  await clock.advance(0);
  expect([node.roster.members(), node.roster.index.size, link.closed.aborted]).toEqual([before, 2, false]);
});

test("facts that nobody of the mesh made are not kept, and forged ones end the link", async () => {
  const { clock, node, link, channel } = await besieged();
  const [stranger, own] = [
    await signerOf(77),
    { name: "x", version: "1", os: "", cpu: "", addresses: [], labels: {} },
  ];
  const facts = (peer: string, signer: Signer) =>
    signFacts({ ...own, mesh: meshKey.peerId, peer, sequence: 1 }, signer);
  shout(channel, [...batches("facts", [await facts(stranger.peerId, stranger)])].map(encodeMessage));
  await clock.advance(0);
  expect([node.ledger.facts(), link.closed.aborted]).toEqual([[], false]);
  shout(channel, [...batches("facts", [await facts(node.peerId, foe)])].map(encodeMessage));
  await clock.advance(0);
  expect([node.ledger.facts(), link.closed.aborted]).toEqual([[], true]);
});

test("a flood of worthless entries ends the link, costs bounded memory, and a new link buys nothing", async () => {
  const { clock, node, link, channel } = await besieged();
  void drain(channel);
  const flood: RosterEntry[] = [];
  for (let at = 0; at < rosterBudgets.useless.capacity + 200; at++)
    flood.push(
      await entryOf(foe, {
        sequence: (at % 5_000) + 1,
        previous: at % 5_000 === 0 ? null : "0".repeat(64),
      }),
    );
  shout(channel, entries(...flood));
  await clock.advance(0);
  expect([link.closed.aborted, node.roster.pendingCount]).toEqual([true, rosterLimits.pendingMax]);
  expect(reasonOf(node)).toMatch(/used up its useless/);
  const again = dial(node);
  shout(again.channel, entries(...flood.slice(0, 50)));
  await clock.advance(0);
  expect(again.link.closed.aborted).toBe(true);
});

test("a flood of facts of strangers ends the link", async () => {
  const { clock, node, link, channel } = await besieged();
  void drain(channel);
  const [stranger, own] = [
    await signerOf(77),
    { name: "x", version: "1", os: "", cpu: "", addresses: [], labels: {} },
  ];
  const payload = { ...own, mesh: meshKey.peerId, peer: stranger.peerId, sequence: 1 };
  const facts = await signFacts(payload, stranger);
  const flood = Array.from({ length: rosterBudgets.useless.capacity + 100 }, () => facts);
  shout(channel, [...batches("facts", flood)].map(encodeMessage));
  await clock.advance(0);
  expect([link.closed.aborted, node.ledger.facts()]).toEqual([true, []]);
  expect(reasonOf(node)).toMatch(/used up its useless/);
});

test("what a peer told is not told back to it", async () => {
  const { clock, node, channel } = await besieged();
  const heard: string[] = [];
  void (async () => {
    for await (const { message } of readMessages(channel.chunks)) heard.push(message.type);
  })().catch(() => {});
  await clock.advance(0);
  const payload = node.roster.next({
    issuer: node.peerId,
    subject: (await signerOf(99)).peerId,
    role: "observer",
  });
  shout(channel, entries(await signEntry(payload, node.signer)));
  await clock.advance(0);
  expect([heard, node.roster.index.size]).toEqual([["summary"], 3]);
});

test("a flood of bytes ends the link", async () => {
  const { clock, node, link, channel } = await besieged();
  void drain(channel);
  const frame = encodeMessage({ type: "want", hashes: Array.from({ length: 800 }, () => "0".repeat(64)) });
  shout(
    channel,
    Array.from(
      { length: Math.ceil((rosterBudgets.kibibytes.capacity * 1_024) / frame.length) + 5 },
      () => frame,
    ),
  );
  await clock.advance(0);
  expect(link.closed.aborted).toBe(true);
  expect(reasonOf(node)).toMatch(/used up its kibibytes/);
});

test("a peer that asks for everything again and again ends its link", async () => {
  const { clock, node, link, channel } = await besieged();
  void drain(channel);
  const frame = encodeMessage({ type: "summary", issuers: [], facts: [], last: true });
  shout(
    channel,
    Array.from({ length: 2_000 }, () => frame),
  );
  await clock.advance(0);
  expect(link.closed.aborted).toBe(true);
  expect(reasonOf(node)).toMatch(/used up its answers/);
});

test("a summary without an end ends the link", async () => {
  const { clock, node, link, channel } = await besieged();
  const frame = encodeMessage({ type: "summary", issuers: [], facts: [], last: false });
  shout(
    channel,
    Array.from({ length: rosterLimits.summaryPagesMax + 1 }, () => frame),
  );
  await clock.advance(0);
  expect(link.closed.aborted).toBe(true);
  expect(reasonOf(node)).toMatch(/has no end/);
});

test("a peer that takes no bytes for 30 seconds loses its link", async () => {
  const { clock, node, link } = await besieged();
  const facts = {
    name: "x",
    version: "1",
    os: "",
    cpu: "",
    addresses: Array.from({ length: 25 }, () => "y".repeat(256)),
    labels: {},
  };
  for (let at = 0; at < 60; at++) await node.ledger.publish(node.signer, facts);
  await clock.advance(29_000);
  expect(link.closed.aborted).toBe(false);
  await clock.advance(2_000);
  expect(link.closed.aborted).toBe(true);
  expect(reasonOf(node)).toMatch(/took no bytes for 30000 ms/);
});

test("a peer that says nothing for two minutes, or never opens a channel, loses its link", async () => {
  const { clock, node, link, channel } = await besieged();
  void drain(channel);
  const far = { peerId: foe.peerId, serve: () => {} };
  const mute = memoryLink(far, far).in;
  node.sync.attach(mute);
  await clock.advance(119_000);
  expect([link.closed.aborted, mute.closed.aborted]).toEqual([false, false]);
  await clock.advance(32_000);
  expect([link.closed.aborted, mute.closed.aborted]).toEqual([true, true]);
  expect(reasonOf(node)).toMatch(/said nothing for/);
  expect(reasonOf(node)).toMatch(/opened no channel/);
});

test("a second channel on a link is refused, and the first goes on", async () => {
  const { clock, node, link, channel } = await besieged();
  const [mine, theirs] = memoryChannels();
  node.sync.serve(theirs, link);
  await clock.advance(0);
  expect([mine.broken.aborted, channel.broken.aborted, link.closed.aborted]).toEqual([true, false, false]);
});

test("frames arrive whole however the bytes are cut, and a cut end is seen", async () => {
  const messages: RosterMessage[] = [{ type: "done" }, { type: "want", hashes: ["a".repeat(64)] }];
  const all = Buffer.concat(messages.map(encodeMessage));
  for (const size of [1, 3, 4, 5, 50, 1_000]) {
    const chunks = (async function* () {
      for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
    })();
    const seen = await Array.fromAsync(readMessages(chunks));
    expect(seen.map(({ message }) => message)).toEqual(messages);
  }
  const cut = (async function* () {
    yield all.subarray(0, 9);
  })();
  expect(Array.fromAsync(readMessages(cut))).rejects.toThrow(/ended within a frame/);
  expect(await Array.fromAsync(readMessages(none()))).toEqual([]);
});
