import { expect, test } from "bun:test";
import fc from "fast-check";
import { OperoneError } from "../kernel/error.ts";
import { parseToml, tomlText } from "../platform/toml.ts";
import { clientNamed } from "./mcp-clients.ts";
import { entryIn, withEntry } from "./mcp-settings.ts";

const entry = { command: "/opt/operone", args: ["mcp", "--as", "bot"] };
const other = { command: "/opt/other", args: ["a", "b"] };
const vscode = clientNamed("vscode");
const claude = clientNamed("claude-code");
const codex = clientNamed("codex");

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof OperoneError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("It was not refused");
}

const commented = `// mine
{
\t"inputs": [], // none
\t"servers": {
\t\t/* the other */
\t\t"other": { "command": "/opt/other" },
\t},
}
`;

test("comments, tabs and commas of a file with comments stay, and every line of it", () => {
  const changed = withEntry(vscode, commented, "f", entry);
  const lines = changed.split("\n");
  const kept = commented.split("\n").filter((line) => !line.includes('"other":') && line !== "\t},");
  for (const line of kept) expect(lines).toContain(line);
  expect(changed).toContain('\t\t"operone": {\n\t\t\t"command": "/opt/operone"');
  expect(entryIn(vscode, changed, "f")).toEqual(entry);
});

test("line ends of Windows and a byte order mark are kept", () => {
  const before = '\uFEFF{\r\n    "mcpServers": {}\r\n}\r\n';
  const changed = withEntry(claude, before, "f", entry);
  expect(changed.startsWith("\uFEFF{\r\n")).toBe(true);
  expect(changed.replaceAll("\r\n", "")).not.toContain("\n");
  const toml = withEntry(codex, 'model = "a"\r\n', "f", entry);
  expect(toml.replaceAll("\r\n", "")).not.toContain("\n");
});

test("a broken file is refused with the place, whatever its format", () => {
  const told = (client: typeof claude, text: string) => refusal(() => withEntry(client, text, "/f", entry));
  expect(told(claude, '{\n  "a": }')).toContain("/f line 2, column 8 is no JSON: ");
  expect(told(claude, commented)).toContain("/f line 1, column 1 is no JSON: ");
  expect(told(vscode, "{ /* }")).toContain("is no JSON with comments: ");
  expect(told(codex, "a = 1\nb = \n")).toContain("/f line 2");
  expect(told(claude, "[]")).toContain("holds no JSON object");
  expect(told(claude, '{"mcpServers":[]}')).toContain('"mcpServers" in /f is no object');
  expect(told(codex, "mcp_servers = 1\n")).toContain('"mcp_servers" in /f is no table');
});

test("what cannot be changed without touching the rest is left alone", () => {
  const twice = '{"mcpServers":{"a":{}},"mcpServers":{"b":{}}}';
  expect(refusal(() => withEntry(claude, twice, "/f", entry))).toContain(
    "conflict: /f says mcpServers.operone",
  );
  const inline = 'mcp_servers = { operone = { command = "x" } }\n';
  expect(refusal(() => withEntry(codex, inline, "/f", entry))).toContain(
    "conflict: /f says mcp_servers.operone",
  );
  const text = 'a = """\n[mcp_servers.operone]\n"""\n';
  expect(refusal(() => withEntry(codex, text, "/f", entry))).toContain("conflict");
});

const toml = `# my settings
model = "a" # the good one

[mcp_servers.other]
command = "/opt/other"

[mcp_servers."operone"]
command = "/old"
[mcp_servers.operone.env]
A = "b"

# about the profile
[profiles.x]
model = "c"
`;

test("a table with the tables below it is replaced in its place, and goes without a trace", () => {
  const changed = withEntry(codex, toml, "f", entry);
  expect(changed).toContain('command = "/opt/other"\n\n[mcp_servers.operone]\ncommand = "/opt/operone"\n');
  expect(changed).toContain("\n\n# about the profile\n[profiles.x]\n");
  expect(changed).not.toContain("/old");
  expect(changed).not.toContain('A = "b"');
  const without = withEntry(codex, changed, "f", undefined);
  expect(parseToml(without, "f").values).toEqual({
    model: "a",
    mcp_servers: { other: { command: "/opt/other" } },
    profiles: { x: { model: "c" } },
  });
  expect(withEntry(codex, without, "f", undefined)).toBe(without);
});

test("putting an entry in and taking it out leaves any other settings as they were", () => {
  const key = fc.stringMatching(/^[a-z]{1,6}$/).filter((one) => one !== "operone");
  const settings = fc.record({
    others: fc.dictionary(key, fc.oneof(fc.string(), fc.integer(), fc.array(fc.string()))),
    servers: fc.dictionary(key, fc.constant(other)),
  });
  fc.assert(
    fc.property(settings, fc.boolean(), ({ others, servers }, compact) => {
      const values = { ...others, mcpServers: servers };
      const json = JSON.stringify(values, undefined, compact ? 0 : 2);
      const withOurs = withEntry(claude, json, "f", entry);
      expect(JSON.parse(withOurs)).toEqual({ ...values, mcpServers: { ...servers, operone: entry } });
      expect(JSON.parse(withEntry(claude, withOurs, "f", undefined))).toEqual(values);
      const text = tomlText({ ...others, mcp_servers: servers });
      const tomlWithOurs = withEntry(codex, text, "f", entry);
      expect(tomlWithOurs.startsWith(text.trimEnd())).toBe(true);
      const back = withEntry(codex, tomlWithOurs, "f", undefined);
      expect(back.trimEnd()).toBe(text.trimEnd());
    }),
  );
});
