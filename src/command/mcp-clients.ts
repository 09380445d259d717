/**
 * The programs that can be connected: where each keeps its servers, and what an entry looks like there. Each line
 * follows the program's own documentation.
 */
import { posix, win32 } from "node:path";
import { OperoneError } from "../kernel/error.ts";

/** What the paths depend on. */
export interface Place {
  readonly platform: string;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder of the project, and where relative paths begin. */
  readonly folder: string;
}

export type Endpoint =
  | {
      readonly kind: "stdio";
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
    }
  | { readonly kind: "http"; readonly url: string; readonly token: string };

type Entry = Readonly<Record<string, unknown>>;

export interface McpClient {
  readonly name: string;
  readonly title: string;
  readonly format: "json" | "jsonc" | "toml";
  /** The key that holds the servers. */
  readonly servers: string;
  /** Undefined for one that has no file of its own. */
  userFile?(place: Place): string;
  /** Below the project's folder. Undefined: it knows no projects. */
  readonly projectFile?: readonly string[];
  entry(endpoint: Endpoint): Entry;
  /** Why it cannot be given an address and a token. */
  readonly stdioOnly?: string;
  /** What the person does next. */
  readonly next: string;
}

function below({ platform }: Place, ...parts: readonly string[]): string {
  return (platform === "win32" ? win32 : posix).join(...parts);
}

/** Where programs keep settings: each system's own habit. */
function settingsFolder(place: Place): string {
  const { platform, home, environment } = place;
  if (platform === "darwin") return below(place, home, "Library", "Application Support");
  if (platform === "win32") return environment.APPDATA ?? below(place, home, "AppData", "Roaming");
  return environment.XDG_CONFIG_HOME || below(place, home, ".config");
}

function stdio({ command, args, env }: Endpoint & { readonly kind: "stdio" }): Entry {
  return { command, args: [...args], ...(Object.keys(env).length === 0 ? {} : { env: { ...env } }) };
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** With the kind of connection beside it, as most want it. */
function typed(endpoint: Endpoint): Entry {
  if (endpoint.kind === "stdio") return { type: "stdio", ...stdio(endpoint) };
  return { type: "http", url: endpoint.url, headers: bearer(endpoint.token) };
}

function untyped(endpoint: Endpoint): Entry {
  if (endpoint.kind === "stdio") return stdio(endpoint);
  return { url: endpoint.url, headers: bearer(endpoint.token) };
}

export const clients: readonly McpClient[] = [
  {
    name: "claude-code",
    title: "Claude Code",
    format: "json",
    servers: "mcpServers",
    userFile: (place) => below(place, place.environment.CLAUDE_CONFIG_DIR || place.home, ".claude.json"),
    projectFile: [".mcp.json"],
    entry: typed,
    next: 'Start Claude Code anew; "/mcp" there shows the connection.',
  },
  {
    name: "claude-desktop",
    title: "Claude Desktop",
    format: "json",
    servers: "mcpServers",
    userFile: (place) => below(place, settingsFolder(place), "Claude", "claude_desktop_config.json"),
    entry: untyped,
    stdioOnly: "Claude Desktop takes only programs from its configuration file",
    next: "Quit Claude Desktop and start it again.",
  },
  {
    name: "cursor",
    title: "Cursor",
    format: "jsonc",
    servers: "mcpServers",
    userFile: (place) => below(place, place.home, ".cursor", "mcp.json"),
    projectFile: [".cursor", "mcp.json"],
    entry: untyped,
    next: "Cursor asks whether the new server may run; its settings list it under MCP.",
  },
  {
    name: "vscode",
    title: "Visual Studio Code",
    format: "jsonc",
    servers: "servers",
    userFile: (place) => below(place, settingsFolder(place), "Code", "User", "mcp.json"),
    projectFile: [".vscode", "mcp.json"],
    entry: typed,
    next: 'Run "MCP: List Servers" in Visual Studio Code and start it.',
  },
  {
    name: "codex",
    title: "Codex",
    format: "toml",
    servers: "mcp_servers",
    userFile: (place) =>
      below(place, place.environment.CODEX_HOME || below(place, place.home, ".codex"), "config.toml"),
    projectFile: [".codex", "config.toml"],
    entry: (endpoint) =>
      endpoint.kind === "stdio"
        ? stdio(endpoint)
        : { url: endpoint.url, http_headers: bearer(endpoint.token) },
    next: 'Start Codex anew; "/mcp" there shows the connection.',
  },
  {
    name: "generic",
    title: "any other program",
    format: "json",
    servers: "mcpServers",
    entry: untyped,
    next: "Put this where the program keeps its servers.",
  },
];

const clientNames = clients.map(({ name }) => name);

/** @throws OperoneError `invalid_input` with the names that there are */
export function clientNamed(name: string): McpClient {
  const client = clients.find((one) => one.name === name);
  if (client !== undefined) return client;
  throw new OperoneError(
    "invalid_input",
    `There is no client ${JSON.stringify(name)}; it is one of ${clientNames.join(", ")}. Any program can be connected by hand with what "operone mcp connect generic" prints`,
  );
}

/** The file with the servers. @throws OperoneError `unsupported` for a project of a client that knows none */
export function fileOf(client: McpClient, project: boolean, place: Place): string | undefined {
  if (!project) return client.userFile?.(place);
  if (client.projectFile !== undefined) return below(place, place.folder, ...client.projectFile);
  throw new OperoneError(
    "unsupported",
    `${client.title} has no configuration of a project; connect it without --project`,
  );
}
