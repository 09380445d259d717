/** `operone mcp` as a command, with streams of the test. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CommandInput } from "../../src/command/command.ts";
import { mcp } from "../../src/command/mcp.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { piped } from "./pipes.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

async function commanded(
  directory: string,
  options: Readonly<Record<string, readonly string[]>>,
  lines: string,
) {
  const pipes = piped();
  pipes.input(lines);
  pipes.endInput();
  let errors = "";
  const input: CommandInput = {
    ...{ directory, json: false, positional: [] },
    flag: (name) => name in options,
    text: (name) => options[name]?.[0],
    texts: (name) => options[name] ?? [],
    terminal: {
      out: () => {
        throw new Error("stdout is the protocol's");
      },
      err: (text) => {
        errors += text;
      },
      ask: async () => undefined,
    },
  };
  const code = await mcp(input, () => ({ ...pipes.streams, end: () => {} }));
  const messages = pipes.output().trimEnd().split("\n");
  return { code, errors, messages: messages.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n';

test("it passes on which agent it is, and which tools it shall have", async () => {
  const options = {
    as: ["bot"],
    tools: ["files"],
    deny: ["fs.search"],
    "read-only": [],
    "list-all": [],
    node: ["self"],
  };
  const { code, messages } = await commanded(dirname(node.socket), options, list);
  const [{ result } = { result: undefined }] = messages;
  const { tools } = result as { readonly tools: readonly { readonly name: string }[] };
  const names = tools.map(({ name }) => name);
  expect([code, names.includes("fs_read"), names.includes("fs_write"), names.includes("fs_search")]).toEqual([
    0,
    true,
    false,
    false,
  ]);
});

test("it works where the path of the data directory has letters that a WebSocket's address cannot say", async () => {
  const folder = mkdtempSync(join(tmpdir(), "op odd: é-"));
  symlinkSync(dirname(node.socket), join(folder, "d"));
  const { messages } = await commanded(join(folder, "d"), { as: ["bot"] }, list);
  expect(messages).toHaveLength(1);
  rmSync(folder, { recursive: true });
});

test("it says what to do when there is no node and none is to be started", async () => {
  const none = mkdtempSync(join(tmpdir(), "op-"));
  await expect(commanded(none, { "no-start": [] }, list)).rejects.toThrow(
    'start one with "operone up --detach"',
  );
  rmSync(none, { recursive: true });
});
