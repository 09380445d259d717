import { expect, test } from "bun:test";
import { systemHost } from "./host.ts";

test("the host names this process, which started before now", () => {
  const host = systemHost({ dataDirectory: "/data", version: "1.2.3" });
  expect(host).toMatchObject({ dataDirectory: "/data", version: "1.2.3", pid: process.pid });
  expect(host.hostName).not.toBe("");
  expect(host.startedAtMs).toBeLessThanOrEqual(Date.now());
  expect(host.startedAtMs).toBeGreaterThan(Date.now() - 3_600_000);
});
