import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Connecting } from "../../tests/command/connecting.ts";
import { clients } from "./mcp-clients.ts";
import { realOutside } from "./mcp-outside.ts";
import { windowsPath } from "./mcp-wish.ts";

let at: Connecting;
beforeEach(() => {
  at = new Connecting();
});
afterEach(() => at.remove());

const files: Readonly<Record<string, string>> = {
  "claude-code": ".claude.json",
  "claude-desktop": ".config/Claude/claude_desktop_config.json",
  cursor: ".cursor/mcp.json",
  vscode: ".config/Code/User/mcp.json",
  codex: ".codex/config.toml",
};
const withFile = Object.keys(files);
const fileOf = (name: string) => at.path(files[name] ?? "");

/** Settings with another server in them, and comments where the client takes them. */
function existing(name: string): string {
  if (name === "codex") return '# mine\nmodel = "a"\n\n[mcp_servers.other]\ncommand = "/other"\n';
  const key = name === "vscode" ? "servers" : "mcpServers";
  const comment = name === "vscode" || name === "cursor" ? "  // mine\n" : "";
  return `{\n${comment}  "theme": "dark",\n  "${key}": { "other": { "command": "/other" } }\n}`;
}

/** Everything that is kept on this side, as one text. */
function kept(): string {
  const folder = join(at.data, "connections");
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
}

test("every client has a file in these tests, but for the one that has none", () => {
  expect([...withFile, "generic"].toSorted()).toEqual(clients.map(({ name }) => name).toSorted());
});

for (const name of withFile) {
  test(`${name}: a first connection makes the file and its folders, and undoing it leaves nothing`, async () => {
    const { out, err } = await at.connect(name, "--yes");
    expect(out).toContain(`as the agent "${name}"`);
    expect(err).toContain(`+++ ${fileOf(name)}`);
    expect(at.read(fileOf(name))).toContain("/opt/operone");
    expect([...at.agents.keys()]).toEqual([name]);
    const undone = await at.connect(name, "--undo", "--yes");
    expect(undone.out).toContain(`the agent "${name}" has ended`);
    expect(readdirSync(at.home)).toEqual([]);
    expect(at.agents.size).toBe(0);
    expect(readdirSync(join(at.data, "connections"))).toEqual([]);
  });

  test(`${name}: what else is in the file stays, and comes back byte for byte with its mode`, async () => {
    const before = existing(name);
    const path = at.write(fileOf(name), before, 0o600);
    await at.connect(name, "--yes");
    const after = at.read(path);
    for (const word of ["other", name === "codex" ? "# mine" : '"theme": "dark"'])
      expect(after).toContain(word);
    if (before.includes("// mine")) expect(after).toContain("// mine");
    expect(at.mode(path)).toBe(0o600);
    await at.disconnect(name, "--yes");
    expect(at.read(path)).toBe(before);
    expect(at.mode(path)).toBe(0o600);
  });

  test(`${name}: connecting again changes nothing, and later changes of others survive the undo`, async () => {
    const path = at.write(fileOf(name), existing(name));
    await at.connect(name, "--yes");
    const once = at.read(path);
    const { out } = await at.connect(name, "--yes");
    expect(out).toContain("It was connected already");
    expect(at.read(path)).toBe(once);
    at.write(path, once.replace("/other", "/another"));
    await at.disconnect(name, "--yes");
    const end = at.read(path);
    expect(end).toContain("/another");
    expect(end).not.toContain("operone");
  });

  test(`${name}: a broken file is refused with its place before an agent is made`, async () => {
    const broken = name === "codex" ? "model = \n" : '{\n  "a": \n';
    const path = at.write(fileOf(name), broken);
    const { code, message } = await at.refused(at.connect(name, "--yes"));
    expect([code, message]).toEqual(["invalid_input", expect.stringContaining(`${path} line `)]);
    expect(at.read(path)).toBe(broken);
    expect(at.agents.size).toBe(0);
  });

  test(`${name}: a linked file is changed where it lies, and the link stays`, async () => {
    const real = at.write(join(at.folder, "dotfiles", name), existing(name));
    at.link(fileOf(name), real);
    await at.connect(name, "--yes");
    expect(lstatSync(fileOf(name)).isSymbolicLink()).toBe(true);
    expect(at.read(real)).toContain("/opt/operone");
    await at.disconnect(name, "--yes");
    expect(at.read(real)).toBe(existing(name));
    expect(lstatSync(fileOf(name)).isSymbolicLink()).toBe(true);
  });
}

