/** Who an agent is, and what it must not reach. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, textOf } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

interface Outcome {
  readonly isError?: boolean;
  readonly content: readonly { readonly text?: string }[];
  readonly structuredContent?: { readonly caller?: object; readonly sets?: readonly object[] };
}

/** One request over HTTP, of the revision that has no sessions. */
async function post(headers: Record<string, string>, name: string, args = {}, query = ""): Promise<Response> {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  return fetch(node.url + query, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": name,
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name, arguments: args, _meta },
    }),
  });
}

async function called(
  headers: Record<string, string>,
  name: string,
  args = {},
  query = "",
): Promise<Outcome> {
  const { result } = (await (await post(headers, name, args, query)).json()) as { readonly result: Outcome };
  return result;
}

describe("the owner", () => {
  test("is nobody on this door: through the socket a program is the agent that it names", async () => {
    await using agent = await connect(node.socket, { as: "bot" });
    const who = await agent.call("call_tool", { name: "access_whoami" });
    expect(who.structuredContent).toMatchObject({
      caller: { kind: "agent", name: "bot" },
      sets: [{ owner: false }],
    });
  });

  test("is nobody on this door: without a name it is an agent that may only look", async () => {
    await using agent = await connect(node.socket);
    const who = await agent.call("call_tool", { name: "access_whoami" });
    expect(who.structuredContent).toMatchObject({ caller: { kind: "agent", id: "default" } });
    expect((await agent.call("call_tool", { name: "node_version" })).isError).toBeUndefined();
    const refused = await agent.call("call_tool", { name: "fs_read", arguments: { path: "/etc/hosts" } });
    expect([refused.isError, textOf(refused)]).toEqual([true, expect.stringContaining("There is no tool")]);
  });

  test("is nobody on this door: nor with the owner's own token", async () => {
    const token = (await Bun.file(`${node.socket.replace("operone.sock", "owner.token")}`).text()).trim();
    const who = await called({ authorization: `Bearer ${token}` }, "access_whoami");
    expect(who.structuredContent).toMatchObject({ caller: { kind: "agent", id: "default" } });
    const named = await called({ authorization: `Bearer ${token}`, "operone-agent": "bot" }, "access_whoami");
    expect(named.structuredContent).toMatchObject({ caller: { kind: "agent", name: "bot" } });
  });

  test("can say what an agent without a name may do, by an agent of that name", async () => {
    await node.agent("default", [{ permission: "probe.use", decision: "allow", scope: "*" }]);
    await using agent = await connect(node.socket);
    expect((await agent.call("probe_echo", { value: 1 })).structuredContent).toEqual({ value: 1 });
    await node.owner("access.token-revoke", { token: "default" });
  });
});

describe("an operation of the owner", () => {
  test.each([
    "access_token_create",
    "access.token-create",
    "probe_owned",
    "probe.owned",
    "probe_hidden",
    "probe_talk",
  ])("is not found, whichever way it is called: %s", async (name) => {
    await using agent = await connect(node.socket, { as: "bot" });
    const direct = await agent.request("tools/call", { name, arguments: {} });
    expect(direct.error).toMatchObject({ code: -32_602 });
    const inner = await agent.call("call_tool", { name, arguments: {} });
    expect(textOf(inner)).toContain("There is no tool");
    const details = await agent.call("get_tool_details", { name });
    expect(textOf(details)).toContain("There is no tool");
    const found = await agent.call("search_tools", { query: name });
    expect(JSON.stringify(found)).not.toContain(`"${name}"`);
    expect(node.probed.reached).toEqual([]);
  });
});

describe("a token", () => {
  test("is its own agent, and cannot be another one", async () => {
    const token = await node.agent("first");
    const bearer = { authorization: `Bearer ${token}` };
    expect((await called(bearer, "access_whoami")).structuredContent).toMatchObject({
      caller: { kind: "agent", name: "first" },
    });
    const refused = await post({ ...bearer, "operone-agent": "bot" }, "access_whoami");
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain("only the owner can act as");
  });

  test("that is wrong, and none, are told where one is to be had, and nothing else", async () => {
    for (const headers of [{}, { authorization: "Bearer nonsense" }]) {
      const refused = await post(headers, "access_whoami");
      expect(refused.status).toBe(401);
      const metadata =
        /resource_metadata="([^"]+)"/.exec(refused.headers.get("www-authenticate") ?? "")?.[1] ?? "";
      const told = await (await fetch(metadata)).json();
      expect(told).toMatchObject({ resource: node.url, bearer_methods_supported: ["header"] });
    }
    const asked = await fetch(node.url.replace("/mcp", "/.well-known/oauth-protected-resource"), {
      method: "POST",
    });
    expect(asked.status).toBe(405);
  });

  test("of a foreign host or a web page is refused as everywhere", async () => {
    const token = await node.agent("second");
    const bearer = { authorization: `Bearer ${token}` };
    expect((await post({ ...bearer, host: "evil.example" }, "access_whoami")).status).toBe(421);
    expect((await post({ ...bearer, origin: "http://evil.example" }, "access_whoami")).status).toBe(403);
    const page = node.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
    expect((await fetch(page, { headers: { origin: "http://evil.example" } })).status).toBe(403);
  });

  test("that is revoked ends the connections and the calls of its agent", async () => {
    await node.agent("third");
    const agent = await connect(node.socket, { as: "third" });
    const { ended } = node.probed;
    const before = node.probed.started;
    void agent.request("tools/call", { name: "probe_hang", arguments: {} }).catch(() => {});
    while (node.probed.started === before) await agent.request("ping");
    await node.owner("access.token-revoke", { token: "third" });
    expect(await agent.closed).toBe(1008);
    while (node.probed.ended === ended) await new Promise((resolve) => setImmediate(resolve));
    await expect(connect(node.socket, { as: "third" })).rejects.toThrow("It closed");
  });
});

