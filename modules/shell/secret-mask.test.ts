import { expect, test } from "bun:test";
import fc from "fast-check";
import { SecretMask } from "./secret-mask.ts";

function said(mask: SecretMask, pieces: readonly (string | Uint8Array)[]): string {
  let held: Uint8Array = new Uint8Array();
  const out: Uint8Array[] = [];
  for (const [at, piece] of pieces.entries()) {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    const step = mask.apply(Buffer.concat([held, bytes]), at === pieces.length - 1);
    out.push(step.out);
    held = step.held;
  }
  expect(held.length).toBe(0);
  return Buffer.concat(out).toString("latin1");
}

test("a secret is taken out whole, and all else stays as it is", () => {
  const mask = new SecretMask({ key: "hunter2!" });
  expect(said(mask, ["the key is hunter2!, and hunter2 is none"])).toBe(
    "the key is [secret key], and hunter2 is none",
  );
  expect(said(mask, ["hunter2!hunter2!"])).toBe("[secret key][secret key]");
  expect(said(mask, ["hunt", "er", "2!"])).toBe("[secret key]");
  expect(said(mask, ["hunt", "ing"])).toBe("hunting");
});

test("what programs often make of a secret is taken out too, and each longer line of one with lines", () => {
  const mask = new SecretMask({ key: "päss word+/" });
  for (const text of ["päss word+/", "cMOkc3Mgd29yZCsv", "p%C3%A4ss%20word%2B%2F"])
    expect(said(mask, [`<${text}>`])).toBe("<[secret key]>");
  const pem = new SecretMask({ pem: "-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\n" });
  expect(said(pem, ["x MIIEvQIBADAN ab\r\n"])).toBe("x [secret pem] ab\r\n");
});

test("of two secrets of which one begins the other, the longer one is taken out where it is", () => {
  const mask = new SecretMask({ short: "abcd", long: "abcdefgh" });
  expect(said(mask, ["abcd", "efgh abcd", "ef"])).toBe("[secret long] [secret short]ef");
});

test("a value that is shorter than four characters is left alone", () => {
  expect(new SecretMask({ a: "abc", b: "" }).isEmpty).toBe(true);
});

test("however the output is cut, no secret is in it, and what is cut otherwise comes out the same", () => {
  const alphabet = fc.constantFrom("a", "b", "c", "ab", "\n", "x");
  const text = fc.array(alphabet, { maxLength: 40 }).map((parts) => parts.join(""));
  const secret = fc
    .array(fc.constantFrom("a", "b", "c"), { minLength: 4, maxLength: 7 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, secret, secret, fc.array(fc.nat(5), { maxLength: 30 }), (around, one, two, cuts) => {
      const mask = new SecretMask({ ONE: one, TWO: two });
      const whole = `${around}${one}${around}${two}${around}`;
      const pieces: string[] = [];
      let rest = whole;
      for (const length of cuts) {
        pieces.push(rest.slice(0, length));
        rest = rest.slice(length);
      }
      const cut = said(mask, [...pieces, rest]);
      expect(cut).toBe(said(mask, [whole]));
      // In lower case, so that no mask can be part of one.
      expect(cut).not.toContain(one);
      expect(cut).not.toContain(two);
    }),
    { numRuns: 2_000 },
  );
});

test("bytes that are no text pass as they are", () => {
  const mask = new SecretMask({ key: "hunter2!" });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { minLength: 1, maxLength: 5 }), (pieces) => {
      expect(said(mask, pieces)).toBe(Buffer.concat(pieces).toString("latin1"));
    }),
  );
});

test("long secrets and many matches do not make the work grow with both", () => {
  const many = new SecretMask({ one: "aaaa", two: "zzzzzzzzz" });
  const count = 2 ** 19;
  // Searched through again for each of its matches, this would take minutes, and the limit of a test is seconds.
  expect(said(many, ["aaaa".repeat(count)]).length).toBe("[secret one]".length * count);
  const lines = Array.from({ length: 1_000 }, (_, at) => `-${at}-`.padEnd(60, "-"));
  const long = new SecretMask({ pem: lines.join("\n") });
  expect(said(long, ["-".repeat(2 ** 16), "-".repeat(2 ** 16)])).toBe("-".repeat(2 ** 17));
});
