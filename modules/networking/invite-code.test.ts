import { expect, test } from "bun:test";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import fc from "fast-check";
import { OperoneError } from "../../src/kernel/error.ts";
import { roleNames } from "../access/contract.ts";
import { decodeInviteCode, encodeInviteCode, type InviteCode } from "./invite-code.ts";

const peerId = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((key) => peerIdFromPublicKey(publicKeyFromRaw(key)).toString());
const port = fc.oneof(fc.constant(6738), fc.integer({ min: 0, max: 65_535 }));
const host = fc.oneof(
  fc.ipV4().map((ip) => `/ip4/${ip}`),
  fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((ip) => multiaddr(Uint8Array.from([41, ...ip])).toString()),
  fc.domain({ size: "small" }).map((name) => `/dns4/${name.slice(-60)}`),
);
const address = fc.tuple(host, port).map(([at, number]) => multiaddr(`${at}/tcp/${number}`).toString());
const code: fc.Arbitrary<InviteCode> = fc.record({
  inviter: peerId,
  meshId: peerId,
  secret: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  role: fc.constantFrom(...roleNames),
  expiresAtMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((seconds) => seconds * 1_000),
  addresses: fc.array(address, { maxLength: 8 }),
});

const peerOf = (fill: number) =>
  peerIdFromPublicKey(publicKeyFromRaw(new Uint8Array(32).fill(fill))).toString();
const sample: InviteCode = {
  inviter: peerOf(1),
  meshId: peerOf(2),
  secret: Uint8Array.from({ length: 16 }, (_, index) => index * 7),
  role: "operator",
  expiresAtMs: 1_800_000_000_000,
  addresses: ["/ip4/192.168.1.20/tcp/6738", "/ip4/10.8.0.2/tcp/40001", "/ip6/fe80::1/tcp/6738"],
};
const text = encodeInviteCode(sample);

function refusal(given: string): OperoneError {
  try {
    decodeInviteCode(given);
  } catch (error) {
    if (error instanceof OperoneError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

test("a code says exactly what went into it", () => {
  fc.assert(
    fc.property(code, (one) => {
      expect(decodeInviteCode(encodeInviteCode(one))).toEqual(one);
    }),
  );
});

test("capitals, white space, line breaks and hyphens that pasting brings make no difference", () => {
  fc.assert(
    fc.property(
      code,
      fc.array(fc.constantFrom(" ", "\n", "\r\n", "\t", "-", "\u00a0", "\u200b")),
      (one, gaps) => {
        const given = encodeInviteCode(one);
        const pasted = Array.from(given, (sign, index) => sign + (gaps[index % 7] ?? "")).join("");
        expect(decodeInviteCode(pasted)).toEqual(one);
        expect(decodeInviteCode(pasted.toUpperCase())).toEqual(one);
      },
    ),
    { numRuns: 30 },
  );
});

test("a code with three addresses is shorter than 200 characters", () => {
  expect(text.length).toBeLessThan(200);
  expect(text).toStartWith("operone1");
});

test("one wrong character anywhere is found", () => {
  for (let place = 8; place < text.length - 1; place++) {
    const other = text[place] === "7" ? "8" : "7";
    const error = refusal(text.slice(0, place) + other + text.slice(place + 1));
    expect(error.code).toBe("invalid_input");
    expect(error.message).toMatch(/mistyped|cut off/);
  }
});

test("two characters that changed places, and one too many, are found", () => {
  const at = 40;
  const swapped = text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2);
  expect(text[at]).not.toBe(text[at + 1]);
  expect(refusal(swapped).message).toContain("mistyped");
  expect(refusal(`${text}00`).message).toContain("mistyped");
});

test("a code that was cut off is told from one that was mistyped", () => {
  for (let length = 7; length < text.length - 1; length++) {
    expect(refusal(text.slice(0, length)).message).toContain("cut off");
  }
});

test("a newer version is named, with what to do", () => {
  const error = refusal(text.replace("operone1", "operone2"));
  expect(error.code).toBe("unsupported");
  expect(error.message).toMatch(/version 2.*Upgrade/);
});

test("what is no code is refused at once, however long", () => {
  for (const given of ["", "hello", "opt_abc", "0".repeat(10_000_000), "https://example.org"]) {
    expect(refusal(given).message).toContain('does not begin with "operone1"');
  }
});

test("a character that no code has is named by its place", () => {
  expect(refusal(`${text.slice(0, 20)}u${text.slice(21)}`).message).toContain("character 21 ");
});

test("no text whatever makes it fail in another way than by its own error", () => {
  fc.assert(
    fc.property(fc.string(), (tail) => {
      expect(refusal(`operone1${tail}`).message).not.toBe("");
    }),
    { numRuns: 500 },
  );
});

test("no error quotes a part of the code", () => {
  const dense = text.slice(8);
  const wrong = [
    text.slice(0, -4),
    `${text}77`,
    text.replace("operone1", "operone3"),
    text.slice(1),
    dense,
    `${text.slice(0, 50)}u${text.slice(51)}`,
  ];
  for (const given of wrong) {
    const { message } = refusal(given);
    for (let at = 0; at + 8 <= dense.length; at++) expect(message).not.toContain(dense.slice(at, at + 8));
  }
});

test("addresses that are none, or too many, are refused with the next step", () => {
  expect(() => encodeInviteCode({ ...sample, addresses: ["10.0.0.1:6738"] })).toThrow(/no multiaddr/);
  const many = Array.from({ length: 9 }, () => "/ip4/10.0.0.1/tcp/1");
  expect(() => encodeInviteCode({ ...sample, addresses: many })).toThrow(/at most 8 addresses/);
});
