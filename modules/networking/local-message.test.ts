import { expect, test } from "bun:test";
import { decode, encode } from "dns-packet";
import fc from "fast-check";
import {
  announcement,
  isOutside,
  localMessageLimits,
  messageIn,
  question,
  serviceTag,
} from "./local-message.ts";
import { nodeKeyOf } from "./node-key.ts";

const { peerId } = nodeKeyOf(new Uint8Array(32).fill(1));
const { peerId: another } = nodeKeyOf(new Uint8Array(32).fill(2));

const ip4 = fc.ipV4().filter((ip) => isOutside(`/ip4/${ip}/tcp/1`));
const ip6 = fc.ipV6().filter((ip) => isOutside(`/ip6/${ip}/tcp/1`));
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.oneof(
  fc.tuple(ip4, port).map(([ip, at]) => `/ip4/${ip}/tcp/${at}`),
  fc.tuple(ip6, port).map(([ip, at]) => `/ip6/${ip}/tcp/${at}`),
);

test("a law: what is announced is understood, and fits into one Ethernet frame", () => {
  fc.assert(
    fc.property(fc.array(address, { minLength: 1, maxLength: 12 }), (addresses) => {
      const packet = announcement(peerId, addresses);
      expect(packet.length).toBeLessThanOrEqual(localMessageLimits.bytesMax);
      const told = addresses.slice(0, localMessageLimits.addressesMax);
      expect(messageIn(packet)).toEqual({ kind: "announcement", peerId, addresses: told });
    }),
  );
});

test("an announcement says the service, the peer id and the addresses, and nothing else", () => {
  const address = "/ip4/10.0.0.1/tcp/6738";
  const { answers = [], ...rest } = decode(Buffer.from(announcement(peerId, [address])));
  expect(rest).toMatchObject({ id: 0, questions: [], authorities: [], additionals: [] });
  const name = `${peerId}.${serviceTag}`;
  const told = answers.map((answer) => [
    answer.name,
    answer.type,
    "data" in answer ? String(answer.data) : "",
  ]);
  expect(told).toEqual([
    [serviceTag, "PTR", name],
    [name, "TXT", `dnsaddr=${address}/p2p/${peerId}`],
  ]);
  expect(messageIn(question(7))).toEqual({ kind: "question", id: 7 });
});

test("libp2p's own form, a record for each address under a random name, is understood", () => {
  const name = `x7p.${serviceTag}`;
  const text = (ip: string) =>
    ({ name, type: "TXT", class: "IN", data: `dnsaddr=/ip4/${ip}/tcp/1/p2p/${peerId}` }) as const;
  const packet = encode({
    type: "response",
    answers: [{ name: serviceTag, type: "PTR", class: "IN", data: name }, text("10.0.0.1")],
    additionals: [text("10.0.0.2")],
  });
  const addresses = ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1"];
  expect(messageIn(packet)).toEqual({ kind: "announcement", peerId, addresses });
});

test.each([
  "/ip4/127.0.0.1/tcp/6738",
  "/ip4/127.9.9.9/tcp/6738",
  "/ip4/0.0.0.0/tcp/6738",
  "/ip4/224.0.0.251/tcp/6738",
  "/ip4/255.255.255.255/tcp/6738",
  "/ip4/10.0.0.256/tcp/6738",
  "/ip4/10.0.1/tcp/6738",
  "/ip4/10.0.0.1/tcp/0",
  "/ip4/10.0.0.1/tcp/65536",
  "/ip4/10.0.0.1/udp/6738",
  "/ip4/10.0.0.1/tcp/6738/ws",
  "/ip6/::1/tcp/6738",
  "/ip6/::/tcp/6738",
  "/ip6/::ffff:127.0.0.1/tcp/6738",
  "/ip6/fe80::1/tcp/6738",
  "/ip6/ff02::1/tcp/6738",
  "/dns4/evil.example/tcp/6738",
  "/dnsaddr/evil.example",
  "/memory/1",
])("%s is not an address of another machine on the network", (address) => {
  expect(isOutside(address)).toBe(false);
  expect(messageIn(announcement(peerId, [address]))).toBeUndefined();
});

test.each([
  "/ip4/10.0.0.1/tcp/1",
  "/ip4/169.254.3.4/tcp/1",
  "/ip6/fd00::1/tcp/1",
  "/ip6/2001:db8::1/tcp/65535",
])("%s is one", (address) => expect(isOutside(address)).toBe(true));

test("one packet speaks of one peer", () => {
  const name = `x.${serviceTag}`;
  const data = [peerId, another].map((id) => `dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/${id}`);
  expect(messageIn(encode({ type: "response", answers: [{ name, type: "TXT", data }] }))).toBeUndefined();
});

test("a law: broken packets, and those of others, are nothing, and never an error", () => {
  const whole = announcement(peerId, ["/ip4/10.0.0.1/tcp/6738"]);
  const broken = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 })
    .map((changes) => {
      const packet = whole.slice();
      for (const [at, byte] of changes) packet[at] = byte;
      return packet;
    });
  const cut = fc.nat(whole.length).map((length) => whole.subarray(0, length));
  fc.assert(
    fc.property(fc.oneof(broken, cut, fc.uint8Array({ maxLength: 300 })), (packet) => {
      const message = messageIn(packet);
      if (message?.kind === "announcement") expect(message.addresses.every(isOutside)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  const printer = encode({ type: "query", questions: [{ name: "_ipp._tcp.local", type: "PTR" }] });
  expect(messageIn(printer)).toBeUndefined();
  expect(messageIn(new Uint8Array(Buffer.concat([question(1), Buffer.alloc(2_000)])))).toBeUndefined();
});