describe("one program too many", () => {
  test("does not take the places of others", async () => {
    await using full = await mcpNode({ connectionsPerAgentMax: 2 });
    const greedy = { as: "greedy", initialize: false };
    for (const name of ["greedy", "modest"]) await full.agent(name);
    await using _first = await connect(full.socket, greedy);
    await using _second = await connect(full.socket, greedy);
    await using third = await connect(full.socket, greedy);
    await third.closed;
    expect(JSON.stringify(third.goodbyes)).toContain("raise mcp.connectionsPerAgentMax");
    await using other = await connect(full.socket, { as: "modest" });
    expect((await other.request("ping")).result).toEqual({});
  });

  test("is refused, and says so", async () => {
    await using full = await mcpNode({ connectionsMax: 1 });
    await using _first = await connect(full.socket);
    const second = await connect(full.socket, { initialize: false });
    expect(await second.closed).toBe(1008);
    expect(JSON.stringify(second.goodbyes)).toContain("raise mcp.connectionsMax");
  });
});

describe("an agent that there is not", () => {
  test("is refused with how to make it", async () => {
    const agent = await connect(node.socket, { as: "nobody", initialize: false });
    expect(await agent.closed).toBe(1008);
    expect(JSON.stringify(agent.goodbyes)).toContain('There is no agent \\"nobody\\"');
  });
});

describe("a profile", () => {
  const namesWith = async (query: string, from = node) => {
    await using agent = await connect(from.socket, { as: "bot", query });
    const { result } = await agent.request("tools/list");
    return (result as { tools: { name: string }[] }).tools.map(({ name }) => name);
  };

  test("narrows what there is, in the list and for every call", async () => {
    expect(await namesWith("?tools=files&deny=fs.write&read-only=true")).toEqual([
      ...["read_text_file", "list_directory", "search_files", "grep"],
      ...["search_tools", "get_tool_details", "call_tool"],
    ]);
    await using agent = await connect(node.socket, { as: "bot", query: "?tools=files&read-only=true" });
    for (const name of ["fs_write", "write_file", "probe_echo"])
      expect(textOf(await agent.call("call_tool", { name, arguments: {} }))).toContain("There is no tool");
  });

  test("of the node cannot be widened by that of a connection", async () => {
    await using narrow = await mcpNode({ tools: ["files"], deny: ["fs.remove"], readOnly: true });
    await narrow.agent("bot");
    expect(await namesWith("?tools=shell,files,probe&read-only=false", narrow)).toEqual([
      ...["read_text_file", "list_directory", "search_files", "grep"],
      ...["search_tools", "get_tool_details", "call_tool"],
    ]);
  });

  test("that names what there is not is refused, and says what was meant", async () => {
    for (const [query, words] of [
      ["?tools=flies", "did you mean"],
      ["?tool=files", "is no parameter here"],
      ["?read-only=maybe", "neither true nor false"],
    ] as const) {
      const agent = await connect(node.socket, { as: "bot", query, initialize: false });
      expect(await agent.closed).toBe(1008);
      expect(JSON.stringify(agent.goodbyes)).toContain(words);
    }
  });

  test("of the node that names what there is not keeps every agent out, and says why", async () => {
    await using wrong = await mcpNode({ tools: ["flies"] });
    const status = wrong.kernel.view.modules().find(({ id }) => id === "mcp");
    expect(status).toMatchObject({ state: "failed", reason: expect.stringContaining("did you mean") });
    await expect(connect(wrong.socket)).rejects.toThrow();
  });
});

describe("the audit", () => {
  test("has every call of an agent, reads and refusals too", async () => {
    await node.agent("seen", [{ permission: "fs.read", scope: { paths: [node.work] }, decision: "allow" }]);
    await using agent = await connect(node.socket, { as: "seen" });
    await agent.call("list_directory", { path: node.work });
    await agent.call("list_directory", { path: "/etc" });
    const records = (await node.owner("access.audit-list", { caller: "seen" })) as Record<string, unknown>[];
    expect(records.map(({ operation, code, surface }) => [operation, code, surface])).toEqual([
      ["fs.list", "forbidden", "mcp"],
      ["fs.list", "ok", "mcp"],
    ]);
  });
});
