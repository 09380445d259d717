import { expect, test } from "bun:test";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import type { Transcript } from "./enrolment-proof.ts";
import { safetyWords } from "./safety-words.ts";

const transcript: Transcript = {
  inviteId: "00112233445566778899aabbccddeeff",
  joiner: "joiner",
  inviter: "inviter",
  meshId: "mesh",
  joinerNonce: new Uint8Array(32).fill(1),
  inviterNonce: new Uint8Array(32).fill(2),
};

test("they are four words of the English list, always the same ones for the same enrolment", () => {
  const words = safetyWords(transcript);
  expect(words).toHaveLength(4);
  for (const word of words) expect(wordlist).toContain(word);
  expect(safetyWords({ ...transcript })).toEqual(words);
});

test("whatever differs between the two sides changes them", () => {
  const words = safetyWords(transcript).join(" ");
  const others: Partial<Transcript>[] = [
    { inviteId: "ff" },
    { joiner: "mallory" },
    { inviter: "mallory" },
    { meshId: "other" },
    { joinerNonce: new Uint8Array(32).fill(3) },
    { inviterNonce: new Uint8Array(32).fill(3) },
    { joiner: "inviter", inviter: "joiner" },
  ];
  for (const other of others) expect(safetyWords({ ...transcript, ...other }).join(" ")).not.toBe(words);
});

test("every word of the list can come", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (joinerNonce) => {
      for (const word of safetyWords({ ...transcript, joinerNonce })) seen.add(word);
    }),
    { numRuns: 2_500, seed: 1 },
  );
  expect(seen.size).toBeGreaterThan(1_950);
});
