/** What the command line asks for, checked. */
import { posix, resolve } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import { folderFacts } from "../platform/probe.ts";
import type { OperationClient } from "../surface/client.ts";
import { shellQuote } from "../surface/help.ts";
import type { CommandInput } from "./command.ts";
import { type AgentWish, httpAddress } from "./mcp-agent.ts";
import type { Endpoint, McpClient, Place } from "./mcp-clients.ts";
import type { Outside } from "./mcp-outside.ts";

/** Stands for the token until there is one, and wherever it must not be shown. */
export const placeholder = "TOKEN";

export interface Wish {
  readonly agent: AgentWish;
  readonly http: boolean;
  readonly project: boolean;
  /** Which tools it is shown and where they run, as `operone mcp` takes it. */
  readonly tools: readonly (readonly [string, string | undefined])[];
  /** How the client starts us. */
  readonly stdio: Endpoint & { readonly kind: "stdio" };
}

/** @throws OperoneError `invalid_input`, `unsupported` for what the client cannot do */
export function wishOf(input: CommandInput, client: McpClient, outside: Outside): Wish {
  const { flag, text, texts, directory } = input;
  const name = text("as") ?? client.name;
  const http = flag("http");
  if (http && client.stdioOnly !== undefined) {
    throw new OperoneError("unsupported", `${client.stdioOnly}; connect it without --http`);
  }
  if (http && flag("project")) {
    throw new OperoneError(
      "invalid_input",
      "A project's configuration is shared with others, so no token belongs into it; leave out --http or --project",
    );
  }
  const tools = toolsOf(input);
  const [command = "", ...before] = outside.program;
  const nodes = texts("nodes").flatMap((node) => node.split(","));
  return {
    http,
    project: flag("project"),
    tools,
    agent: {
      name,
      workspace: texts("workspace").flatMap((path) => workspacesOf(path, outside.place)),
      grant: texts("grant"),
      ask: texts("ask"),
      deny: texts("deny"),
      nodes: nodes.map((node) => (node === "all" ? "*" : node)),
      acceptWarnings: flag("accept-warnings"),
    },
    stdio: {
      kind: "stdio",
      command,
      args: [...before, "mcp", "--as", name, ...tools.flatMap(argumentsOf)],
      env: outside.isUsualHome ? {} : { OPERONE_HOME: directory },
    },
  };
}

function toolsOf({ flag, text, texts }: CommandInput): Wish["tools"] {
  const node = text("node");
  return [
    ...texts("tools").map((list) => ["tools", list] as const),
    ...(flag("read-only") ? [["read-only", undefined] as const] : []),
    ...(node === undefined ? [] : [["node", node] as const]),
  ];
}

function argumentsOf([option, value]: Wish["tools"][number]): readonly string[] {
  return value === undefined ? [`--${option}`] : [`--${option}`, value];
}

/** In both spellings, because a right to commands counts for a folder as the call writes it. */
function workspacesOf(path: string, { folder, home, platform }: Place): readonly string[] {
  const expanded = path === "~" || path.startsWith("~/") ? posix.join(home, path.slice(1)) : path;
  const absolute = resolve(folder, expanded);
  const { kind } = folderFacts(absolute);
  if (kind !== "folder") {
    throw new OperoneError(
      "invalid_input",
      `--workspace ${JSON.stringify(path)} is no folder (${absolute}); make it, or name another`,
    );
  }
  if (platform === "win32") return [windowsPath(absolute)];
  const inHome = absolute === home || absolute.startsWith(`${home}/`);
  return inHome ? [absolute, `~${absolute.slice(home.length)}`] : [absolute];
}

/** `C:\work` as the operations write it: `/c/work`. */
export function windowsPath(path: string): string {
  return `/${path.replaceAll("\\", "/").replace(/^([A-Za-z]):/, (_, drive: string) => drive.toLowerCase())}`;
}

export async function endpointOf(wish: Wish, node: OperationClient, token: string): Promise<Endpoint> {
  if (!wish.http) return wish.stdio;
  const query = new URLSearchParams(
    wish.tools.map(([option, value = "true"]): [string, string] => [option, value]),
  );
  const url = `${await httpAddress(node)}${query.size === 0 ? "" : `?${query.toString()}`}`;
  return { kind: "http", url, token };
}

/** The command line that makes the agent of a wish. */
export function agentAddText({ agent, http }: Wish): string {
  const { name, workspace, grant, ask, deny, nodes, acceptWarnings } = agent;
  const lists = { workspace, grant, ask, deny, nodes };
  const words = [
    ...["operone", "agent", "add", name],
    ...Object.entries(lists).flatMap(([option, list]) => list.flatMap((value) => [`--${option}`, value])),
    ...(acceptWarnings ? ["--accept-warnings"] : []),
    ...(http ? ["--bearer"] : []),
  ];
  return words.map(shellQuote).join(" ");
}

/**
 * Rights that were written for an agent that is there change nothing: the same command can be repeated, and nobody who
 * only connects widens what an agent may do.
 */
export function keptRightsText({ agent }: Wish): readonly string[] {
  const { name, workspace, grant, ask, deny, nodes } = agent;
  const kept = `The agent "${name}" is there already, with the rights that "operone agent show ${name}" tells.`;
  if ([workspace, grant, ask, deny, nodes].every((list) => list.length === 0)) return [kept];
  return [kept, `Those on this command line change nothing; "operone agent grant ${name}" does.`];
}
