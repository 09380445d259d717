import { expect, test } from "bun:test";
import { clientNamed, clients, type Endpoint, fileOf, type Place } from "./mcp-clients.ts";

const linux: Place = { platform: "linux", home: "/home/ada", environment: {}, folder: "/srv/site" };
const mac: Place = { ...linux, platform: "darwin", home: "/Users/ada" };
const windows: Place = {
  platform: "win32",
  home: "C:\\Users\\ada",
  environment: { APPDATA: "C:\\Users\\ada\\AppData\\Roaming" },
  folder: "C:\\site",
};
const user = (name: string, place: Place) => fileOf(clientNamed(name), false, place);

test("each client's file is where its system keeps such files", () => {
  expect(clients.map(({ name }) => user(name, linux))).toEqual([
    "/home/ada/.claude.json",
    "/home/ada/.config/Claude/claude_desktop_config.json",
    "/home/ada/.cursor/mcp.json",
    "/home/ada/.config/Code/User/mcp.json",
    "/home/ada/.codex/config.toml",
    undefined,
  ]);
  expect(user("claude-desktop", mac)).toBe(
    "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
  );
  expect(user("vscode", windows)).toBe("C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json");
  const bare = { ...windows, environment: {} };
  expect(user("vscode", bare)).toBe("C:\\Users\\ada\\AppData\\Roaming\\Code\\User\\mcp.json");
});

test("the variables by which a client is told another place are heeded", () => {
  const environment = { XDG_CONFIG_HOME: "/x", CODEX_HOME: "/c", CLAUDE_CONFIG_DIR: "/d" };
  const place = { ...linux, environment };
  expect(user("vscode", place)).toBe("/x/Code/User/mcp.json");
  expect(user("codex", place)).toBe("/c/config.toml");
  expect(user("claude-code", place)).toBe("/d/.claude.json");
});

test("a project's file lies in its folder, and a client without projects says so", () => {
  const project = (name: string) => fileOf(clientNamed(name), true, linux);
  expect(["claude-code", "cursor", "vscode", "codex"].map(project)).toEqual([
    "/srv/site/.mcp.json",
    "/srv/site/.cursor/mcp.json",
    "/srv/site/.vscode/mcp.json",
    "/srv/site/.codex/config.toml",
  ]);
  expect(() => project("claude-desktop")).toThrow("Claude Desktop has no configuration of a project");
});

test("entries are what each client reads, by program and by address", () => {
  const stdio: Endpoint = { kind: "stdio", command: "/o", args: ["mcp"], env: { OPERONE_HOME: "/d" } };
  const http: Endpoint = { kind: "http", url: "http://127.0.0.1:1/mcp", token: "t" };
  const program = { command: "/o", args: ["mcp"], env: { OPERONE_HOME: "/d" } };
  const headers = { Authorization: "Bearer t" };
  const { url } = http;
  for (const name of ["claude-code", "vscode"]) {
    expect(clientNamed(name).entry(stdio)).toEqual({ type: "stdio", ...program });
    expect(clientNamed(name).entry(http)).toEqual({ type: "http", url, headers });
  }
  for (const name of ["cursor", "claude-desktop", "generic"])
    expect(clientNamed(name).entry(stdio)).toEqual(program);
  expect(clientNamed("cursor").entry(http)).toEqual({ url, headers });
  expect(clientNamed("codex").entry(http)).toEqual({ url, http_headers: headers });
  expect(clientNamed("codex").entry({ ...stdio, env: {} })).toEqual({ command: "/o", args: ["mcp"] });
});

test("an unknown client is refused with the names that there are", () => {
  expect(() => clientNamed("emacs")).toThrow('There is no client "emacs"; it is one of claude-code,');
});