test("the person is shown rights and change, and anything but yes changes nothing", async () => {
  at.answer = "no";
  expect((await at.refused(at.connect("cursor"))).code).toBe("cancelled");
  at.answer = undefined;
  expect((await at.refused(at.connect("cursor"))).message).toContain("--yes");
  at.answer = "y";
  expect((await at.refused(at.connect("cursor", "--json"))).message).toContain("--yes");
  expect([at.agents.size, existsSync(fileOf("cursor"))]).toEqual([0, false]);
  const { err } = await at.connect("cursor", "--ask", "fs.read=*", "--nodes", "pi,all");
  expect(err).toContain("it works nowhere by itself; --workspace FOLDER");
  expect(err).toContain("On every node:");
  expect(err).toContain("ask fs.read=*");
  expect(err).toContain(`Write this to ${fileOf("cursor")}?`);
});

test("workspaces are granted in both spellings, and one that is no folder is refused", async () => {
  at.write(at.path("work", "x"), "");
  await at.connect("cursor", "--workspace", "~/work", "--workspace", at.project, "--nodes", "pi", "--yes");
  expect(at.agents.get("cursor")?.input).toMatchObject({
    workspace: [at.path("work"), "~/work", at.project],
    nodes: ["pi"],
    bearer: false,
  });
  const refused = await at.refused(at.connect("vscode", "--workspace", "none", "--yes"));
  expect(refused.message).toContain(`--workspace "none" is no folder (${join(at.project, "none")})`);
});

test("rights on the command line do not change an agent that is there, and the person is told", async () => {
  await at.connect("cursor", "--yes");
  const { err } = await at.connect("cursor", "--grant", "*=*", "--yes");
  expect(err).toContain('change nothing; "operone agent grant cursor" does');
  expect(at.agents.get("cursor")?.input).toMatchObject({ grant: [] });
});

test("two connections share an agent by its name, and it ends with the last of them", async () => {
  await at.connect("cursor", "--as", "editor", "--yes");
  await at.connect("vscode", "--as", "editor", "--yes");
  expect(at.read(fileOf("vscode"))).toContain('"editor"');
  expect((await at.disconnect("cursor", "--yes")).out).toContain('"editor" was kept');
  await at.disconnect("vscode", "--yes");
  expect(at.agents.size).toBe(0);
  at.agents.set("mine", { input: {}, token: undefined });
  await at.connect("cursor", "--as", "mine", "--yes");
  expect((await at.disconnect("cursor", "--yes")).out).toContain('"mine" was kept');
  await at.connect("codex", "--yes");
  expect((await at.disconnect("codex", "--keep-agent", "--yes")).out).toContain('"codex" was kept');
  expect(at.agents.has("codex")).toBe(true);
});

test("a project's own file is written, and a token is not written into one", async () => {
  await at.connect("claude-code", "--project", "--yes");
  const path = join(at.project, ".mcp.json");
  expect(JSON.parse(at.read(path))).toEqual({
    mcpServers: {
      operone: { type: "stdio", command: "/opt/operone", args: ["mcp", "--as", "claude-code"] },
    },
  });
  expect(existsSync(fileOf("claude-code"))).toBe(false);
  const refused = await at.refused(at.connect("claude-code", "--project", "--http", "--yes"));
  expect(refused.message).toContain("no token belongs into it");
  await at.disconnect("claude-code", "--project", "--yes");
  expect(existsSync(path)).toBe(false);
});

test("a project's link that leads out of the project is not followed", async () => {
  at.link(join(at.project, ".mcp.json"), at.path("mine.json"));
  const { code, message } = await at.refused(at.connect("claude-code", "--project", "--yes"));
  expect([code, message]).toEqual(["forbidden", expect.stringContaining(at.path("mine.json"))]);
  expect([readdirSync(at.home), at.agents.size]).toEqual([[], 0]);
  at.link(join(at.project, ".cursor"), at.path());
  expect((await at.refused(at.connect("cursor", "--project", "--yes"))).code).toBe("forbidden");
  at.link(join(at.project, ".vscode"), "settings");
  at.write(join(at.project, "settings", "mcp.json"), "{}");
  await at.connect("vscode", "--project", "--yes");
  expect(at.read(join(at.project, "settings", "mcp.json"))).toContain("/opt/operone");
});

test("a folder of Windows is granted as the operations write it", () => {
  expect(windowsPath("C:\\web\\site")).toBe("/c/web/site");
});

