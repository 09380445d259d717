import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type CommandPattern,
  covers,
  isRelativePath,
  mayCover,
  parsePattern,
  patternOf,
} from "./command-pattern.ts";

function pattern(text: string): CommandPattern {
  const parsed = parsePattern(text);
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}
const allows = (text: string, ...argv: string[]) => covers(pattern(text), argv);

test("a pattern without stars covers exactly its own words", () => {
  expect(allows("git status", "git", "status")).toBe(true);
  for (const argv of [
    ["git"],
    ["git", "status", "-s"],
    ["git", "Status"],
    ["git", "statuses"],
    ["git", " status"],
    ["git status"],
    ["status", "git"],
    [],
  ]) {
    expect(allows("git status", ...argv)).toBe(false);
  }
});

test("no name covers another that begins, ends or is spelled like it", () => {
  for (const program of [
    "git-evil",
    "evil-git",
    "/tmp/git",
    "./git",
    "git\n",
    "git ",
    "GIT",
    "gi",
    "",
    "git\0",
  ]) {
    expect(allows("git **", program, "status")).toBe(false);
  }
  expect(allows("/usr/bin/git **", "/usr/bin/git", "log")).toBe(true);
  expect(allows("/usr/bin/git **", "git", "log")).toBe(false);
  expect(allows("/usr/bin/git **", "/usr/bin/../bin/git", "log")).toBe(false);
});

test("one star is one word, whatever it holds; two at the end are any words or none", () => {
  expect(allows("git show *", "git", "show", "HEAD")).toBe(true);
  expect(allows("git show *", "git", "show", "")).toBe(true);
  expect(allows("git show *", "git", "show", "a b; rm -rf /")).toBe(true);
  expect(allows("git show *", "git", "show")).toBe(false);
  expect(allows("git show *", "git", "show", "a", "b")).toBe(false);
  expect(allows("git log **", "git", "log")).toBe(true);
  expect(allows("git log **", "git", "log", "-p", "x")).toBe(true);
  expect(allows("git log **", "git", "-c", "core.pager=evil", "log")).toBe(false);
  expect(allows("cp * /backup/", "cp", "a", "/backup/")).toBe(true);
  expect(allows("cp * /backup/", "cp", "a", "/etc/")).toBe(false);
});

test("quotes and backslashes are read as in a shell, and a quoted star is itself", () => {
  expect(pattern(`find . -name '*.md' "a b" c\\ d \\* "say \\"hi\\"" x'y'z`)).toEqual([
    "find",
    ".",
    "-name",
    "*.md",
    "a b",
    "c d",
    "*",
    'say "hi"',
    "xyz",
  ]);
  expect(allows("rm '*'", "rm", "*")).toBe(true);
  expect(allows("rm '*'", "rm", "x")).toBe(false);
  expect(allows("rm '**'", "rm", "a", "b")).toBe(false);
  expect(allows("echo ''", "echo", "")).toBe(true);
});

describe("refused texts", () => {
  for (const text of [
    "",
    "   ",
    "git 'open",
    'git "open',
    "git \\",
    "git log*",
    "git *x",
    "git ***",
    "git '*'*",
    "git *\\*",
    "git ** x",
    "** git **",
    "./build **",
    "bin/build",
    "'' x",
  ]) {
    test(JSON.stringify(text), () => expect(typeof parsePattern(text)).toBe("string"));
  }
});

test("what means another file in every folder is told from names and whole paths", () => {
  const relative = (windows: boolean, ...programs: readonly string[]) =>
    programs.map((program) => isRelativePath(program, windows));
  expect(relative(false, "./a", "a/b", "../a", "~/a", "C:/a", "-/a")).toEqual(Array(6).fill(true));
  expect(relative(false, "a", "/a", "//a", "~", "a\\b", "C:a", "")).toEqual(Array(7).fill(false));
  expect(relative(true, ".\\a", "a\\b", "a/b", "\\a", "/a", "C:a", "~/a")).toEqual(Array(7).fill(true));
  expect(relative(true, "a", "a.exe", "C:\\a", "c:/a", "\\\\host\\a", "")).toEqual(Array(6).fill(false));
});

/** Words that try the syntax. */
const word = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom(
    "*",
    "**",
    "git",
    "git-evil",
    "/bin/git",
    "",
    " ",
    "'",
    '"',
    "\\",
    "\n",
    "a b",
    "$(x)",
    "*.md",
  ),
);
const argv = fc.array(word, { minLength: 1, maxLength: 5 });
const namedProgram = argv.filter(([program = ""]) => program !== "" && !isRelativePath(program));

test("law: the pattern of an argument vector covers it and no other", () => {
  fc.assert(
    fc.property(namedProgram, argv, (one, other) => {
      const made = pattern(patternOf(one));
      expect(covers(made, one)).toBe(true);
      expect(covers(made, other)).toBe(
        one.length === other.length && one.every((part, at) => part === other[at]),
      );
    }),
  );
});

test("law: covering is what the definition says, word by word", () => {
  type Part = { readonly any: "one" | "rest" } | { readonly word: string };
  const part: fc.Arbitrary<Part> = fc.oneof(
    { weight: 3, arbitrary: word.map((text) => ({ word: text })) },
    { weight: 1, arbitrary: fc.constant({ any: "one" } as const) },
  );
  const model = (parts: readonly Part[], words: readonly string[]): boolean => {
    const [first, ...rest] = parts;
    if (first === undefined) return words.length === 0;
    if ("any" in first && first.any === "rest") return true;
    const [head, ...tail] = words;
    if (head === undefined) return false;
    return ("any" in first || first.word === head) && model(rest, tail);
  };
  const written = (one: Part) => ("word" in one ? patternOf([one.word]) : one.any === "one" ? "*" : "**");
  fc.assert(
    fc.property(
      namedProgram,
      fc.array(part, { maxLength: 4 }),
      fc.boolean(),
      argv,
      (program, parts, open, words) => {
        const [name = ""] = program;
        const all: Part[] = [{ word: name }, ...parts, ...(open ? [{ any: "rest" } as const] : [])];
        const made = pattern(all.map(written).join(" "));
        for (const candidate of [words, [name, ...words]]) {
          expect(covers(made, candidate)).toBe(model(all, candidate));
        }
      },
    ),
  );
});

test("law: any text is a pattern or a reason, and never throws", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 40, unit: fc.constantFrom("a", " ", "*", "'", '"', "\\", "/", ".", "\n") }),
      (text) => {
        const parsed = parsePattern(text);
        expect(typeof parsed === "string" || parsed.length > 0).toBe(true);
      },
    ),
  );
});

test("an open word is covered by what covers any word in its place, and may be what any deny says", () => {
  const one = { open: "one", text: '"$x"' } as const;
  const many = { open: "many", text: "$x" } as const;
  for (const [pattern, argv, certain, possible] of [
    ["git *", ["git", one], true, true],
    ["git *", ["git", many], false, true],
    ["git **", ["git", one, many, "a"], true, true],
    ["git push", ["git", one], false, true],
    ["git push", ["git", many], false, true],
    ["git push **", ["git", many, "a"], false, true],
    ["git push **", ["git", "log", many], false, false],
    ["git", ["git", one], false, false],
    ["git", ["git", many], false, true],
    ["rm **", ["git", many], false, false],
    ["**", [one], true, true],
  ] as const) {
    const parsed = parsePattern(pattern);
    if (typeof parsed === "string") throw new Error(parsed);
    expect([pattern, covers(parsed, argv), mayCover(parsed, argv)]).toEqual([pattern, certain, possible]);
  }
});
