import { expect, test } from "bun:test";
import { multiaddr } from "@multiformats/multiaddr";
import { reachable } from "./listen-addresses.ts";

const bound = (...texts: string[]) => texts.map((text) => multiaddr(text));

test("loopback is told only when it was asked for, or there is nothing else", () => {
  const everywhere = ["/ip4/0.0.0.0/tcp/6738"];
  const [loop, lan] = ["/ip4/127.0.0.1/tcp/6738", "/ip4/10.0.0.2/tcp/6738"];
  expect(reachable(bound(loop, lan), everywhere)).toEqual([lan]);
  expect(reachable(bound(loop), everywhere)).toEqual([loop]);
  expect(reachable(bound(loop, lan), [...everywhere, loop])).toEqual([loop, lan]);
  expect(reachable(bound("/ip6/::1/tcp/1", "/ip6/fd00::7/tcp/1"), ["/ip6/::/tcp/1"])).toEqual([
    "/ip6/fd00::7/tcp/1",
  ]);
});

test("an address that another machine cannot use is left out, and none comes twice", () => {
  const lan = "/ip4/10.0.0.2/tcp/6738";
  expect(reachable(bound(lan, "/ip6/fe80::1/tcp/6738", lan), ["/ip4/0.0.0.0/tcp/6738"])).toEqual([lan]);
});
