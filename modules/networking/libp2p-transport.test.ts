import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { transportSuite } from "../../tests/networking/transport-suite.ts";
import { createLibp2pTransport } from "./libp2p-transport.ts";

const clock = simulatedClock();

transportSuite("the transport over libp2p", {
  clock,
  make: (key, options) =>
    createLibp2pTransport({ key, listen: ["/ip4/127.0.0.1/tcp/0"], log: simulatedLog(), clock, ...options }),
});
