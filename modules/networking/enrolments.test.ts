import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OperoneError } from "../../src/kernel/error.ts";
import { openDatabase } from "../../src/platform/sqlite.ts";
import { type MeshChannel, memoryChannels } from "../../src/surface/mesh-channel.ts";
import { joining, meshId, refusal, TestMesh, type TestNode } from "../../tests/networking/enrolling.ts";
import { Hand } from "../../tests/networking/hand.ts";
import { InviteStore } from "./invite-store.ts";
import { migrations } from "./migrations.ts";

let mesh: TestMesh;
let inviter: TestNode;
let joiner: TestNode;

beforeEach(() => {
  mesh = new TestMesh();
  inviter = mesh.node(1, meshId);
  joiner = mesh.node(2);
});
afterEach(() => mesh.close());

const turn = () => mesh.clock.advance(0);

/** Until the request of the joiner waits for a person. */
async function waiting(code: string, node = joiner) {
  const join = joining(node, code);
  for (let turns = 0; turns < 50 && join.of("waiting") === undefined; turns++) await turn();
  const request = inviter.enrolments.pending()[0];
  if (request === undefined) throw new Error("nothing waits");
  return { join, request };
}

test("a machine joins with the code: it is a member there, and holds the roster here", async () => {
  const code = mesh.invite(inviter, { role: "observer" });
  const { steps } = joining(joiner, code);
  await mesh.settle(Promise.all(mesh.served));
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(steps.map(({ step }) => step)).toEqual(["connecting", "connected", "words", "joined"]);
  expect(steps.at(-1)).toEqual({ step: "joined", meshId, role: "observer", inviter: inviter.peerId });
  expect([...inviter.door.members]).toEqual([[joiner.peerId, "observer"]]);
  expect(joiner.door.accepted).toEqual([{ meshId, entries: inviter.door.entries, inviter: inviter.peerId }]);
  expect(inviter.events.map(({ kind }) => kind)).toEqual(["proven", "joined"]);
  expect([inviter.enrolments.active, mesh.clock.timers, mesh.linksClosed]).toEqual([0, 0, []]);
});

test("both sides show the same four words, and another enrolment has others", async () => {
  const first = joining(joiner, mesh.invite(inviter));
  await mesh.settle(first.ended);
  expect(first.of("words")?.words).toEqual(inviter.events[0]?.words ?? []);
  const second = joining(mesh.node(3), mesh.invite(inviter));
  await mesh.settle(second.ended);
  expect(second.of("words")?.words).not.toEqual(first.of("words")?.words);
});

test("a roster of many thousand entries and nearly 4 MiB arrives whole; a larger one is refused", async () => {
  inviter.door.entries = Array.from({ length: 16_000 }, (_, index) => new Uint8Array(262).fill(index));
  await mesh.settle(joining(joiner, mesh.invite(inviter)).ended);
  expect(joiner.door.accepted[0]?.entries).toEqual(inviter.door.entries);
  inviter.door.entries = [new Uint8Array(4 * 1024 * 1024 + 1)];
  const error = await mesh.settle(refusal(joining(mesh.node(3), mesh.invite(inviter)).ended));
  expect(error.code).toBe("too_large");
});

test("with confirm the invite waits for a person, and both sides say so", async () => {
  const { join, request } = await waiting(mesh.invite(inviter, { confirm: true }));
  await mesh.clock.advance(60_000);
  expect(inviter.door.members.size).toBe(0);
  expect(inviter.enrolments.pending()[0]).toMatchObject({
    direction: "in",
    peerId: joiner.peerId,
    name: "pi",
    role: "operator",
    ageMs: 60_000,
    address: "/ip4/10.0.0.9/tcp/50000",
    active: true,
  });
  expect(joiner.enrolments.pending()[0]).toMatchObject({
    direction: "out",
    peerId: inviter.peerId,
    words: request.words,
    reason: "A person must confirm this machine at the inviting one",
    reasonAgeMs: 60_000,
  });
  inviter.enrolments.confirm(request.id);
  await mesh.settle(join.ended);
  expect(inviter.door.members.get(joiner.peerId)).toBe("operator");
  expect([inviter.enrolments.pending(), joiner.enrolments.pending()]).toEqual([[], []]);
  expect(inviter.events.map(({ kind }) => kind)).toEqual(["proven", "waiting", "joined"]);
});

