/** The same lines as ripgrep finds, for any files and any patterns that both know. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { type FsNode, fsNode } from "../fs/fs-node.ts";

let node: FsNode;
beforeAll(async () => {
  node = await fsNode();
});
afterAll(() => node[Symbol.asyncDispose]());

interface Found {
  readonly lines: string[];
  readonly refused: boolean;
}

interface Item {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** File, line, and where its first match begins, in bytes; of an empty one, which ripgrep 13 places otherwise, nothing. */
function byRipgrep(root: string, pattern: string, flags: readonly string[]): Found {
  const run = Bun.spawnSync(
    [
      "rg",
      "--json",
      "--no-config",
      "--no-require-git",
      "--no-ignore-global",
      "--no-ignore-parent",
      ...flags,
      "-e",
      pattern,
      ".",
    ],
    { cwd: root },
  );
  if (run.exitCode === 2) return { lines: [], refused: true };
  const lines = run.stdout
    .toString()
    .split("\n")
    .flatMap((text) => {
      if (!text.startsWith('{"type":"match"')) return [];
      const { data } = JSON.parse(text);
      const [first] = data.submatches;
      const start = first === undefined || first.end === first.start ? "" : first.start;
      return [`${data.path.text.slice(2)}:${data.line_number}:${start}`];
    });
  return { lines: lines.toSorted(), refused: false };
}

async function byOperone(root: string, pattern: string, more: object): Promise<Found> {
  const answer = await node.items<Item>("search", { path: root, pattern, ...more }).catch((e) => e);
  if (answer instanceof Error) {
    expect(answer).toMatchObject({ code: "invalid_input" });
    return { lines: [], refused: true };
  }
  const found = (answer as Item[]).slice(0, -1);
  const lines = found.map(({ path, line, column, text }) => {
    const start = Buffer.byteLength(text.slice(0, column - 1));
    return `${path.slice(root.length + 1)}:${line}:${start}`;
  });
  return { lines: lines.toSorted(), refused: false };
}

const name = fc.constantFrom(
  "a.ts",
  "b.md",
  "d/a.ts",
  "d/e/c.log",
  ".dot",
  "d/.dot/f",
  "x/b.md",
  "x/y/z/a.ts",
);
const sign = fc.constantFrom("a", "b", "A", "B", "_", "1", " ", ".", "ä", "Ä", "ß", "€", "😀", "\t", "-");
const line = fc.array(sign, { maxLength: 10 }).map((signs) => signs.join(""));
const content = fc
  .tuple(fc.array(line, { maxLength: 15 }), fc.boolean())
  .map(([lines, closed]) => lines.join("\n") + (closed ? "\n" : ""));
const files = fc.dictionary(name, content, { minKeys: 1, maxKeys: 6 });

const atom = fc.constantFrom(
  ...[
    "a",
    "b",
    "ä",
    "\\.",
    ".",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\d",
    "\\D",
    "[ab]",
    "[^a]",
    "[^\\s]",
    "[\\w-]",
    "\\b",
    "^",
    "$",
    "€",
    " ",
  ],
  ...["[[:alpha:]]", "\\pL", "(?i)a", "[a-b&&[^b]]", "[]a]", "\\x61"],
);
const times = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "+?");
const piece = fc.tuple(atom, times).map(([one, many]) => (/^[\^$]|^\\b|^\(/.test(one) ? one : one + many));
const row = fc.array(piece, { minLength: 1, maxLength: 4 }).map((all) => all.join(""));
const pattern = fc.oneof(
  row,
  fc.tuple(row, row).map(([a, b]) => `(${a})|${b}`),
  fc.tuple(row, row).map(([a, b]) => `(?:${a})+${b}`),
);

// There, a pattern of names overrules dots and ignore files; here it only narrows.
const narrowed = fc.record({
  hidden: fc.constant(true),
  ignored: fc.constant(undefined),
  glob: fc.constantFrom("*.ts", "!*.ts", "d/**", "!x", "/b.md"),
});

const flags = fc.record({
  ignoreCase: fc.boolean(),
  fixed: fc.boolean(),
  hidden: fc.boolean(),
  ignored: fc.option(fc.constantFrom("*.md", "/d", "d/", "a.ts", "!a.ts", "x/y", "**/z", "*\n!*.ts\n!*/"), {
    nil: undefined,
  }),
  glob: fc.constant(undefined),
});

test("the same lines and the same places in them as ripgrep", async () => {
  let trees = 0;
  await fc.assert(
    fc.asyncProperty(files, pattern, flags, fc.option(narrowed), async (made, text, some, names) => {
      const options = { ...some, ...names };
      trees += 1;
      const root = join(node.work, `t${trees}`);
      mkdirSync(root);
      for (const [path, bytes] of Object.entries(made)) {
        mkdirSync(join(root, path, ".."), { recursive: true });
        writeFileSync(join(root, path), bytes);
      }
      const { ignoreCase, fixed, hidden, glob, ignored } = options;
      if (ignored !== undefined) writeFileSync(join(root, ".gitignore"), ignored);
      const theirs = byRipgrep(root, text, [
        ...(ignoreCase ? ["-i"] : []),
        ...(fixed ? ["-F"] : []),
        ...(hidden ? ["--hidden"] : []),
        ...(glob === undefined ? [] : ["-g", glob]),
      ]);
      const more = { ignoreCase, fixed, hidden, glob: glob === undefined ? [] : [glob] };
      const ours = await byOperone(root, text, more);
      const lines = ours.lines.map((one) => (theirs.lines.includes(one) ? one : one.replace(/\d+$/, "")));
      expect({ ...ours, lines: lines.toSorted() }).toEqual(theirs);
    }),
    { numRuns: 300 },
  );
}, 120_000);
