import { expect, test } from "bun:test";
import fc from "fast-check";
import { simulatedRandom } from "../../src/kernel/simulated.ts";
import { meshSigner, newMeshKey, phraseFromSeed, seedFromPhrase } from "./recovery.ts";

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** From the test vectors of BIP 39. */
const known = `${"abandon ".repeat(23)}art`;

function refusal(phrase: string): string {
  try {
    seedFromPhrase(phrase);
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
  return "taken";
}

test("a phrase gives back the very key that it was made of", () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const phrase = phraseFromSeed(seed);
      expect(phrase.split(" ").length).toBe(24);
      expect(seedFromPhrase(phrase)).toEqual(seed);
      expect(seedFromPhrase(`\n ${phrase.toUpperCase().replaceAll(" ", "\t \n")} `)).toEqual(seed);
    }),
  );
  expect(phraseFromSeed(new Uint8Array(32))).toBe(known);
  expect(() => phraseFromSeed(new Uint8Array(16))).toThrow(/32 bytes, and this one has 16/);
});

test("a mistyped word is named by its place, with the word that was meant", () => {
  const typed = known.replace("art", "artt");
  expect(refusal(typed)).toMatch(/word 24 is not in the list of words; did you mean "art"\?/);
  const words = known.split(" ");
  expect(refusal(words.with(4, "abadnon").join(" "))).toMatch(/word 5 .* did you mean "abandon"\?/);
  expect(refusal(words.with(4, "abanxxxxxx").join(" "))).toMatch(/word 5 .* did you mean "abandon"\?/);
  expect(refusal(words.with(4, "qqqqqqqqq").join(" "))).toMatch(/word 5 .* compare it/);
});

test("missing and surplus words are counted", () => {
  expect(refusal("")).toMatch(/it has 0 words, and 24 are needed/);
  expect(refusal(known.replace("abandon ", ""))).toMatch(/it has 23 words/);
  expect(refusal("zoo ".repeat(100_000))).toMatch(/it has 256 words/);
});

test("words that are right and do not fit together are refused", () => {
  fc.assert(
    fc.property(seeds, fc.nat(23), (seed, at) => {
      const words = phraseFromSeed(seed).split(" ");
      const other = words[at] === "zoo" ? "zone" : "zoo";
      const message = refusal(words.with(at, other).join(" "));
      // One word in 256 passes a checksum of eight bits, as another key.
      if (message !== "taken") expect(message).toMatch(/together they do not fit/);
    }),
  );
});

test("no refusal quotes what was typed", () => {
  const secret = phraseFromSeed(Uint8Array.from({ length: 32 }, (_, at) => at * 7)).split(" ");
  const wrong = [secret.slice(1), secret.with(3, "xqxqxqxq"), secret.toReversed(), secret.with(0, "zoo")];
  for (const words of wrong) {
    const message = refusal(words.join(" "));
    const quoted = secret.filter((word) => new RegExp(`"${word}"`).test(message));
    expect([quoted, message.includes("xqxq")]).toEqual([[], false]);
  }
});

test("a new mesh key comes with its phrase, and the phrase leads to its peer id alone", async () => {
  const { phrase, signer } = await newMeshKey(simulatedRandom(1));
  expect(signer.peerId).toMatch(/^12D3KooW/);
  expect((await meshSigner(phrase, signer.peerId)).peerId).toBe(signer.peerId);
  const other = await newMeshKey(simulatedRandom(2));
  await expect(meshSigner(other.phrase, signer.peerId)).rejects.toThrow(/recovery phrase of the mesh/);
});
