/** The commands of the program itself, sorted by name. Their code is loaded when they run. */
import type { Command, CommandOption } from "./command.ts";

const set: CommandOption = {
  type: "string",
  multiple: true,
  value: "KEY=VALUE",
  summary: "A configuration key, over the file and the environment: http.port=7000",
};

const clientOptions = {
  project: { type: "boolean", summary: "The configuration of the project in this folder, not yours" },
  yes: { type: "boolean", summary: "Do not ask" },
} as const;

function rights(summary: string): CommandOption {
  return { type: "string", multiple: true, value: "PERMISSION=SCOPE", summary };
}

export const commands: readonly Command[] = [
  {
    words: "api manifest",
    summary: "Print the modules' capability manifests as JSON",
    run: async (input) => (await import("./api.ts")).manifest(input),
  },
  {
    words: "api openapi",
    summary: "Print the OpenAPI document of this version",
    run: async (input) => (await import("./api.ts")).openapi(input),
  },
  {
    words: "api page",
    summary: "Print the readable API page as HTML",
    run: async (input) => (await import("./api.ts")).page(input),
  },
  {
    words: "api reference",
    summary: "Print the reference of all commands and operations as Markdown",
    run: async (input) => (await import("./api.ts")).reference(input),
  },
  {
    words: "completion",
    positional: ["SHELL"],
    summary: "Print a completion script for bash, zsh or fish",
    run: async (input) => (await import("./completion.ts")).completion(input),
  },
  {
    words: "config check",
    summary: "Check the configuration; tells every problem at once",
    options: { set },
    run: async (input) => (await import("./config.ts")).check(input),
  },
  {
    words: "config explain",
    summary: "Show every key with its value and where that came from",
    options: { set },
    run: async (input) => (await import("./config.ts")).explain(input),
  },
  {
    words: "config migrate",
    summary: "Print config.toml as this version would write it",
    run: async (input) => (await import("./config.ts")).migrate(input),
  },
  {
    words: "config schema",
    summary: "Print the JSON Schema of config.toml",
    run: async (input) => (await import("./config.ts")).schema(input),
  },
  {
    words: "doctor",
    summary: "Check this machine and the data directory, each with a verdict and a fix",
    options: {
      node: { type: "string", value: "NODE", summary: "Check another node of the mesh; this one must run" },
    },
    run: async (input) => (await import("./doctor.ts")).doctor(input),
  },
  {
    words: "down",
    summary: "Stop the node of this data directory and wait until it has ended",
    options: {
      timeout: {
        type: "string",
        value: "SECONDS",
        summary: "Kill it when it takes longer; 30 when not given",
      },
    },
    run: async (input) => (await import("./down.ts")).down(input),
  },
  {
    words: "join",
    positional: ["CODE"],
    summary: "Join the mesh of an invite; asks what other nodes may be here",
    description:
      "Without a terminal and without --allow, other nodes may be observers here: they see its state and run nothing.",
    options: {
      allow: {
        type: "string",
        value: "ROLE",
        summary: "What other nodes may be here at most: observer, operator or admin",
      },
      "allow-admin": { type: "boolean", summary: "The same as --allow admin" },
    },
    run: async (input) => (await import("./join.ts")).join(input),
  },
  {
    words: "mcp",
    summary: "Speak the Model Context Protocol on stdin and stdout, for an agent's program",
    description:
      "A bridge to the node of this data directory, which is started when none runs. Whoever starts it names the agent whose rights count; without --as it may only look.",
    options: {
      as: { type: "string", value: "AGENT", summary: "The agent that the calls are made by" },
      tools: {
        type: "string",
        value: "LIST",
        multiple: true,
        summary: "Only these tools: files,shell,nodes, a module, or names such as fs.read",
      },
      deny: { type: "string", value: "LIST", multiple: true, summary: "Never these tools" },
      "read-only": { type: "boolean", summary: "Only the tools that change nothing" },
      "list-all": { type: "boolean", summary: "Every tool in the list, not only those that are used most" },
      node: { type: "string", value: "NODE", summary: "Where calls run that name no node" },
      "no-start": { type: "boolean", summary: "Do not start a node" },
    },
    run: async (input) => (await import("./mcp.ts")).mcp(input),
  },
  {
    words: "mcp connect",
    positional: ["CLIENT"],
    summary: "Connect claude-code, claude-desktop, cursor, vscode, codex or, by hand, generic to this node",
    description:
      "Makes an agent with rights of its own, shows the change to the client's configuration, asks, and writes it. Everything else in the file stays, and disconnect puts back what was there.",
    options: {
      as: { type: "string", value: "NAME", summary: "The agent; the client's name when not given" },
      workspace: {
        type: "string",
        multiple: true,
        value: "FOLDER",
        summary: "Where it may read, write and run confined commands without asking",
      },
      nodes: {
        type: "string",
        multiple: true,
        value: "NODE",
        summary: "Nodes on which its rights count, or all; this one when not given",
      },
      grant: rights("What else it may do"),
      ask: rights("What else you must approve each time"),
      deny: rights("What it may not do, whatever else is granted"),
      "accept-warnings": { type: "boolean", summary: "You have read what the permissions warn of" },
      tools: {
        type: "string",
        multiple: true,
        value: "LIST",
        summary: "Show it only these tools: files,shell,nodes, a module, or names such as fs.read",
      },
      "read-only": { type: "boolean", summary: "Show it only the tools that change nothing" },
      node: { type: "string", value: "NODE", summary: "Where its calls run that name no node" },
      http: { type: "boolean", summary: "Connect by address and token; the file then holds a secret" },
      print: { type: "boolean", summary: "Print the entry, and make and write nothing" },
      undo: { type: "boolean", summary: "The same as mcp disconnect" },
      ...clientOptions,
    },
    run: async (input) => (await import("./mcp-connect.ts")).connect(input),
  },
  {
    words: "mcp disconnect",
    positional: ["CLIENT"],
    summary: "Put a client's configuration back as it was, and end its agent",
    options: {
      "keep-agent": { type: "boolean", summary: "Leave the agent and its rights" },
      ...clientOptions,
    },
    run: async (input) => (await import("./mcp-disconnect.ts")).disconnect(input),
  },
  {
    words: "restore",
    positional: ["FILE"],
    summary: "Put a backup into an empty data directory",
    run: async (input) => (await import("./restore.ts")).restore(input),
  },
  {
    words: "uninstall",
    summary: "List and remove what Operone made on this machine",
    options: { yes: { type: "boolean", summary: "Do not ask" } },
    run: async (input) => (await import("./uninstall.ts")).uninstall(input),
  },
  {
    words: "up",
    summary: "Run a node in the foreground, or in the background with --detach",
    options: {
      detach: { type: "boolean", summary: "Return once the node answers; it runs on" },
      set,
      "detached-child": { type: "boolean", hidden: true, summary: "Tell the start's end on descriptor 3" },
    },
    run: async (input) => (await import("./up.ts")).up(input),
  },
  {
    words: "version",
    summary: "Print the version",
    run: async (input) => (await import("./version.ts")).version(input),
  },
];
