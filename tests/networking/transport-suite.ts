/** What every transport must do; each body runs it. */
import { afterEach, describe, expect, test } from "bun:test";
import { type Link, protocols } from "../../modules/networking/transport.ts";
import { admissionTests } from "./admission-suite.ts";
import { aborted, bytesOf, failureOf, keyOf, never } from "./party.ts";
import { Stage, type SuiteSubject } from "./stage.ts";

const { roster, rpc } = protocols;
const bytes = (length: number, seed = 1) => Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff);

export function transportSuite(name: string, subject: SuiteSubject): void {
  const stage = new Stage(subject);
  afterEach(() => stage.close());
  describe(`${name}: links`, () => {
    linkTests(stage);
    lastTests(stage);
  });
  describe(`${name}: dialling`, () => diallingTests(stage));
  describe(`${name}: channels`, () => {
    byteTests(stage);
    flowTests(stage);
    slowReaderTests(stage);
    endTests(stage);
  });
  describe(`${name}: admission`, () => admissionTests(stage, subject.clock));
}

function linkTests(stage: Stage): void {
  test("a link is told to both sides once", async () => {
    const { a, b, here, there } = await stage.pair();
    expect(here).toMatchObject({ peerId: b.peerId, direction: "out", encryption: "tls" });
    expect(there).toMatchObject({ peerId: a.peerId, direction: "in", encryption: "tls" });
    expect(b.transport.addresses()).toContain(here.remoteAddress);
    expect(there.remoteAddress).toMatch(/^\/ip4\/[\d.]+\/tcp\/\d+$/);
    expect([a.announced.count, b.announced.count]).toEqual([1, 1]);
    expect(await a.announced.next()).toBe(here);
    expect([a.transport.links(), b.transport.links()]).toEqual([[here], [there]]);
  });

  test("closing a link ends it on both sides, and its channels break", async () => {
    const { a, b, here, there, open } = await stage.pair();
    const [mine, theirs] = await open();
    await mine.send(bytes(1_000));
    // Half is not taken for the whole.
    const reading = failureOf(bytesOf(theirs));
    here.close();
    expect(a.transport.links()).toEqual([]);
    await Promise.all([here.closed, there.closed, mine.broken, theirs.broken].map(aborted));
    expect(await reading).toMatchObject({ code: "unavailable" });
    expect([a.transport.links(), b.transport.links()]).toEqual([[], []]);
    expect(await failureOf(here.openChannel(rpc, never))).toMatchObject({ code: "unavailable" });
  });

  test("a link that is being closed is nobody's any more: the next dial makes a new one", async () => {
    const { a, b, here } = await stage.pair();
    here.close();
    const next = await a.dial(b);
    expect(next).not.toBe(here);
    (await next.openChannel(rpc, never)).close();
    expect((await b.opened.next()).protocol).toBe(rpc);
  });
}

function lastTests(stage: Stage): void {
  test("hanging up ends all links of one peer and of no other", async () => {
    const { a, b, there } = await stage.pair();
    const c = await stage.party(3);
    const other = await c.dial(b);
    b.transport.hangUp(a.peerId);
    await aborted(there.closed);
    expect(other.closed.aborted).toBe(false);
    expect(b.transport.links().map(({ peerId }) => peerId)).toEqual([c.peerId]);
  });

  test("stopping ends everything", async () => {
    const { a, b, here, there, open } = await stage.pair();
    const [mine, theirs] = await open();
    await theirs.send(bytes(1_000));
    const reading = failureOf(bytesOf(mine));
    const addresses = b.transport.addresses();
    await b.transport.stop();
    await Promise.all([here.closed, there.closed, mine.broken, theirs.broken].map(aborted));
    expect(await reading).toMatchObject({ code: "unavailable" });
    expect([b.transport.links(), b.transport.addresses()]).toEqual([[], []]);
    expect(await failureOf(a.transport.dial(b.peerId, addresses, never))).toMatchObject({
      code: "unavailable",
    });
    expect(await failureOf(b.dial(a))).toMatchObject({ code: "cancelled" });
  });

  test("of too many links of one peer the oldest ends", async () => {
    const b = await stage.party(2, { connectionsPerPeerMax: 2 });
    const links: Link[] = [];
    for (let copy = 0; copy < 3; copy++) links.push(await (await stage.party(1)).dial(b));
    await aborted((await b.announced.next()).closed);
    expect(b.transport.links()).toHaveLength(2);
    expect(links[2]?.closed.aborted).toBe(false);
  });
}

