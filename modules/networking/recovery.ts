/** The mesh key as 24 English words (BIP 39), to be written down: the key itself is stored nowhere. */
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { OperoneError } from "../../src/kernel/error.ts";
import { nearest } from "../../src/kernel/nearest.ts";
import type { Random } from "../../src/kernel/ports.ts";
import { type Signer, signerFromSeed } from "./signed-record.ts";

const phraseWords = 24;
const seedBytes = 32;
/** A phrase with every separator doubled is far below; more was pasted by mistake. */
const phraseCharsMax = 1_024;
const known = new Set(wordlist);

export interface MeshKey {
  /** A secret: shown once, to a person, and never logged. */
  readonly phrase: string;
  readonly signer: Signer;
}

export async function newMeshKey(random: Random): Promise<MeshKey> {
  const seed = random.bytes(seedBytes);
  return { phrase: phraseFromSeed(seed), signer: await signerFromSeed(seed) };
}

/** @param seed 32 bytes. Gives 24 words with a space between them */
export function phraseFromSeed(seed: Uint8Array): string {
  if (seed.length !== seedBytes)
    throw new OperoneError(
      "invalid_input",
      `A mesh key has ${seedBytes} bytes, and this one has ${seed.length}`,
    );
  return entropyToMnemonic(seed, wordlist);
}

/**
 * The 32 bytes. Upper case, line breaks and more spaces than one are forgiven.
 *
 * @throws OperoneError `invalid_input` that names the place of a wrong word, and never quotes what was typed
 */
export function seedFromPhrase(phrase: string): Uint8Array {
  const words = phrase.slice(0, phraseCharsMax).normalize("NFKD").toLowerCase().split(/\s+/).filter(Boolean);
  const wrong = words.findIndex((word) => !known.has(word));
  if (words.length !== phraseWords)
    throw refused(
      `it has ${words.length} words, and ${phraseWords} are needed; type all of them, in their order`,
    );
  if (wrong >= 0) throw refused(wrongWord(wrong + 1, words[wrong] ?? ""));
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    const why = "every word is of the list, but together they do not fit";
    throw refused(
      `${why}: one is mistaken for another, or two have changed places; compare them with what was written down`,
    );
  }
}

/** @throws OperoneError `invalid_input` as `seedFromPhrase`, `forbidden` when it is the phrase of another mesh */
export async function meshSigner(phrase: string, mesh: string): Promise<Signer> {
  const signer = await signerFromSeed(seedFromPhrase(phrase));
  if (signer.peerId === mesh) return signer;
  throw new OperoneError(
    "forbidden",
    `This is the recovery phrase of the mesh ${signer.peerId}, and this node belongs to ${mesh}; use the phrase that was shown when this mesh was made`,
  );
}

function wrongWord(place: number, word: string): string {
  // The first four letters of every word of the list are its own (BIP 39), so a longer ending is the likelier slip.
  const near =
    wordlist.find((one) => word.length >= 4 && one.startsWith(word.slice(0, 4))) ?? nearest(word, wordlist);
  const hint = near === undefined ? "compare it with what was written down" : `did you mean "${near}"?`;
  return `word ${place} is not in the list of words; ${hint}`;
}

function refused(why: string): OperoneError {
  return new OperoneError("invalid_input", `This is no recovery phrase: ${why}`);
}
