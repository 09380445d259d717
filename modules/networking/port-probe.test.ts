import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { nodeOperations } from "./operations-nodes.ts";
import { assertListenable, cannotListen, ownAddresses, ProbeRate, tcpProbe } from "./port-probe.ts";

test("a port that answers is told from one that does not, and nothing is sent to it", async () => {
  let received = 0;
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      received += data.length;
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const ask = (address: string) => tcpProbe(address, 20_000);
  expect(await ask(`/ip4/127.0.0.1/tcp/${port}`)).toBe(true);
  expect(await ask(`/dns4/localhost/tcp/${port}`)).toBe(true);
  await new Promise((resolve) => server.close(resolve));
  expect(await ask(`/ip4/127.0.0.1/tcp/${port}`)).toBe(false);
  expect(received).toBe(0);
});

test("what is no address of a TCP port is not even tried", async () => {
  for (const address of [
    "",
    "127.0.0.1:80",
    "/ip4/127.0.0.1/udp/1",
    "/ip4/127.0.0.1/tcp/1/p2p/x",
    "/unix/tmp/x",
  ])
    expect([address, await tcpProbe(address, 20_000)]).toEqual([address, false]);
});

test("a port that is taken is named in one line, with the way to another", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const addresses = [`/ip4/127.0.0.1/tcp/${port}`];
  await expect(assertListenable(addresses)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(new RegExp(`^TCP port ${port},.*--set networking\\.port=6738[^\n]*$`)),
  });
  await new Promise((resolve) => server.close(resolve));
  // The probe leaves nothing behind: the one that listens comes right after it.
  await assertListenable(addresses);
  await assertListenable(addresses);
  await assertListenable(["/ip4/127.0.0.1/tcp/0", "/ip4/192.0.2.250/tcp/6738"]);
});

test("whatever the system said is one line, and advice never leads to the port that is taken", () => {
  const stack =
    "Some configured addresses failed:\n  Error: listen EADDRINUSE 0.0.0.0:6738\n    at x (y.js:1:1)";
  const taken = cannotListen(["/ip4/0.0.0.0/tcp/6738"], stack).message;
  expect(taken).toContain("networking.port=6739");
  const other = cannotListen(["/ip4/10.0.0.9/tcp/6738"], "listen EADDRNOTAVAIL\nat x").message;
  expect(other).toContain("/ip4/10.0.0.9/tcp/6738: EADDRNOTAVAIL");
  expect(cannotListen(["/ip4/0.0.0.0/tcp/80"], "EACCES").message).toContain("above 1023");
  for (const message of [taken, other]) expect(message).not.toContain("\n");
});

test("only where the asking node comes from is tried, and no port of the system", () => {
  const told = [
    "/ip4/10.0.0.1/tcp/6738",
    "/ip4/10.0.0.1/tcp/22",
    "/ip4/10.0.0.9/tcp/6738",
    "/dns4/router/tcp/8080",
    "/ip4/127.0.0.1/tcp/6737",
  ];
  expect(ownAddresses(told, "/ip4/10.0.0.1/tcp/50123")).toEqual(["/ip4/10.0.0.1/tcp/6738"]);
  expect(ownAddresses(told, undefined)).toEqual([]);
});

test("a node is tried once a minute, and others meanwhile", async () => {
  const clock = simulatedClock();
  const rate = new ProbeRate(clock);
  rate.assertMay("a");
  expect(() => rate.assertMay("a")).toThrow("once a minute");
  rate.assertMay("b");
  await clock.advance(60_000);
  rate.assertMay("a");
});

test("an asking node has its own addresses tried, and no others, once a minute", async () => {
  const tried: string[] = [];
  const addresses = ["/ip4/10.0.0.1/tcp/6738", "/ip4/10.0.0.2/tcp/6738"];
  const mesh = {
    probes: new ProbeRate(simulatedClock()),
    ledger: { factsOf: () => ({ addresses }) },
    peers: { state: () => ({ link: { remoteAddress: "/ip4/10.0.0.1/tcp/5" } }) },
  };
  const state = async () => ({
    networking: { mesh: () => mesh },
    probe: async (address: string) => tried.push(address) > 0,
  });
  const probe = nodeOperations.find(({ name }) => name === "probe");
  const ask = async () => await probe?.run(state as never, {}, { caller: { id: "a/agent/1" } } as never);
  expect(await ask()).toEqual({ reachable: ["/ip4/10.0.0.1/tcp/6738"], unreachable: [] });
  expect(await ask().catch((error) => error.code)).toBe("limited");
  expect(tried).toEqual(["/ip4/10.0.0.1/tcp/6738"]);
});
