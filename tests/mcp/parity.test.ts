/** A tool gives what its operation gives: the same values, the same refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, type JSONRPCMessage } from "@modelcontextprotocol/client";
import { OperoneError } from "../../src/kernel/error.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { BridgeTransport } from "./pipes.ts";

let node: McpNode;
let client: Client;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
  client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
  await client.connect(new BridgeTransport<JSONRPCMessage>(node.socket, "bot", "?list=all"));
  mkdirSync(join(node.work, "d"));
  writeFileSync(join(node.work, "a.txt"), "needle\n");
});
afterAll(async () => {
  await client.close();
  await node[Symbol.asyncDispose]();
});

/** Operations whose answer is the same twice, with an input for each. */
const asked = (): readonly (readonly [string, Record<string, unknown>])[] => [
  ["fs.read", { path: join(node.work, "a.txt") }],
  ["fs.stat", { path: join(node.work, "a.txt") }],
  ["fs.list", { path: node.work }],
  ["fs.tree", { path: node.work }],
  ["fs.hash", { path: join(node.work, "a.txt") }],
  ["fs.usage", { path: node.work }],
  ["fs.glob", { path: node.work, pattern: "**" }],
  ["fs.trash-list", {}],
  ["node.version", {}],
  ["shell.list", {}],
  ["shell.dry-run-list", {}],
  ["shell.profile-list", {}],
  ["probe.items", { to: 20 }],
  ["probe.echo", { value: { a: [1, null, "é"] } }],
];

test("what a tool gives is what the operation gives, and fits the schema that the client checks it by", async () => {
  // The client checks what comes against the schemas of the tools that it has listed.
  await client.listTools();
  for (const [operation, input] of asked()) {
    const expected = JSON.parse(JSON.stringify(await node.owner(operation, input))) as unknown;
    const name = operation.replaceAll(/[.-]/g, "_");
    const { structuredContent } = await client.callTool({ name, arguments: input });
    const { gives } = node.kernel.view.table.get(operation) ?? { gives: "none" };
    const isObject = typeof expected === "object" && !Array.isArray(expected);
    const form =
      gives === "items"
        ? { items: expected }
        : isObject && operation !== "probe.echo"
          ? expected
          : { value: expected };
    expect([operation, structuredContent]).toEqual([operation, form]);
  }
});

test("what an operation refuses, its tool refuses with the same code and words", async () => {
  const refusals: readonly (readonly [string, Record<string, unknown>])[] = [
    ["fs.read", { path: join(node.work, "none") }],
    ["fs.read", { path: "no path" }],
    ["fs.stat", {}],
    ["fs.mkdir", { path: join(node.work, "d") }],
    ["shell.wait", { session: "none" }],
  ];
  for (const [operation, input] of refusals) {
    const error = await node.owner(operation, input).then(
      () => undefined,
      (one: unknown) => one,
    );
    if (!(error instanceof OperoneError)) throw new Error(`${operation} was not refused`);
    const result = await client.callTool({ name: operation.replaceAll(/[.-]/g, "_"), arguments: input });
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: "text", text: `${error.message} (${error.code})` }],
      _meta: { "operone/error": { code: error.code } },
    });
  }
});
