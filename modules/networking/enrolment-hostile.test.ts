/** A joiner that means harm, and somebody between the two. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { memoryChannels } from "../../src/surface/mesh-channel.ts";
import {
  joining,
  meshId,
  peerOf,
  refusal,
  TestMesh,
  type TestNode,
} from "../../tests/networking/enrolling.ts";
import { Hand, type HandOptions, recorded } from "../../tests/networking/hand.ts";
import { refusalDelayMs } from "./enrolment.ts";
import { enrolmentLimits } from "./enrolments.ts";
import { decodeInviteCode, encodeInviteCode } from "./invite-code.ts";

let mesh: TestMesh;
let inviter: TestNode;
let joiner: TestNode;
const mallory = peerOf(66);

beforeEach(() => {
  mesh = new TestMesh();
  inviter = mesh.node(1, meshId);
  joiner = mesh.node(2);
});
afterEach(() => {
  expect([inviter.enrolments.active, mesh.clock.timers]).toEqual([0, 0]);
  mesh.close();
});

const served = () => mesh.settle(Promise.all(mesh.served));
const inviteIn = (state: string) => inviter.invites.list().filter((invite) => invite.state === state);

/** One attempt by hand: the verdict, what came over the wire after the challenge, and how long it took. */
async function attempt(options: Omit<HandOptions, "peerId">, peerId = mallory) {
  const channel = recorded(mesh.knock(inviter.peerId, peerId));
  const startedAtMs = mesh.clock.monotonicMs();
  const verdict = new Hand(channel, { peerId, ...options }).verdict();
  verdict.catch(() => {});
  let tookMs = -1;
  verdict.then(
    () => {
      tookMs = mesh.clock.monotonicMs() - startedAtMs;
    },
    () => {},
  );
  const answer = await mesh.settle(verdict, 50);
  channel.close();
  await served();
  // The challenge holds a fresh nonce, so its length alone is compared.
  const challengeBytes = channel.received.readUInt32BE(0) + 4;
  return { answer, tookMs, challengeBytes, rest: channel.received.subarray(challengeBytes).toString("hex") };
}

test("unknown, wrong, expired, revoked and used codes get the same answer after the same time", async () => {
  const wrong = new Uint8Array(32).fill(5);
  const expired = mesh.invite(inviter, { expiresInMs: 1_000 });
  await mesh.clock.advance(1_000);
  const revoked = mesh.inviteWithId(inviter);
  inviter.invites.revoke(revoked.id);
  const used = mesh.invite(inviter);
  await mesh.settle(joining(joiner, used).ended);
  const open = mesh.invite(inviter);
  const unknown = { ...decodeInviteCode(open), secret: new Uint8Array(16) };
  const answers = [
    await attempt({ code: encodeInviteCode(unknown) }),
    await attempt({ code: open, proof: wrong }),
    await attempt({ code: expired }),
    await attempt({ code: expired, proof: wrong }),
    await attempt({ code: revoked.code }),
    await attempt({ code: used }),
    await attempt({ code: used, proof: wrong }, joiner.peerId),
    await attempt({ code: open, inviteId: "00".repeat(16) }),
  ];
  const [first] = answers;
  expect(first).toMatchObject({ answer: "refused", tookMs: refusalDelayMs });
  for (const answer of answers) expect(answer).toEqual(first ?? answer);
  expect([...inviter.door.members.keys()]).toEqual([joiner.peerId]);
});

test("a code that another peer has used admits nobody else", async () => {
  const code = mesh.invite(inviter);
  await mesh.settle(joining(joiner, code).ended);
  const late = mesh.node(3);
  expect((await mesh.settle(refusal(joining(late, code).ended))).message).toContain("refuses this code");
  expect([...inviter.door.members.keys()]).toEqual([joiner.peerId]);
  expect(late.door.accepted).toEqual([]);
});

test("of many that use one code at the same moment one gets in", async () => {
  const code = mesh.invite(inviter);
  const joins = [2, 3, 4, 5, 6].map((number) => joining(mesh.node(number), code).ended);
  const ends = await mesh.settle(Promise.allSettled(joins));
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(inviter.door.members.size).toBe(1);
});

test("recorded messages open nothing, neither for another peer nor for the same one", async () => {
  const code = mesh.invite(inviter);
  let tape = recorded(memoryChannels()[0]);
  mesh.wiring.tap = (channel) => {
    tape = recorded(channel);
    return tape;
  };
  await mesh.settle(joining(joiner, code).ended);
  await served();
  inviter.door.members.clear();
  for (const peerId of [mallory, joiner.peerId]) {
    const channel = recorded(mesh.knock(inviter.peerId, peerId));
    void channel.send(tape.sent);
    const reading = Array.fromAsync(channel.chunks);
    await mesh.settle(reading);
    expect(channel.received.toString()).toContain('"refused"');
    await served();
  }
  expect(inviter.door.members.size).toBe(0);
});