test("over HTTP the file holds a token for its owner alone, and nothing that is shown or kept does", async () => {
  const path = at.write(fileOf("codex"), existing("codex"), 0o644);
  const first = await at.connect("codex", "--http", "--yes");
  const token = at.agents.get("codex")?.token ?? "none";
  expect(at.read(path)).toContain(`Authorization = "Bearer ${token}"`);
  expect(at.read(path)).toContain('url = "http://127.0.0.1:6737/mcp"');
  expect(at.mode(path)).toBe(0o600);
  expect(first.err).toContain("The file will hold a token");
  const again = await at.connect("codex", "--http", "--yes");
  expect(again.out).toContain("It was connected already");
  const secret = token.slice(-43);
  for (const text of [first.out, first.err, again.out, again.err, kept()]) expect(text).not.toContain(secret);
  const undone = await at.disconnect("codex", "--yes");
  expect(undone.err + undone.out).not.toContain(secret);
  expect(at.read(path)).toBe(existing("codex"));
  expect(at.mode(path)).toBe(0o644);
});

test("a file that others can read again gets another token, and the old one is not shown", async () => {
  await at.connect("cursor", "--http", "--yes");
  const old = at.agents.get("cursor")?.token ?? "none";
  at.write(fileOf("cursor"), at.read(fileOf("cursor")));
  const { chmodSync } = await import("node:fs");
  chmodSync(fileOf("cursor"), 0o644);
  const { err } = await at.connect("cursor", "--http", "--yes");
  expect(err).toContain("will stop working");
  expect(err).not.toContain(old.slice(-43));
  expect(at.agents.get("cursor")?.token).not.toBe(old);
  expect(at.read(fileOf("cursor"))).toContain(at.agents.get("cursor")?.token ?? "none");
  expect(at.mode(fileOf("cursor"))).toBe(0o600);
});

test("keys of other servers that stand beside our entry are not shown", async () => {
  const path = fileOf("claude-code");
  const servers = { other: { command: "/o", env: { API_KEY: 'sk-\\"1', MODE: "fast", github_token: "gh" } } };
  for (const indent of [2, 0]) {
    at.write(path, JSON.stringify({ mcpServers: servers }, undefined, indent));
    const { out, err } = await at.connect("claude-code", "--json", "--yes");
    const undone = await at.disconnect("claude-code", "--yes");
    for (const secret of ["sk-", '"gh"']) expect(out + err + undone.out + undone.err).not.toContain(secret);
    expect(JSON.parse(out).difference).toContain('"MODE"');
  }
  const cut = JSON.stringify({ a: "x".repeat(250), api_key: `sk-${"y".repeat(200)}`, mcpServers: {} });
  at.write(path, cut);
  expect((await at.connect("claude-code", "--yes")).err).not.toContain("sk-y");
  await at.disconnect("claude-code", "--yes");
  const history = JSON.stringify({ history: "x".repeat(5_000), mcpServers: {} });
  at.write(path, history);
  expect((await at.connect("claude-code", "--yes")).err.length).toBeLessThan(2_500);
});

test("what the client is shown of the tools goes along, by program and by address", async () => {
  const words = ["--tools", "files,shell", "--read-only", "--node", "pi"];
  const { out } = await at.connect("cursor", "--print", ...words);
  expect(JSON.parse(out).mcpServers.operone.args).toEqual(["mcp", "--as", "cursor", ...words]);
  const http = await at.connect("cursor", "--print", "--http", ...words);
  expect(JSON.parse(http.out).mcpServers.operone.url).toBe(
    "http://127.0.0.1:6737/mcp?tools=files%2Cshell&read-only=true&node=pi",
  );
});

test("the world outside a test is this machine, this program and this folder", () => {
  const { place, program, isUsualHome } = realOutside(at.data);
  expect(place).toMatchObject({ platform: process.platform, folder: process.cwd() });
  expect([program[0], isUsualHome]).toEqual([process.execPath, false]);
  expect(realOutside(join(place.home, ".operone")).isUsualHome).toBe(true);
});

test("a client that takes no address says so", async () => {
  const { code, message } = await at.refused(at.connect("claude-desktop", "--http", "--yes"));
  expect([code, message]).toEqual(["unsupported", expect.stringContaining("connect it without --http")]);
});