function diallingTests(stage: Stage): void {
  test("dialling twice, or side by side, gives one link", async () => {
    const { a, b, here } = await stage.pair();
    expect(await a.dial(b)).toBe(here);
    const c = await stage.party(3);
    const [one, two] = await Promise.all([c.dial(b), c.dial(b)]);
    expect(one).toBe(two);
    expect(c.announced.count).toBe(1);
  });

  test("one good address among dead ones is enough", async () => {
    const [a, b, gone] = [await stage.party(1), await stage.party(2), await stage.party(3)];
    const dead = gone.transport.addresses();
    await gone.transport.stop();
    const addresses = [...dead, "/ip4/not-an-address", ...b.transport.addresses(), ...dead];
    expect((await a.transport.dial(b.peerId, addresses, never)).peerId).toBe(b.peerId);
  });

  test("a peer that is not where it was said to be cannot be reached", async () => {
    const [a, b] = [await stage.party(1), await stage.party(2)];
    const stranger = keyOf(9).peerId;
    for (const addresses of [b.transport.addresses(), [], ["nonsense"]]) {
      expect(await failureOf(a.transport.dial(stranger, addresses, never))).toMatchObject({
        code: "unavailable",
        message: expect.stringContaining(stranger),
      });
    }
    expect(a.transport.links()).toEqual([]);
    expect(a.announced.count).toBe(0);
  });

  test("a node that is refused hears it from its own dial", async () => {
    const [a, b] = [await stage.party(1), await stage.party(2)];
    b.admissions.set(a.peerId, "refused");
    expect(await failureOf(a.dial(b))).toMatchObject({ code: "forbidden" });
    expect([a.announced.count, b.announced.count]).toEqual([0, 0]);
    expect([a.transport.links(), b.transport.links()]).toEqual([[], []]);
  });

  test("a peer that is refused here, and this node itself, are not dialled", async () => {
    const [a, b] = [await stage.party(1), await stage.party(2)];
    a.admissions.set(b.peerId, "refused");
    expect(await failureOf(a.dial(b))).toMatchObject({ code: "forbidden" });
    expect(await failureOf(a.dial(a))).toMatchObject({ code: "invalid_input" });
    expect(b.announced.count).toBe(0);
  });

  test("the signal gives a dial up, and does no harm to a link that is there", async () => {
    const [a, b] = [await stage.party(1), await stage.party(2)];
    expect(await failureOf(a.dial(b, AbortSignal.abort()))).toMatchObject({ code: "cancelled" });
    const controller = new AbortController();
    const link = await a.dial(b, controller.signal);
    controller.abort();
    const mine = await link.openChannel(rpc, never);
    mine.close();
    expect((await b.opened.next()).protocol).toBe(rpc);
    expect(link.closed.aborted).toBe(false);
  });
}

function byteTests(stage: Stage): void {
  test("bytes arrive whole and in order, in both directions, up to the end", async () => {
    const { open } = await stage.pair();
    const [mine, theirs] = await open();
    const [out, back] = [bytes(700_000), bytes(300_001, 7)];
    const sending = [mine.send(out.subarray(0, 200_000)), mine.send(out.subarray(200_000))];
    const answering = theirs.send(back);
    const reading = [mine, theirs].map(async (channel, at) => {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of channel.chunks) {
        parts.push(chunk);
        length += chunk.length;
        if (length === (at === 0 ? back : out).length) break;
      }
      return Buffer.concat(parts);
    });
    await Promise.all([...sending, answering]);
    const [gotBack, gotOut] = await Promise.all(reading);
    expect(gotBack?.equals(back)).toBe(true);
    expect(gotOut?.equals(out)).toBe(true);
  });

  test("a side that is done is heard to the end, and what it is still sent is dropped", async () => {
    const { open } = await stage.pair();
    const [mine, theirs] = await open();
    void mine.send(bytes(100_000));
    mine.close();
    expect((await failureOf(mine.send(bytes(1)))).message).toContain("closed");
    await theirs.send(bytes(1_000_000));
    expect(await bytesOf(theirs)).toHaveLength(100_000);
    theirs.close();
    expect(await bytesOf(mine)).toHaveLength(0);
    expect([mine.broken.aborted, theirs.broken.aborted]).toEqual([false, false]);
  });
}

