/** The official clients of both versions, over both transports, against one node. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  Client as Client2,
  type JSONRPCMessage,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as Http1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { JSONRPCMessage as Message1 } from "@modelcontextprotocol/sdk/types.js";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { BridgeTransport } from "./pipes.ts";

let node: McpNode;
let token: string;
beforeAll(async () => {
  node = await mcpNode();
  token = await node.agent("bot");
  writeFileSync(join(node.work, "a.txt"), "hello\n");
});
afterAll(() => node[Symbol.asyncDispose]());

interface Told {
  readonly progress: number;
}
interface Subject {
  readonly revision: string | undefined;
  tools(): Promise<readonly { readonly name: string }[]>;
  call(
    name: string,
    args: Record<string, unknown>,
    options?: { signal?: AbortSignal; onprogress?: (told: Told) => void },
  ): Promise<unknown>;
  close(): Promise<void>;
}

const about = { name: "test", version: "1" };
const requestInit = () => ({ headers: { authorization: `Bearer ${token}` } });

async function client1(transport: Parameters<Client1["connect"]>[0]): Promise<Subject> {
  const client = new Client1(about);
  await client.connect(transport);
  return {
    revision: undefined,
    tools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    close: () => client.close(),
  };
}

async function client2(
  transport: Parameters<Client2["connect"]>[0],
  mode: "auto" | "legacy",
): Promise<Subject> {
  const client = new Client2(about, { versionNegotiation: { mode } });
  await client.connect(transport);
  return {
    revision: client.getNegotiatedProtocolVersion(),
    tools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    close: () => client.close(),
  };
}

const http1 = () =>
  new Http1(new URL(node.url), { requestInit: requestInit() }) as Parameters<Client1["connect"]>[0];
const http2 = () => new StreamableHTTPClientTransport(new URL(node.url), { requestInit: requestInit() });
const stdio1 = () => new BridgeTransport<Message1>(node.socket, "bot");
const stdio2 = () => new BridgeTransport<JSONRPCMessage>(node.socket, "bot");

const subjects: readonly (readonly [string, string | undefined, () => Promise<Subject>])[] = [
  ["version 1 over HTTP", undefined, () => client1(http1())],
  ["version 1 over stdio", undefined, () => client1(stdio1())],
  ["version 2 over HTTP, newest revision", "2026-07-28", () => client2(http2(), "auto")],
  ["version 2 over HTTP, older revision", "2025-11-25", () => client2(http2(), "legacy")],
  ["version 2 over stdio, newest revision", "2026-07-28", () => client2(stdio2(), "auto")],
  ["version 2 over stdio, older revision", "2025-11-25", () => client2(stdio2(), "legacy")],
];

describe.each(subjects)("the official client, %s,", (_name, revision, open) => {
  test("lists and calls tools, and checks what it is given against their schemas", async () => {
    const client = await open();
    expect(client.revision).toBe(revision);
    const names = (await client.tools()).map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(["read_text_file", "write_file"]);
    const path = join(node.work, "a.txt");
    expect(await client.call("read_text_file", { path })).toMatchObject({
      content: [{ type: "text", text: "hello\n" }],
    });
    expect(await client.call("fs_hash", { path, algorithm: "md5" })).toMatchObject({
      structuredContent: { hash: "b1946ac92492d2347c6235b4d2611184" },
    });
    await expect(client.call("no_such_tool", {})).rejects.toThrow("There is no tool");
    await client.close();
  });

  test("is told the progress of what it asks for, and ends what it gives up", async () => {
    const client = await open();
    const controller = new AbortController();
    const { ended } = node.probed;
    const told: Told[] = [];
    const call = client.call(
      "probe_hang",
      {},
      {
        signal: controller.signal,
        onprogress(one) {
          told.push(one);
          controller.abort();
        },
      },
    );
    await expect(call).rejects.toThrow();
    expect(told[0]?.progress).toBe(1);
    while (node.probed.ended === ended) await client.call("probe_echo", { value: 1 });
    await client.close();
  });
});

describe("a hundred clients at once", () => {
  test("are all answered", async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => client2(stdio2(), "auto")));
    const values = await Promise.all(clients.map((client, value) => client.call("probe_echo", { value })));
    expect(
      values.map((one) => (one as { structuredContent: { value: number } }).structuredContent.value),
    ).toEqual(Array.from({ length: 100 }, (_, at) => at));
    await Promise.all(clients.map((client) => client.close()));
  }, 30_000);
});
