import { expect, test } from "bun:test";
import { hostOf } from "./remote-host.ts";

test("ports of one IPv4 address, and addresses of one IPv6 network, are one host", () => {
  expect(hostOf("/ip4/10.0.0.1/tcp/1")).toBe(hostOf("/ip4/10.0.0.1/tcp/2"));
  expect(hostOf("/ip4/10.0.0.1/tcp/1")).not.toBe(hostOf("/ip4/10.0.0.2/tcp/1"));
  expect(hostOf("/ip6/2001:db8:1:2::5/tcp/1")).toBe(hostOf("/ip6/2001:db8:1:2:a:b:c:d/tcp/9"));
  expect(hostOf("/ip6/2001:db8::5/tcp/1")).toBe(hostOf("/ip6/2001:db8:0:0:1::/tcp/1"));
  expect(hostOf("/ip6/2001:db8:1:2::5/tcp/1")).not.toBe(hostOf("/ip6/2001:db8:1:3::5/tcp/1"));
  expect(hostOf("/memory")).toBe(hostOf("/memory"));
});
