import { expect, test } from "bun:test";
import { simulatedClock, simulatedLog } from "../../src/kernel/simulated.ts";
import { failureOf, keyOf, never, Party } from "../../tests/networking/party.ts";
import { transportSuite } from "../../tests/networking/transport-suite.ts";
import { createLibp2pTransport } from "./libp2p-transport.ts";

const clock = simulatedClock();

transportSuite("the transport over libp2p", {
  clock,
  make: (key, options) =>
    createLibp2pTransport({ key, listen: ["/ip4/127.0.0.1/tcp/0"], log: simulatedLog(), clock, ...options }),
});

const listening = (listen: string) =>
  Party.start(
    (key, options) =>
      createLibp2pTransport({ key, listen: [listen], log: simulatedLog(), clock, ...options }),
    1,
  );

test("an address where nothing listens is not said to be a machine that refuses", async () => {
  const gone = await listening("/ip4/127.0.0.1/tcp/0");
  const addresses = gone.transport.addresses();
  await gone.transport.stop();
  const a = await listening("/ip4/127.0.0.1/tcp/0");
  const { message } = await failureOf(a.transport.dial(keyOf(2).peerId, addresses, never));
  expect(message).toContain(`${addresses[0]}: nothing listens there, or no network leads there`);
  await a.transport.stop();
});

test("a port that is taken is one line that names it, without a stack", async () => {
  const a = await listening("/ip4/127.0.0.1/tcp/0");
  const [address = ""] = a.transport.addresses();
  const { code, message } = await failureOf(listening(address));
  expect([code, message]).toEqual([
    "unavailable",
    expect.stringMatching(new RegExp(`^TCP port ${address.split("/").at(-1)}, .* is taken[^\n]*$`)),
  ]);
  await a.transport.stop();
});
