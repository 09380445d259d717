/** Two nodes in one process that talk; the test compiles it as the real program is compiled. */
import { protocols } from "../../modules/networking/transport.ts";
import { simulatedLog } from "../../src/kernel/simulated.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { bytesOf, never, Party } from "../networking/party.ts";

// Lazily, as the module does: the order in which bundled packages are run depends on it.
const { createLibp2pTransport } = await import("../../modules/networking/libp2p-transport.ts");
const [a, b] = await Promise.all(
  [1, 2].map((seed) =>
    Party.start(
      (key, options) =>
        createLibp2pTransport({
          key,
          listen: ["/ip4/127.0.0.1/tcp/0"],
          log: simulatedLog(),
          clock: systemClock(),
          ...options,
        }),
      seed,
    ),
  ),
);
if (a === undefined || b === undefined) throw new Error("no transports");
b.handle(protocols.rpc);
const link = await a.dial(b);
const channel = await link.openChannel(protocols.rpc, never);
await channel.send(new Uint8Array(100_000));
channel.close();
console.log(link.encryption, (await bytesOf((await b.opened.next()).channel)).length);
process.exit(0);
