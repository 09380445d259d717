import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { systemProxyPorts, wayOut } from "./way-out.ts";

const ports = { resolve: async () => [] };

test("without a list there is no way out to be made", async () => {
  expect(await wayOut("none", ports, tmpdir())).toBeUndefined();
  expect(await wayOut("full", ports, tmpdir())).toBeUndefined();
});

test("ports alone need no proxy, and no variable", async () => {
  const out = await wayOut({ domains: [], ports: [5_432] }, ports, tmpdir());
  expect(out?.forwards).toEqual([{ port: 5_432, target: 5_432 }]);
  expect(out?.environment).toEqual({});
  expect(out?.refusals()).toEqual([]);
  out?.close();
});

test("domains get a proxy at a port that is not asked for, which the variables tell, and its end removes it", async () => {
  const out = await wayOut({ domains: ["a.test"], ports: [3_128] }, ports, tmpdir());
  const forward = out?.forwards.at(-1);
  expect(forward?.port).toBe(3_129);
  expect(out?.environment).toMatchObject({
    HTTPS_PROXY: "http://127.0.0.1:3129",
    no_proxy: "localhost,127.0.0.1,::1",
  });
  const path = String(forward?.target);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(path, () => socket.write("CONNECT b.test:443 HTTP/1.1\r\nHost: b.test\r\n\r\n"));
  socket.once("data", (chunk) => resolve(String(chunk)));
  expect(await promise).toContain("403");
  expect(out?.refusals()).toEqual([expect.stringContaining("b.test:443")]);
  out?.close();
  expect(existsSync(dirname(path))).toBe(false);
});

test("the system's resolver knows the names of the system", async () => {
  expect(await systemProxyPorts().resolve("localhost")).toContainEqual(
    expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
  );
});
