/** What a person is shown of a settings file: our own entry, and of the rest no more than where it stands. */
import { expect, test } from "bun:test";
import { difference } from "./mcp-difference.ts";

const entry = { command: "/opt/operone", args: ["mcp", "--as", "bot"] };
const ours = `"operone": ${JSON.stringify(entry)}`;

test.each([
  ["under a key that does not sound like one", '"env": { "GITHUB_PAT": "hushhush" },'],
  ["behind a word of the command line", '"args": ["--token", "hushhush"],'],
  ["in an address", '"url": "https://me:hushhush@example.org/mcp",'],
  ["on a line without its key", '"hushhush",'],
  ["in single quotes", "'hushhush'"],
  ["in a comment", "// the key is hushhush"],
  ["behind a value", '"a": 1, /* hushhush */'],
  ["in a comment of TOML", "# hushhush"],
  ["in three quotes", 'api = """hushhush"""'],
  ["inside of three quotes that began above", "hushhush"],
  ["that has quotes in it", String.raw`"key": "a\"hushhush",`],
])("a secret beside our entry is not shown: %s", (_what, line) => {
  const rest = ['"other": {', line];
  const before = ["{", ...rest, "}"].join("\n");
  const after = ["{", ...rest, ours, "}"].join("\n");
  for (const shown of [difference("/f", before, after, [entry]), difference("/f", after, before, [entry])]) {
    expect(shown).not.toContain("hush");
    expect(shown).toContain("/opt/operone");
    expect(shown).toContain('"other"');
  }
});

test("a secret is not shown either where everything is on one line", () => {
  const before = '{"mcpServers":{"gh":{"args":["--token","hushhush"],"env":{"PAT":"hushhush"}}}}';
  const after = before.replace("}}}}", `}},${ours}}}`);
  const shown = difference("/f", before, after, [entry]);
  expect(shown).not.toContain("hush");
  expect(shown).toContain("/opt/operone");
});

test("nothing in a file or its name moves the cursor of whoever is asked about it", () => {
  const before = '{\n"a\u001b[2J": 1, // \u001b]0;x\u0007 \u202e\n"b": 1\r\u009b8m\n}';
  const shown = difference("/f\u001b[8m", before, before.replace("}", `, ${ours}\n}`), [entry]);
  expect(shown.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(shown).toContain("/opt/operone");
});