test("a rejected machine is told, is no member, and its code is worthless", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  const { join, request } = await waiting(code);
  inviter.enrolments.reject(request.id);
  expect((await mesh.settle(refusal(join.ended))).message).toContain(
    "A person at the inviting machine rejected",
  );
  expect((await mesh.settle(refusal(joining(joiner, code).ended))).code).toBe("forbidden");
  expect(inviter.door.members.size).toBe(0);
  expect(inviter.events.map(({ kind }) => kind)).toContain("rejected");
});

test("nobody confirms: the request ends with the invite", async () => {
  const { join, request } = await waiting(mesh.invite(inviter, { confirm: true, expiresInMs: 120_000 }));
  await mesh.clock.advance(119_000);
  expect(inviter.enrolments.pending()).toHaveLength(1);
  expect((await mesh.settle(refusal(join.ended))).message).toContain("Nobody confirmed");
  expect(() => inviter.enrolments.confirm(request.id)).toThrow(/No enrolment/);
  expect(inviter.door.members.size).toBe(0);
});

test("a request leaves the list when its machine goes away", async () => {
  const aborter = new AbortController();
  const join = joining(joiner, mesh.invite(inviter, { confirm: true }), aborter.signal);
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(inviter.enrolments.pending()).toHaveLength(1);
  aborter.abort();
  expect((await mesh.settle(refusal(join.ended))).code).toBe("cancelled");
  for (let turns = 0; turns < 5; turns++) await turn();
  expect([inviter.enrolments.pending(), joiner.enrolments.pending()]).toEqual([[], []]);
  expect([mesh.linksClosed.length, mesh.clock.timers, inviter.enrolments.active]).toEqual([1, 0, 0]);
});

test("a node that stops lets go of everybody, and leaves no timer behind", async () => {
  const aborter = new AbortController();
  const join = joining(joiner, mesh.invite(inviter, { confirm: true }), aborter.signal);
  mesh.knock(inviter.peerId, mesh.node(3).peerId);
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(inviter.enrolments.active).toBe(2);
  inviter.enrolments.stop();
  aborter.abort();
  expect((await mesh.settle(refusal(join.ended))).code).toBe("cancelled");
  await Promise.all(mesh.served);
  expect([inviter.enrolments.active, inviter.enrolments.pending(), mesh.clock.timers]).toEqual([0, [], 0]);
});

test("a request whose invite was revoked cannot be confirmed", async () => {
  const { code, id } = mesh.inviteWithId(inviter, { confirm: true });
  const { join, request } = await waiting(code);
  inviter.invites.revoke(id);
  expect(() => inviter.enrolments.confirm(request.id)).toThrow(/was revoked or has expired/);
  expect((await mesh.settle(refusal(join.ended))).code).toBe("conflict");
  expect(inviter.door.members.size).toBe(0);
});

test("a crash while a person thinks lets nobody in unconfirmed, and the same machine may ask again", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  await waiting(code);
  inviter = mesh.restart(inviter, 1);
  const again = await waiting(code, mesh.node(2));
  expect(inviter.door.members.size).toBe(0);
  inviter.enrolments.confirm(again.request.id);
  await mesh.settle(again.join.ended);
  expect(inviter.door.members.size).toBe(1);
});

test("when the joiner hears that the code is right, the invite is its own on the disk already", async () => {
  const { code, id } = mesh.inviteWithId(inviter);
  const copy = `${mesh.directory}-as-it-was`;
  const signal = new AbortController().signal;
  for await (const { step } of joiner.enrolments.join(code, { name: "pi", signal })) {
    // What a crash at this moment would leave behind.
    if (step === "words") cpSync(mesh.directory, copy, { recursive: true });
  }
  const database = openDatabase({ path: join(copy, "networking.db"), migrations, synchronous: "full" });
  expect(new InviteStore(database).byId(id)).toMatchObject({ usedBy: joiner.peerId });
  database.close();
  rmSync(copy, { recursive: true });
});

