import { afterAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import {
  connected,
  done,
  enter,
  invite,
  meshDirectory,
  meshNode,
  ownAddress,
  residentMb,
} from "./mesh-node.ts";
import { cleanUp, eventually, type TestNode } from "./node.ts";

afterAll(cleanUp);

const port = 6738;
const floodCount = 500;
/** Of each kind; fewer in all than one host may have, so that each is heard. */
const heldCount = 8;
const growthMbMax = 60;
/** All the time that the node gives somebody who has not proven a key, and as much again for a busy machine. */
const timeoutsMs = 20_000;
const dripEveryMs = 100;

const encoder = new TextEncoder();
/** A word of multistream-select: its length, which is below 128, the word, and a line feed. */
const word = (text: string) => Uint8Array.of(text.length + 1, ...encoder.encode(`${text}\n`));
const hello = word("/multistream/1.0.0");
const tls = Uint8Array.of(...hello, ...word("/tls/1.0.0"));
/** The head of a TLS record of 512 bytes with a ClientHello, and little of its content. */
const halfClientHello = Uint8Array.of(
  ...tls,
  0x16,
  0x03,
  0x01,
  0x02,
  0x00,
  0x01,
  0x00,
  0x01,
  0xfc,
  0x03,
  0x03,
  7,
  7,
);

/** Connections to the node's mesh port that somebody made who is no node. */
class Strangers {
  readonly address: string;
  made = 0;
  ended = 0;
  receivedBytes = 0;

  constructor(address: string) {
    this.address = address;
  }

  async connect(bytes: Uint8Array): Promise<Bun.Socket | undefined> {
    const over = () => {
      this.ended += 1;
    };
    try {
      this.made += 1;
      const socket = await Bun.connect({
        hostname: this.address,
        port,
        socket: {
          data: (_socket, data) => {
            this.receivedBytes += data.length;
          },
          close: over,
          error() {},
        },
      });
      if (bytes.length > 0) socket.write(bytes);
      return socket;
    } catch {
      over();
      return undefined;
    }
  }

  async many(count: number, bytes: Uint8Array): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.connect(bytes)));
  }

  /** A byte now and then, until the node has enough of it. */
  async drip(bytes: Uint8Array): Promise<void> {
    const socket = await this.connect(bytes.subarray(0, 1));
    for (let at = 1; socket?.readyState === 1; at = (at + 1) % bytes.length) {
      socket.write(bytes.subarray(at, at + 1));
      await Bun.sleep(dripEveryMs);
    }
  }
}

const openFiles = (node: TestNode) => readdirSync(`/proc/${node.welcome.pid}/fd`).length;

async function meshOfTwo(): Promise<{ a: TestNode; b: TestNode; address: string }> {
  const address = ownAddress();
  const [a, b] = await Promise.all([
    meshNode("a", { directory: meshDirectory("a", `addresses = ["${address}"]`) }),
    meshNode("b"),
  ]);
  await enter(a, b);
  await done(a.run(["allow", "admin"]));
  await connected(a, "b");
  await connected(b, "a");
  return { a, b, address };
}

/** Members call each other while it goes on, and all the calls succeed. */
async function callsDuring(b: TestNode, work: Promise<unknown>): Promise<number> {
  let isOver = false;
  const end = work.finally(() => {
    isOver = true;
  });
  let calls = 0;
  for (; !isOver; calls += 1) {
    const response = await b.fetch("/v1/node/status?node=a");
    expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 200 });
    await Promise.race([end, Bun.sleep(50)]);
  }
  await end;
  return calls;
}

test("whoever connects and is no node costs a bounded share, and is gone after a while", async () => {
  const { a, b, address } = await meshOfTwo();
  const filesBefore = openFiles(a);
  const memoryBefore = residentMb(a.welcome.pid);
  const strangers = new Strangers(address);
  const work = async () => {
    const dripping = [strangers.drip(tls), strangers.drip(halfClientHello)];
    await strangers.many(heldCount, new Uint8Array());
    await strangers.many(heldCount, hello);
    await strangers.many(heldCount, halfClientHello);
    await Promise.all(dripping);
    expect(await eventually(() => strangers.ended === strangers.made, timeoutsMs)).toBe(true);
    expect(strangers.receivedBytes).toBeGreaterThan(2 * heldCount * hello.length);
    await strangers.many(floodCount, crypto.getRandomValues(new Uint8Array(20_000)));
    await strangers.many(floodCount, new Uint8Array());
    await eventually(() => strangers.ended === strangers.made, timeoutsMs);
  };
  const calls = await callsDuring(b, work());
  const { made, ended, receivedBytes } = strangers;
  const growthMb = Math.round(residentMb(a.welcome.pid) - memoryBefore);
  console.log(JSON.stringify({ calls, made, ended, receivedBytes, growthMb }));
  expect(ended).toBe(made);
  expect(growthMb).toBeLessThan(growthMbMax);
  expect(await eventually(() => openFiles(a) <= filesBefore + 2, timeoutsMs)).toBe(true);
  expect(receivedBytes / made).toBeLessThan(200);

  const c = await meshNode("c");
  await done(c.run(["join", await invite(a)]));
  await connected(a, "b", "c");
  await Promise.all([a.stop(), b.stop(), c.stop()]);
}, 120_000);

test("strangers that hold connections do not keep a member from connecting", async () => {
  const { a, b, address } = await meshOfTwo();
  const strangers = new Strangers(address);
  const again = new AbortController();
  const holding = (async () => {
    while (!again.signal.aborted) {
      await strangers.many(heldCount, hello);
      await Bun.sleep(1_000);
    }
  })();
  b.signal("SIGKILL");
  await b.exited;
  const back = await meshNode("b", { directory: b.directory });
  await connected(back, "a");
  await connected(a, "b");
  again.abort();
  await holding;
  await Promise.all([a.stop(), back.stop()]);
}, 60_000);
