/** The pump of `operone mcp`: nothing but the protocol comes out, and it ends with a reason. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OperoneError } from "../../src/kernel/error.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { bridged, piped } from "./pipes.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`;

async function endOf(work: Promise<unknown>): Promise<OperoneError> {
  return work.then(
    () => {
      throw new Error("It ended well");
    },
    (error: OperoneError) => error,
  );
}

describe("the bridge", () => {
  test("gives the answers to all that came before the end of the input, a line each and nothing else", async () => {
    const pipes = piped();
    for (let id = 1; id <= 20; id++) pipes.input(ping(id));
    pipes.input("nonsense\n");
    pipes.input(ping(21).trimEnd());
    pipes.endInput();
    await bridged(node.socket, "bot", pipes);
    const lines = pipes.output().trimEnd().split("\n");
    const messages = lines.map(
      (line) => JSON.parse(line) as { readonly jsonrpc: string; readonly id: number | null },
    );
    expect(messages.every(({ jsonrpc }) => jsonrpc === "2.0")).toBe(true);
    expect(messages.map(({ id }) => id).filter((id) => id !== null)).toEqual(
      Array.from({ length: 21 }, (_, at) => at + 1),
    );
  });

  test("says why when the node refuses, and writes nothing", async () => {
    const pipes = piped();
    const reason = await endOf(bridged(node.socket, "nobody", pipes));
    expect([reason.code, reason.message, pipes.output()]).toEqual([
      "not_found",
      expect.stringContaining('There is no agent "nobody"'),
      "",
    ]);
  });

  test("says that the node is gone when it stops, and what leads back", async () => {
    await using other = await mcpNode();
    await other.agent("bot");
    const pipes = piped();
    pipes.input(ping(1));
    const answered = new Promise<void>((resolve) => pipes.onOutput(() => resolve()));
    const work = bridged(other.socket, "bot", pipes);
    const end = endOf(work);
    await answered;
    await other.kernel.stop();
    expect((await end).code).toMatch(/unavailable|cancelled/);
  });

  test("gives up a program that reads nothing of what it asks for", async () => {
    const pipes = piped(false);
    const call = (id: number) =>
      `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "probe_big", arguments: { length: 1_000_000 } } })}\n`;
    for (let id = 0; id < 5; id++) pipes.input(call(id));
    const work = bridged(node.socket, "bot", pipes, { unwrittenBytesMax: 1_000_000 });
    expect((await endOf(work)).code).toBe("limited");
  });
});