test("a machine that comes again while it waits takes its own place", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  const channel = mesh.knock(inviter.peerId, joiner.peerId);
  expect(await new Hand(channel, { peerId: joiner.peerId, code }).verdict()).toBe("accepted");
  await turn();
  const [first] = inviter.enrolments.pending();
  const { join, request } = await waiting(code);
  expect(channel.broken.aborted).toBe(true);
  expect(inviter.enrolments.pending().map(({ id }) => id)).toEqual([request.id]);
  // Whoever has read the id may still use it; only the words are others, and that is said.
  expect(request.id).toBe(first?.id ?? "none");
  expect(request.words).not.toEqual(first?.words ?? []);
  expect(request.reason).toContain("new words");
  inviter.enrolments.confirm(request.id);
  await mesh.settle(join.ended);
  await mesh.settle(Promise.all(mesh.served));
  expect(inviter.enrolments.active).toBe(0);
});

test("a connection that breaks while a person thinks changes the words and nothing else, however often", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  let newest: MeshChannel | undefined;
  mesh.wiring.tap = (channel) => {
    newest = channel;
    return channel;
  };
  const { join, request } = await waiting(code);
  // More often than a join that never got through would try.
  for (let breaks = 1; breaks <= 7; breaks++) {
    newest?.reset();
    await mesh.clock.advance(1_000);
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(inviter.enrolments.pending().map(({ id }) => id)).toEqual([request.id]);
  }
  const words = join.steps.flatMap((step) => (step.step === "words" ? [step] : []));
  expect(words.map(({ changed }) => changed ?? false)).toEqual([false, ...Array(7).fill(true)]);
  expect(words.at(-1)?.words).toEqual(inviter.enrolments.pending()[0]?.words ?? []);
  inviter.enrolments.confirm(request.id);
  await mesh.settle(join.ended);
  expect(inviter.door.members.size).toBe(1);
});

test("an inviter that does not take the machine back at once is asked again", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  let newest: MeshChannel | undefined;
  mesh.wiring.tap = (channel) => {
    newest = channel;
    return channel;
  };
  const { join, request } = await waiting(code);
  mesh.wiring.refusals = Number.POSITIVE_INFINITY;
  newest?.reset();
  await mesh.clock.advance(1_000);
  for (let turns = 0; turns < 50; turns++) await turn();
  expect(join.steps.at(-1)).toMatchObject({
    step: "retrying",
    reason: expect.stringContaining("no new connection"),
  });
  mesh.wiring.refusals = 0;
  await mesh.clock.advance(2_000);
  for (let turns = 0; turns < 50; turns++) await turn();
  inviter.enrolments.confirm(request.id);
  await mesh.settle(join.ended);
  expect(inviter.door.members.size).toBe(1);
});

test("an answer that was lost is given again to the same machine, without a second question", async () => {
  const code = mesh.invite(inviter, { confirm: true });
  inviter.door.failure = new Error("the disk is full");
  const { join, request } = await waiting(code);
  inviter.enrolments.confirm(request.id);
  expect((await mesh.settle(refusal(join.ended))).code).toBe("internal");
  inviter.door.failure = undefined;
  const again = joining(joiner, code);
  await mesh.settle(again.ended);
  expect(again.of("waiting")).toBeUndefined();
  expect([...inviter.door.members.keys()]).toEqual([joiner.peerId]);
});

test("when the joiner cannot store the roster it has not joined, and can come again", async () => {
  const code = mesh.invite(inviter);
  joiner.door.failure = new OperoneError("forbidden", "The roster does not name this node");
  expect((await mesh.settle(refusal(joining(joiner, code).ended))).message).toContain(
    "does not name this node",
  );
  joiner.door.failure = undefined;
  await mesh.settle(joining(joiner, code).ended);
  expect(joiner.door.accepted).toHaveLength(1);
});

test("a machine that cannot be reached is tried again, listed with the reason, and given up in the end", async () => {
  mesh.wiring.unreachable = true;
  const join = joining(joiner, mesh.invite(inviter));
  for (let turns = 0; turns < 5; turns++) await turn();
  expect(joiner.enrolments.pending()[0]?.reason).toContain("Nothing answers");
  expect((await mesh.settle(refusal(join.ended))).code).toBe("unavailable");
  expect(join.steps.flatMap((step) => (step.step === "retrying" ? [step.delayMs] : []))).toEqual([
    1_000, 2_000, 4_000, 8_000,
  ]);
  const [failed] = joiner.enrolments.pending();
  expect(failed).toMatchObject({ direction: "out", active: false });
  expect(failed?.reason).toContain("Nothing answers");
  await mesh.clock.advance(3_600_000);
  expect(joiner.enrolments.pending()).toEqual([]);
});

