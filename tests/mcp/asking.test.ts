/** Operations that ask back: the person before the client, its model, its folders. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { connect, type Message } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { modern } from "./modern.ts";
import { BridgeTransport } from "./pipes.ts";

let node: McpNode;
let token: string;
beforeAll(async () => {
  node = await mcpNode();
  token = await node.agent("bot");
  await node.agent("other");
});
afterAll(() => node[Symbol.asyncDispose]());
beforeEach(() => {
  node.probed.reached.length = 0;
});

/** Lets the node do what it has to do. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const all = { elicitation: {}, sampling: {}, roots: {} };
const name = { action: "accept", content: { name: "Ada" } } as const;
const hello = { role: "assistant", content: { type: "text", text: "hello" }, model: "m" } as const;
const folders = { roots: [{ uri: "file:///home/ada" }] };

for (const [by, mode] of [
  ["http", "auto"],
  ["http", "legacy"],
  ["stdio", "auto"],
  ["stdio", "legacy"],
] as const) {
  test(`everything can be asked over ${by}, ${mode === "auto" ? "newest" : "older"} revision, round after round`, async () => {
    const client = new Client(
      { name: "test", version: "1" },
      { capabilities: all, versionNegotiation: { mode } },
    );
    client.setRequestHandler("elicitation/create", async () => ({ ...name, content: { ...name.content } }));
    client.setRequestHandler("sampling/createMessage", async () => ({ ...hello }));
    client.setRequestHandler("roots/list", async () => folders);
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(
      by === "http"
        ? new StreamableHTTPClientTransport(new URL(node.url), { requestInit })
        : new BridgeTransport<JSONRPCMessage>(node.socket, "bot"),
    );
    const { structuredContent } = await client.callTool({ name: "probe_ask", arguments: {} });
    expect(structuredContent).toEqual({
      replies: [
        { to: "form", ...name },
        { to: "model", text: "hello" },
        { to: "folders", uris: ["file:///home/ada"] },
      ],
      can: ["form", "model", "folders"],
    });
    expect(node.probed.reached).toEqual(["asked"]);
    await client.close();
  });
}

describe("a question", () => {
  const asked = (answer: Message) => answer as Message & { readonly requestState: string };

  test("is asked again when the reply does not fit, and nothing is done meanwhile", async () => {
    await using agent = await modern(node.socket, { as: "bot" }, all);
    for (const who of [12, null, folders, hello]) {
      const again = await agent.call("probe_ask", {}, { inputResponses: { who } });
      expect(again).toMatchObject({ resultType: "input_required", inputRequests: { who: {} } });
    }
    expect(node.probed.reached).toEqual([]);
  });

  test("is put to no client that has not said that it can be asked", async () => {
    await using agent = await modern(node.socket, { as: "bot" }, {});
    expect(await agent.call("probe_ask")).toMatchObject({ error: { code: -32_021 } });
    await using older = await connect(node.socket, { as: "bot" });
    expect(await older.call("probe_ask")).toMatchObject({ isError: true });
    expect(node.probed.reached).toEqual([]);
  });

  test("has a state that nobody can make up, and that is of no use to another agent", async () => {
    await using agent = await modern(node.socket, { as: "bot" }, all);
    await using other = await modern(node.socket, { as: "other" }, all);
    const { requestState } = asked(await agent.call("probe_ask", {}, { inputResponses: { who: name } }));
    const replies = { inputResponses: { hello, where: folders } };
    const forged = `${requestState.slice(0, -4)}AAAA`;
    expect(await agent.call("probe_ask", {}, { ...replies, requestState: forged })).toHaveProperty("error");
    expect(await other.call("probe_ask", {}, { ...replies, requestState })).toHaveProperty("error");
    expect(node.probed.reached).toEqual([]);
    expect(await agent.call("probe_ask", {}, { ...replies, requestState })).toHaveProperty(
      "structuredContent",
    );
  });

  test("of a prompt is asked before it says anything", async () => {
    await using agent = await modern(node.socket, { as: "bot" }, all);
    const prompt = { name: "probe-ask" };
    expect(await agent.ask("prompts/get", prompt)).toMatchObject({
      resultType: "input_required",
      inputRequests: { who: { params: { message: "Who?" } } },
    });
    const { messages } = await agent.ask("prompts/get", { ...prompt, inputResponses: { who: name } });
    expect(messages).toMatchObject([
      { content: { type: "text", text: expect.stringContaining("Ada") } },
      { content: { type: "resource", resource: { uri: "operone://here/status" } } },
      { content: { type: "image", mimeType: "image/png" } },
    ]);
    await using older = await connect(node.socket, { as: "bot" });
    expect(await older.request("prompts/get", prompt)).toHaveProperty("error");
  });

  test("takes no reply without end", async () => {
    await using agent = await modern(node.socket, { as: "bot" }, all);
    const long = { action: "accept", content: { name: "x".repeat(100_000) } };
    const refused = await agent.call("probe_ask", {}, { inputResponses: { who: long } });
    expect(refused).toMatchObject({ isError: true });
    expect(JSON.stringify(refused)).toContain("65536 bytes");
    // Nor does the call that asked stay.
    while (node.kernel.view.callsInFlight() > 0) await turn();
  });

  test("is refused on a door that cannot ask", async () => {
    await expect(node.owner("probe.ask")).rejects.toThrow(/nobody can be asked here/);
  });
});

test("a note on the way is told as a log message to those who want one", async () => {
  await using older = await connect(node.socket, { as: "bot" });
  await older.request("logging/setLevel", { level: "info" });
  older.notify("notifications/nothing");
  const calling = older.request("tools/call", { name: "probe_hang", arguments: {} }, "h");
  const note = await older.message((one) => one.method === "notifications/message");
  expect(note.params).toMatchObject({ level: "info", data: "hanging" });
  older.notify("notifications/cancelled", { requestId: "h" });
  await Promise.race([calling, older.request("ping")]);
});
