/**
 * Four words that are equal on both sides of an enrolment, and different when somebody stands between: two people who
 * compare them know that each machine talks to the other one. 44 bits of a hash over what the proofs are made over.
 */
import { createHash } from "node:crypto";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { type Transcript, transcriptBytes } from "./enrolment-proof.ts";

const safetyWordsCount = 4;
/** The list has 2,048 words. */
const bitsPerWord = 11n;

export function safetyWords(transcript: Transcript): readonly string[] {
  const digest = createHash("sha256").update(transcriptBytes("safety words", transcript)).digest();
  const bits = digest.readBigUInt64BE(0);
  return Array.from({ length: safetyWordsCount }, (_, index) => {
    const shift = 64n - bitsPerWord * BigInt(index + 1);
    return wordlist[Number((bits >> shift) & 2047n)] ?? "";
  });
}
