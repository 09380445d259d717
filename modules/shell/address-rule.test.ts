import { expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { refusedAddress } from "./address-rule.ts";

test("addresses of the public internet are let through", () => {
  for (const one of ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
    expect([one, refusedAddress(one, [])]).toEqual([one, undefined]);
});

test("this machine, private networks and the services of clouds are refused, however they are written", () => {
  const refused = [
    ...["127.0.0.1", "127.255.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
    ...["100.64.0.1", "100.100.100.200", "169.254.169.254", "192.0.0.192", "198.18.0.1", "203.0.113.5"],
    ...["224.0.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16", "192.88.99.1"],
    ...["::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1", "4000::1"],
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1"],
    ...["2002:7f00:1::", "2001:0:1::1", "", "localhost", "1.2.3.4.5", "fe80::1%eth0"],
  ];
  for (const one of refused) expect([one, typeof refusedAddress(one, [])]).toEqual([one, "string"]);
});

test("a public address that is this machine's own is refused", () => {
  expect(refusedAddress("93.184.216.34", ["93.184.216.34"])).toBe("is this machine");
  expect(refusedAddress("2606:4700::1", ["2606:4700:0::1"])).toBe("is this machine");
  for (const { address } of Object.values(networkInterfaces()).flatMap((all) => all ?? []))
    expect(refusedAddress(address)).toBeString();
});