test("a machine that was found meanwhile takes the place of its failed attempt", async () => {
  mesh.wiring.unreachable = true;
  const code = mesh.invite(inviter);
  await mesh.settle(refusal(joining(joiner, code).ended));
  mesh.wiring.unreachable = false;
  await mesh.settle(joining(joiner, code).ended);
  expect(joiner.enrolments.pending()).toEqual([]);
});

test("a join can be given up by its id in the list, and a second one waits for its end", async () => {
  mesh.wiring.unreachable = true;
  const code = mesh.invite(inviter);
  const join = joining(joiner, code);
  for (let turns = 0; turns < 5; turns++) await turn();
  expect((await refusal(joining(joiner, code).ended)).code).toBe("conflict");
  const id = joiner.enrolments.pending()[0]?.id ?? "";
  expect(() => joiner.enrolments.confirm(id)).toThrow(/confirmed on the inviting machine/);
  joiner.enrolments.reject(id);
  expect((await mesh.settle(refusal(join.ended))).code).toBe("cancelled");
  expect([joiner.enrolments.pending(), mesh.clock.timers]).toEqual([[], 0]);
});

test("a join whose steps nobody reads any more ends with its reader", async () => {
  for await (const step of joiner.enrolments.join(mesh.invite(inviter, { confirm: true }), {
    name: "pi",
    signal: new AbortController().signal,
  })) {
    if (step.step === "waiting") break;
  }
  for (let turns = 0; turns < 5; turns++) await turn();
  expect([inviter.enrolments.pending(), joiner.enrolments.pending()]).toEqual([[], []]);
  expect(mesh.clock.timers).toBe(0);
});

test("own codes, codes of another mesh and bad names are refused before anything is sent", async () => {
  const code = mesh.invite(inviter);
  expect((await refusal(joining(inviter, code).ended)).message).toContain("made the code itself");
  joiner.door.meshId = "another";
  expect((await refusal(joining(joiner, code).ended)).message).toContain("belongs to the mesh another");
  const unnamed = joiner.enrolments.join(code, { name: "a\u001b[2J", signal: new AbortController().signal });
  joiner.door.meshId = undefined;
  expect((await refusal(unnamed.next())).message).toContain("is no name for a node");
  expect(mesh.served).toEqual([]);
});

test("a host that floods the enrolment is told to wait, and another host is served meanwhile", async () => {
  const code = mesh.invite(inviter);
  const knock = (address: string) => {
    const [near, far] = memoryChannels();
    void inviter.enrolments.handle(far, { peerId: joiner.peerId, remoteAddress: address });
    return near;
  };
  const flood = Array.from({ length: 30 }, (_, at) => knock(`/ip4/10.6.6.6/tcp/${at + 1}`));
  for (const channel of flood) channel.reset();
  for (let turns = 0; turns < 20; turns++) await turn();
  const busy = knock("/ip4/10.6.6.6/tcp/99");
  const served = knock("/ip4/10.0.0.2/tcp/1");
  for (let turns = 0; turns < 20; turns++) await turn();
  expect(await endOf(busy)).toContain("busy");
  expect(inviter.enrolments.active).toBe(1);
  served.reset();
  await mesh.settle(joining(joiner, code).ended);
  expect([...inviter.door.members.keys()]).toEqual([joiner.peerId]);
});

/** All that comes, as text. */
async function endOf(channel: MeshChannel): Promise<string> {
  let text = "";
  for await (const chunk of channel.chunks) text += Buffer.from(chunk).toString("latin1");
  return text;
}

test("an inviter that turns this machine away is tried again, because it may only be full", async () => {
  const code = mesh.invite(inviter);
  mesh.wiring.refusals = 2;
  const join = joining(joiner, code);
  await mesh.settle(join.ended);
  expect(join.steps.flatMap((step) => (step.step === "retrying" ? [step.delayMs] : []))).toEqual([
    1_000, 2_000,
  ]);
  expect(join.of("joined")).toBeDefined();
  mesh.wiring.refusals = 3;
  const error = await mesh.settle(refusal(joining(mesh.node(3), mesh.invite(inviter)).ended));
  expect([error.code, error.message]).toEqual(["forbidden", expect.stringContaining("too many others")]);
});
