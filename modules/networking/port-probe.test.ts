import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { tcpProbe } from "./port-probe.ts";

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
