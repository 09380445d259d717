import { expect, test } from "bun:test";
import { pureJsCrypto } from "@chainsafe/libp2p-noise";
import fc from "fast-check";
import { noiseCrypto } from "./noise-cipher.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const plain = (list: { subarray(): Uint8Array }) => new Uint8Array(list.subarray());

/** RFC 8439, section 2.8.2 and appendix A.5. */
const vectors = [
  {
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    associatedData: "50515253c0c1c2c3c4c5c6c7",
    plaintext:
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    sealed: `d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6 3dbea45e8ca9671282fafb69da92728b
      1a71de0a9e060b2905d6a5b67ecd3b36 92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b 6116 1ae10b594f09e26a7e902ecbd0600691`,
  },
  {
    key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
    nonce: "000000000102030405060708",
    associatedData: "f33388860000000000004e91",
    plaintext:
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite them other than as /“work in progress./”",
    sealed: `64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2 4c6cfc18755d43eea09ee94e382d26b0
      bdb7b73c321b0100d4f03b7f355894cf 332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855
      9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4 b9166c767b804d46a59b5216cde7a4e9
      9040c5a40433225ee282a1b0a06c523e af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
      0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10 49e617d91d361094fa68f0ff77987130
      305beaba2eda04df997b714d6c6f2c29 a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38`,
  },
];

test("the cipher seals and opens the vectors of RFC 8439", () => {
  for (const { key, nonce, associatedData, plaintext, sealed } of vectors) {
    const given = [hex(nonce), hex(associatedData), hex(key)] as const;
    const text = new TextEncoder().encode(plaintext);
    expect(plain(noiseCrypto.chaCha20Poly1305Encrypt(text, ...given))).toEqual(hex(sealed));
    expect(plain(noiseCrypto.chaCha20Poly1305Decrypt(hex(sealed), ...given))).toEqual(text);
  }
});

const length = fc.oneof(fc.nat(300), fc.constantFrom(1_199, 1_200, 65_507, 65_519));

test("what is sealed is opened again, of any length and in place", () => {
  const fill = (size: number, seed: number) => Uint8Array.from({ length: size }, (_, at) => (at * seed) >> 3);
  fc.assert(
    fc.property(length, fc.nat(32), fc.integer({ min: 1, max: 999 }), (size, adSize, seed) => {
      const given = [fill(12, seed), fill(adSize, seed + 1), fill(32, seed + 2)] as const;
      const text = fill(size, seed + 3);
      const sealed = plain(noiseCrypto.chaCha20Poly1305Encrypt(text, ...given));
      const into = sealed.subarray(0, size);
      expect(plain(noiseCrypto.chaCha20Poly1305Decrypt(sealed, ...given, into))).toEqual(text);
    }),
    { numRuns: 40 },
  );
});

test("a message that was changed anywhere is not opened", () => {
  const [vector] = vectors;
  if (vector === undefined) throw new Error("no vector");
  const given = [hex(vector.nonce), hex(vector.associatedData), hex(vector.key)] as const;
  const sealed = hex(vector.sealed);
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(changed, ...given)).toThrow();
  }
});

test("the keys are X25519, as the library's slow one makes them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const mine = noiseCrypto.generateX25519KeyPairFromSeed(seed);
      const other = noiseCrypto.generateX25519KeyPair();
      expect(plain(mine.publicKey)).toEqual(
        plain(pureJsCrypto.generateX25519KeyPairFromSeed(seed).publicKey),
      );
      expect(plain(mine.privateKey)).toEqual(seed);
      const shared = plain(noiseCrypto.generateX25519SharedKey(mine.privateKey, other.publicKey));
      expect(shared).toEqual(plain(pureJsCrypto.generateX25519SharedKey(seed, other.publicKey)));
      expect(shared).toEqual(plain(noiseCrypto.generateX25519SharedKey(other.privateKey, mine.publicKey)));
    }),
    { numRuns: 10 },
  );
});