function flowTests(stage: Stage): void {
  test("a sender waits for its reader, and others on the same link do not", async () => {
    const { open } = await stage.pair();
    const [mine, theirs] = await open();
    const piece = 64 * 1024;
    const pieces = 64;
    let taken = 0;
    const sends = Array.from({ length: pieces }, async (_, at) => {
      await mine.send(bytes(piece, at));
      taken += piece;
    });
    for (let round = 0; round < 20; round++) {
      const [ask, hear] = await open();
      void ask.send(bytes(10));
      ask.close();
      expect(await bytesOf(hear)).toHaveLength(10);
      hear.close();
    }
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(1_000_000);
    void Promise.all(sends).then(() => mine.close());
    const got = await bytesOf(theirs);
    expect(got).toHaveLength(pieces * piece);
    expect(got.subarray(-piece)).toEqual(Buffer.from(bytes(piece, pieces - 1)));
    theirs.close();
  });
}

function slowReaderTests(stage: Stage): void {
  test("a slow reader slows its sender, however long they go on", async () => {
    const { open } = await stage.pair();
    const [mine, theirs] = await open();
    const piece = bytes(64 * 1024);
    const pieces = 160;
    let sent = 0;
    let read = 0;
    let aheadMax = 0;
    const send = async () => {
      for (; sent < pieces * piece.length; sent += piece.length) await mine.send(piece);
      mine.close();
    };
    const take = async () => {
      for await (const chunk of theirs.chunks) {
        read += chunk.length;
        aheadMax = Math.max(aheadMax, sent - read);
        for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      theirs.close();
    };
    await Promise.all([send(), take()]);
    expect(read).toBe(pieces * piece.length);
    expect(aheadMax).toBeLessThan(2_000_000);
  });
}

function endTests(stage: Stage): void {
  test("a reset is seen by both sides at once", async () => {
    const { open, here } = await stage.pair();
    for (const who of [0, 1]) {
      const ends = await open();
      const waiting = ends.map((end) => failureOf(bytesOf(end)));
      ends[who]?.reset();
      await Promise.all(ends.map(({ broken }) => aborted(broken)));
      for (const failure of await Promise.all(waiting))
        expect(failure).toMatchObject({ code: "unavailable" });
      for (const end of ends)
        expect(await failureOf(end.send(bytes(1)))).toMatchObject({ code: "unavailable" });
    }
    expect(here.closed.aborted).toBe(false);
  });

  test("a sender that waits for its reader is set free by a reset", async () => {
    const { open } = await stage.pair();
    const [mine, theirs] = await open();
    const sends = Array.from({ length: 32 }, () => mine.send(bytes(64 * 1024)));
    const outcomes = Promise.allSettled(sends);
    theirs.reset();
    expect((await outcomes).at(-1)?.status).toBe("rejected");
  });

  test("a protocol that nobody handles is refused by its name", async () => {
    const { here } = await stage.pair();
    expect(await failureOf(here.openChannel(roster, never))).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(roster),
    });
    expect(await failureOf(here.openChannel(rpc, AbortSignal.abort()))).toMatchObject({ code: "cancelled" });
    expect(here.closed.aborted).toBe(false);
  });

  test("a peer has so many channels of a protocol and no more, until one ends", async () => {
    const { b, here, open } = await stage.pair();
    b.handle(rpc, 2);
    const ends = [await open(), await open()];
    await aborted((await here.openChannel(rpc, never)).broken);
    const [first] = ends;
    for (const end of first ?? []) end.close();
    await Promise.all((first ?? []).map(bytesOf));
    // The other side hears of the end a moment later than this one.
    let next = await here.openChannel(rpc, never);
    while (await Promise.race([aborted(next.broken).then(() => true), b.opened.next().then(() => false)])) {
      next = await here.openChannel(rpc, never);
    }
    expect(next.broken.aborted).toBe(false);
  });
}
