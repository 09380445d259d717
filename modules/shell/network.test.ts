import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { hostOf, isCovered, isListed, type Network, NetworkRule, networkText } from "./network.ts";

const isRule = (value: unknown) => v.safeParse(NetworkRule, value).success;

test("a rule names hosts, hosts below one, and ports, and nothing that could be an address", () => {
  for (const domain of [
    "api.example.org",
    "*.github.com",
    "a.test:8443",
    "localhost",
    "xn--bcher-kva.example",
  ])
    expect([domain, isRule({ domains: [domain] })]).toEqual([domain, true]);
  const wrong = [
    "",
    "*",
    "*.",
    "10.0.0.1",
    "[::1]",
    "1.2.3.4:80",
    "0x7f.1",
    "A.test",
    "a..b",
    "-a.test",
    "a.*.b",
  ];
  const more = [
    "https://a.test",
    "a.test/x",
    "a.test:0",
    "a.test:65536",
    "bücher.example",
    "a.test.",
    " a.test",
  ];
  for (const domain of [...wrong, ...more])
    expect([domain, isRule({ domains: [domain] })]).toEqual([domain, false]);
  for (const port of [0, 65_536, 1.5, "80"]) expect(isRule({ ports: [port] })).toBe(false);
  for (const rule of ["some", { domain: [] }, null]) expect(isRule(rule)).toBe(false);
});

test("a star means every name below and not the name itself, at the ports of the web unless one is given", () => {
  const list = { domains: ["*.b.test", "a.test:8443"], ports: [] };
  expect(isListed(list, "x.b.test", 443)).toBe(true);
  expect(isListed(list, "y.x.b.test", 80)).toBe(true);
  expect(isListed(list, "b.test", 443)).toBe(false);
  expect(isListed(list, "xb.test", 443)).toBe(false);
  expect(isListed(list, "x.b.test", 22)).toBe(false);
  expect(isListed(list, "a.test", 8_443)).toBe(true);
  expect(isListed(list, "a.test", 443)).toBe(false);
});

test("a host is compared in small letters and without the dot of the root", () => {
  expect(hostOf("A.Test.")).toBe("a.test");
  for (const none of ["", ".", "1.2.3.4", "::1", "a b", "a".repeat(64), `${"a.".repeat(127)}a`])
    expect(hostOf(none)).toBeUndefined();
});

const label = fc.constantFrom("a", "b", "c");
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const port = fc.constantFrom(80, 443, 8_443);
const domain = fc
  .tuple(fc.boolean(), name, fc.option(port))
  .map(([star, text, own]) => `${star ? "*." : ""}${text}${own === null ? "" : `:${own}`}`);
const list = fc.record({
  domains: fc.array(domain, { maxLength: 3 }),
  ports: fc.array(fc.constantFrom(1, 2, 3), { maxLength: 3 }),
});
const network: fc.Arbitrary<Network> = fc.oneof(fc.constantFrom("none" as const, "full" as const), list);

test("what is covered reaches nothing that is not in what covers it", () => {
  fc.assert(
    fc.property(list, list, name, port, (asked, most, host, to) => {
      if (!isCovered(asked, most) || !isListed(asked, host, to)) return;
      expect(isListed(most, host, to)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("to be covered is an order: everything covers itself, and what is covered by a part is covered by the whole", () => {
  fc.assert(
    fc.property(network, network, network, (one, two, three) => {
      expect(isCovered(one, one)).toBe(true);
      expect(isCovered("none", one)).toBe(true);
      expect(isCovered(one, "full")).toBe(true);
      if (isCovered(one, two) && isCovered(two, three)) expect(isCovered(one, three)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("a network is said in words", () => {
  expect(networkText("full")).toBe("full");
  expect(networkText({ domains: ["a.test"], ports: [5_432] })).toBe("a.test, 127.0.0.1:5432");
  expect(networkText({ domains: [], ports: [] })).toBe("none");
});