test("somebody between who passes every message on is refused, because its own key is another", async () => {
  const code = mesh.invite(inviter);
  mesh.wiring.seenAs = mallory;
  expect((await mesh.settle(refusal(joining(joiner, code).ended))).code).toBe("forbidden");
  await served();
  expect(inviter.door.members.size).toBe(0);
  expect(inviteIn("open")[0]?.failedAttempts).toBe(1);
});

test("a nonce that was chosen after the inviter's is not taken, even with a right proof", async () => {
  const code = mesh.invite(inviter);
  const { answer } = await attempt({ code, commitment: new Uint8Array(32) });
  expect(answer).toBe("refused");
  expect(inviter.door.members.size).toBe(0);
});

test("guessing ends with the fifth wrong proof, however often and as whoever the peer comes back", async () => {
  const { code, id } = mesh.inviteWithId(inviter);
  for (let guess = 0; guess < 7; guess++) {
    const { answer } = await attempt({ code, proof: new Uint8Array(32).fill(guess) }, peerOf(100 + guess));
    expect(answer).toBe("refused");
  }
  expect(inviteIn("revoked")[0]).toMatchObject({ id, failedAttempts: 5 });
  expect((await mesh.settle(refusal(joining(joiner, code).ended))).code).toBe("forbidden");
});

test("a joiner cannot raise its role, neither in a message nor by a changed code", async () => {
  const code = mesh.invite(inviter, { role: "observer" });
  const channel = mesh.knock(inviter.peerId, mallory);
  const hand = new Hand(channel, { peerId: mallory, code });
  const hello = {
    type: "hello",
    invite: "00".repeat(16),
    commitment: "00".repeat(32),
    name: "x",
    role: "admin",
  };
  await hand.wire.sendBytes(Buffer.from(JSON.stringify(hello)));
  for (let turns = 0; turns < 5; turns++) await mesh.clock.advance(0);
  expect(channel.broken.aborted).toBe(true);
  const raised = encodeInviteCode({ ...decodeInviteCode(code), role: "admin" });
  expect((await mesh.settle(refusal(joining(joiner, raised).ended))).message).toContain("in another role");
  expect([...inviter.door.members.values()]).toEqual(["observer"]);
  expect(joiner.door.accepted).toEqual([]);
});