test("printing makes and writes nothing, and the generic client prints its entry once it has an agent", async () => {
  const { out } = await at.connect("codex", "--print", "--http");
  expect(out).toContain('Authorization = "Bearer TOKEN"');
  expect([at.agents.size, readdirSync(at.home)]).toEqual([0, []]);
  const wanted = ["--workspace", at.project, "--nodes", "all", "--ask", "shell.run=*", "--http"];
  const told = await at.connect("generic", "--print", ...wanted);
  expect(told.err).toContain("in the place of TOKEN");
  expect(told.err).toContain(
    `: operone agent add generic --workspace ${at.project} --ask 'shell.run=*' --nodes '*' --bearer\n`,
  );
  const made = await at.connect("generic", "--http", "--yes");
  expect(JSON.parse(made.out)).toEqual({
    mcpServers: {
      operone: {
        url: "http://127.0.0.1:6737/mcp",
        headers: { Authorization: `Bearer ${at.agents.get("generic")?.token}` },
      },
    },
  });
  expect((await at.connect("generic")).err).toContain("is there already");
  expect((await at.refused(at.disconnect("generic", "--yes"))).code).toBe("unsupported");
});

test("an entry that somebody changed is left to them, and one that they took out needs no undoing", async () => {
  const path = at.write(fileOf("cursor"), existing("cursor"));
  await at.connect("cursor", "--yes");
  const changed = at.read(path).replace("/opt/operone", "/usr/local/bin/operone");
  at.write(path, changed);
  const refused = await at.refused(at.disconnect("cursor", "--yes"));
  expect([refused.code, at.read(path)]).toEqual(["conflict", changed]);
  expect(refused.message).toContain("was changed since it was written");
  at.write(path, existing("cursor"));
  await at.disconnect("cursor", "--yes");
  expect(at.read(path)).toBe(existing("cursor"));
  expect((await at.refused(at.disconnect("cursor", "--yes"))).code).toBe("not_found");
});

test("an entry of somebody else under our name comes back when ours goes", async () => {
  const theirs = '{\n  "mcpServers": {\n    "operone": {\n      "command": "/theirs"\n    }\n  }\n}\n';
  const path = at.write(fileOf("claude-code"), theirs);
  await at.connect("claude-code", "--yes");
  await at.connect("claude-code", "--as", "second", "--yes");
  expect(at.read(path)).toContain('"second"');
  at.write(path, at.read(path).replace('{\n  "mcp', '{\n  "new": 1,\n  "mcp'));
  await at.connect("claude-code", "--as", "third", "--yes");
  await at.disconnect("claude-code", "--yes");
  expect(JSON.parse(at.read(path))).toEqual({ new: 1, mcpServers: { operone: { command: "/theirs" } } });
});

test("a file that changes while the person thinks is not overwritten", async () => {
  const path = at.write(fileOf("cursor"), existing("cursor"));
  at.before = () => void at.write(path, `${existing("cursor")}\n`);
  expect((await at.refused(at.connect("cursor", "--yes"))).code).toBe("conflict");
  expect([at.read(path), at.agents.size]).toEqual([`${existing("cursor")}\n`, 0]);
});

test("when the file cannot be written, the agent that was made for it is taken back", async () => {
  at.before = (operation) => {
    // Something else takes the folder's name in the last moment.
    if (operation === "access.agent-add") at.write(at.path(".cursor"), "a file");
  };
  const { code, message } = await at.refused(at.connect("cursor", "--yes"));
  expect([code, message]).toEqual(["unavailable", expect.stringContaining("Could not write")]);
  expect(at.agents.size).toBe(0);
  expect(readdirSync(join(at.data, "connections"))).toEqual([]);
});

test("without a node nothing is connected, and disconnecting puts the file back and says what is left", async () => {
  at.running = false;
  expect((await at.refused(at.connect("cursor", "--yes"))).code).toBe("unavailable");
  expect(existsSync(fileOf("cursor"))).toBe(false);
  at.running = true;
  await at.connect("cursor", "--yes");
  at.running = false;
  const { out } = await at.disconnect("cursor", "--yes");
  expect(out).toContain('run "operone agent remove cursor"');
  expect(existsSync(fileOf("cursor"))).toBe(false);
});

test("programs read what happened as JSON, without a secret", async () => {
  const { out, err } = await at.connect("cursor", "--http", "--json", "--yes");
  expect(JSON.parse(out)).toMatchObject({ client: "cursor", agent: "cursor", changed: true });
  expect(out + err).not.toContain("x".repeat(43));
  const undone = await at.disconnect("cursor", "--json", "--yes");
  expect(JSON.parse(undone.out)).toEqual({
    client: "cursor",
    file: fileOf("cursor"),
    agent: "cursor",
    ended: true,
  });
});

test("a record that is damaged is named, and nothing is done after it", async () => {
  await at.connect("cursor", "--yes");
  const folder = join(at.data, "connections");
  for (const name of readdirSync(folder)) at.write(join(folder, name), "{}");
  const { code, message } = await at.refused(at.disconnect("cursor", "--yes"));
  expect([code, message]).toEqual(["unavailable", expect.stringContaining("is no record of a connection")]);
});
