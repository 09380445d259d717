/**
 * The other end of what is measured on bare wires, as a process of its own: a TCP echo, a TLS 1.3 sink, and a mesh
 * transport whose roster protocol is a sink and whose ping protocol an echo.
 *
 * Prints its ports and its peer id as JSON. A sink takes as many bytes as the first eight say, and answers with one.
 */
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { createLibp2pTransport } from "../../modules/networking/libp2p-transport.ts";
import { nodeKeyOf } from "../../modules/networking/node-key.ts";
import { protocols } from "../../modules/networking/transport.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { MeshChannel } from "../../src/surface/mesh-channel.ts";
import { certificate, certificateKey } from "../../tests/http/certificate.ts";

/** Counts down from what the first eight bytes say; true when everything is there. */
function countdown(): (chunk: Uint8Array) => boolean {
  let missing: number | undefined;
  return (chunk) => {
    const rest = missing === undefined ? chunk.length - 8 : chunk.length;
    missing ??= Number(new DataView(chunk.buffer, chunk.byteOffset).getBigUint64(0));
    missing -= rest;
    if (missing > 0) return false;
    missing = undefined;
    return true;
  };
}

function sinkSocket(socket: Socket): void {
  const isWhole = countdown();
  socket.setNoDelay(true);
  socket.on("data", (chunk: Buffer) => {
    if (isWhole(chunk)) socket.write("1");
  });
  socket.on("error", () => {});
}

async function sinkChannel(channel: MeshChannel): Promise<void> {
  const isWhole = countdown();
  for await (const chunk of channel.chunks) if (isWhole(chunk)) await channel.send(new Uint8Array([1]));
  channel.close();
}

async function echoChannel(channel: MeshChannel): Promise<void> {
  for await (const chunk of channel.chunks) await channel.send(chunk);
  channel.close();
}

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const echo = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("data", (chunk) => void socket.write(chunk));
  socket.on("error", () => {});
});
const sink = createTlsServer({ key: certificateKey, cert: certificate, minVersion: "TLSv1.3" }, sinkSocket);
const transport = await createLibp2pTransport({
  key: nodeKeyOf(crypto.getRandomValues(new Uint8Array(32))),
  listen: ["/ip4/127.0.0.1/tcp/0"],
  log: simulatedLog(),
  clock: systemClock(),
  admit: () => "member",
  onLink: () => {},
});
const ignore = () => {};
transport.handle(protocols.roster, {
  channelsPerPeerMax: 8,
  handle: (channel) => void sinkChannel(channel).catch(ignore),
});
transport.handle(protocols.ping, {
  channelsPerPeerMax: 8,
  handle: (channel) => void echoChannel(channel).catch(ignore),
});
const ports = { echo: await portOf(echo), sink: await portOf(sink) };
console.log(JSON.stringify({ ...ports, peerId: transport.peerId, addresses: transport.addresses() }));
// With its input it ends: the one who started it is gone.
for await (const _ of Bun.stdin.stream());
process.exit(0);