test("whatever bytes come, the channel ends, in time, and nobody becomes a member", async () => {
  mesh.invite(inviter);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.json().map((text) => Buffer.concat([Uint8Array.of(0, 0, 0, text.length), Buffer.from(text)])),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      await mesh.clock.advance(2_000);
      const channel = mesh.knock(inviter.peerId, mallory);
      void channel.send(new Uint8Array(sent)).catch(() => {});
      channel.close();
      await served();
      expect([inviter.enrolments.active, inviter.door.members.size]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});

test("a message that is cut off at any byte ends the channel without an answer", async () => {
  const code = mesh.invite(inviter);
  const probe = recorded(memoryChannels()[0]);
  await new Hand(probe, { peerId: mallory, code }).hello();
  for (const length of [0, 1, 3, 4, 5, 100, probe.sent.length - 1]) {
    await mesh.clock.advance(2_000);
    const channel = recorded(mesh.knock(inviter.peerId, mallory));
    await channel.send(probe.sent.subarray(0, length));
    channel.close();
    await served();
    expect(channel.received).toHaveLength(0);
  }
});

test("a frame that claims to be long is refused by its length alone", async () => {
  for (const length of [2_049, 0xffffffff]) {
    const channel = mesh.knock(inviter.peerId, mallory);
    const header = Buffer.alloc(4);
    header.writeUInt32BE(length);
    await channel.send(header);
    await mesh.clock.advance(0);
    await mesh.clock.advance(0);
    expect(channel.broken.aborted).toBe(true);
  }
  await served();
});

test("an unproven peer has 4 KiB, also in messages that are right but for their padding", async () => {
  const code = mesh.invite(inviter);
  const fits = { peerId: mallory, code, proof: new Uint8Array(32), paddedToBytes: 2_044 };
  expect(await mesh.settle(new Hand(mesh.knock(inviter.peerId, mallory), fits).verdict())).toBe("refused");
  const channel = mesh.knock(inviter.peerId, mallory);
  const over = new Hand(channel, { peerId: mallory, code, paddedToBytes: 2_048 }).verdict();
  expect((await mesh.settle(refusal(over))).code).toBe("unavailable");
  expect(channel.broken.aborted).toBe(true);
  expect(inviter.door.members.size).toBe(0);
});

test("a peer that sends a byte a second, or nothing, or stops in the middle, is cut off after ten seconds", async () => {
  const code = mesh.invite(inviter);
  const silent = mesh.knock(inviter.peerId, mallory);
  const halfway = mesh.knock(inviter.peerId, peerOf(67));
  await new Hand(halfway, { peerId: peerOf(67), code }).hello();
  const slow = mesh.knock(inviter.peerId, peerOf(68));
  for (let second = 0; second < 10; second++) {
    expect(inviter.enrolments.active).toBe(3);
    await slow.send(Uint8Array.of(0));
    // The length of a frame that is allowed, so that only the time ends it.
    if (second === 2) await slow.send(Uint8Array.of(200));
    await mesh.clock.advance(1_000);
  }
  for (const channel of [silent, halfway, slow]) expect(channel.broken.aborted).toBe(true);
  await served();
});

test("a peer that proves the code and then says no more is cut off, and may come back", async () => {
  const code = mesh.invite(inviter);
  inviter.door.entries = [new Uint8Array(2 * 1024 * 1024)];
  const channel = mesh.knock(inviter.peerId, joiner.peerId);
  expect(await new Hand(channel, { peerId: joiner.peerId, code }).verdict()).toBe("accepted");
  await mesh.clock.advance(9_999);
  expect([channel.broken.aborted, inviter.enrolments.active]).toEqual([false, 1]);
  await mesh.clock.advance(1);
  expect(channel.broken.aborted).toBe(true);
  await served();
  await mesh.settle(joining(joiner, code).ended);
  expect(joiner.door.accepted).toHaveLength(1);
});

test("a peer that was confirmed and then says no more is cut off: only the wait for a person is free", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  const channel = mesh.knock(inviter.peerId, joiner.peerId);
  expect(await new Hand(channel, { peerId: joiner.peerId, code }).verdict()).toBe("accepted");
  await mesh.clock.advance(60_000);
  inviter.enrolments.confirm(inviter.enrolments.pending()[0]?.id ?? "");
  await mesh.clock.advance(9_999);
  expect(channel.broken.aborted).toBe(false);
  await mesh.clock.advance(1);
  expect(channel.broken.aborted).toBe(true);
  await served();
});

test("a thousand channels at once are a few that are served, and the others are told to come later", async () => {
  const code = mesh.invite(inviter);
  const hands = Array.from({ length: 1_000 }, (_, number) => {
    const peerId = peerOf(number % 250);
    const channel = mesh.knock(inviter.peerId, peerId);
    return new Hand(channel, { peerId, code, proof: new Uint8Array(32) }).verdict();
  });
  expect(inviter.enrolments.active).toBe(enrolmentLimits.burstMax);
  const answers = await mesh.settle(Promise.all(hands));
  expect(answers.filter((answer) => answer === "busy")).toHaveLength(1_000 - enrolmentLimits.burstMax);
  await served();
  expect(inviter.log.entries.length).toBeLessThanOrEqual(enrolmentLimits.burstMax);
  // Its attempts are over, and a good machine with another code comes through.
  await mesh.settle(joining(joiner, mesh.invite(inviter)).ended);
  expect([...inviter.door.members.keys()]).toEqual([joiner.peerId]);
});

test("never more than 24 unproven channels are open, however slowly they come", async () => {
  for (let count = 0; count < 60; count++) {
    mesh.knock(inviter.peerId, peerOf(count));
    await mesh.clock.advance(150);
    expect(inviter.enrolments.active).toBeLessThanOrEqual(enrolmentLimits.unprovenMax);
  }
  await served();
});

test("at most 16 wait for a person; the next one is told to come later, and can", async () => {
  const codes = Array.from({ length: 17 }, () => mesh.invite(inviter, { confirm: true }));
  const joins = codes.map((code, index) => joining(mesh.node(20 + index), code));
  for (let turns = 0; turns < 40; turns++) await mesh.clock.advance(0);
  expect(inviter.enrolments.pending()).toHaveLength(16);
  expect(joins[16]?.of("retrying")?.reason).toContain("too many enrolments");
  for (const { id } of inviter.enrolments.pending()) inviter.enrolments.confirm(id);
  await mesh.clock.advance(1_000);
  for (let turns = 0; turns < 40; turns++) await mesh.clock.advance(0);
  for (const { id } of inviter.enrolments.pending()) inviter.enrolments.confirm(id);
  await mesh.settle(Promise.all(joins.map(({ ended }) => ended)));
  expect(inviter.door.members.size).toBe(17);
  await served();
});
