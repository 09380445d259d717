/**
 * A libp2p node as others build it, for Node: nothing of this project is in it.
 *
 *     node stock-peer.ts noise|tls       prints its address; each line on stdin is an address to dial, echoed through
 *
 * It echoes what comes over `protocol`; for each dial it prints how many bytes came back whole.
 */
import { createInterface } from "node:readline";
import { noise } from "@chainsafe/libp2p-noise";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const protocol = "/operone/rpc/1";
const node = await createLibp2p({
  addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
  transports: [tcp()],
  streamMuxers: [yamux()],
  connectionEncrypters: [process.argv[2] === "tls" ? tls() : noise()],
});

await node.handle(protocol, async (stream) => {
  for await (const part of stream) {
    if (!stream.send(part))
      await new Promise((resolve) => stream.addEventListener("drain", resolve, { once: true }));
  }
  await stream.close();
});

async function echoed(address: string): Promise<number> {
  const stream = await node.dialProtocol(multiaddr(address), protocol);
  const sent = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) & 0xff);
  stream.send(sent);
  let same = 0;
  for await (const part of stream) {
    for (const byte of part.subarray()) if (byte === sent[same]) same++;
    if (same === sent.length) break;
  }
  await stream.close();
  return same;
}

console.log(node.getMultiaddrs()[0]?.toString());
for await (const line of createInterface({ input: process.stdin })) console.log(await echoed(line));
