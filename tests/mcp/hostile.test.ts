/** What a client must not bring about, whatever it sends and however it goes away. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import fc from "fast-check";
import { type Connection, connect, type Message } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

const open = (options = {}) => connect(node.socket, { as: "bot", ...options });

/** Turns of the event loop, until it holds: each asks the node for something. */
async function until(agent: Connection, holds: () => boolean): Promise<void> {
  while (!holds()) await agent.request("ping");
}

/** Starts a call that waits for its end, and gives what takes it away. */
async function hanging(agent: Connection, id: string): Promise<void> {
  const before = node.probed.started;
  void agent.request("tools/call", { name: "probe_hang", arguments: {} }, id).catch(() => {});
  await until(agent, () => node.probed.started > before);
}

const errorOf = (message: Message) => message.error as { readonly code: number; readonly message: string };

describe("what is no message", () => {
  test.each([
    ["no JSON", "garbage\n", -32_700],
    ["half of a JSON text", '{"jsonrpc":"2.0"\n', -32_700],
    ["bytes that are no UTF-8", new Uint8Array([0x22, 0xff, 0x22, 0x0a]), -32_700],
    ["a list of messages", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]\n', -32_600],
    ["another version of JSON-RPC", '{"jsonrpc":"1.0","method":"ping","params":{}}\n', -32_600],
    ["parameters that are no object", '{"jsonrpc":"2.0","method":"ping","params":3}\n', -32_600],
    ["a number", "7\n", -32_600],
    ["JSON that is too deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}\n`, -32_700],
  ])("is answered with an error, and the next is read: %s", async (_what, bytes, code) => {
    await using agent = await open();
    agent.send(bytes);
    const answer = await agent.message((one) => one.id === null);
    expect(errorOf(answer).code).toBe(code);
    expect((await agent.request("ping")).result).toEqual({});
  });

  test("is answered under its id where it has one", async () => {
    await using agent = await open();
    agent.send('{"jsonrpc":"2.0","id":"mine","method":5}\n');
    expect(errorOf(await agent.message((one) => one.id === "mine")).code).toBe(-32_600);
  });

  test("ends nothing, whatever bytes they are", async () => {
    await using agent = await open();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        agent.send(bytes);
        agent.send("\n");
        expect((await agent.request("ping")).result).toEqual({});
      }),
      { numRuns: 50 },
    );
  });

  test("is found at the same places however the bytes are cut", async () => {
    await using agent = await open();
    const text = '{"jsonrpc":"2.0","id":"whole","method":"ping","params":{"é":"…"}}\n';
    for (const byte of new TextEncoder().encode(text)) agent.send(new Uint8Array([byte]));
    expect((await agent.message(({ id }) => id === "whole")).result).toEqual({});
  });
});

describe("a request that the protocol does not know", () => {
  test("is refused as such, before and after the beginning", async () => {
    await using agent = await open({ initialize: false });
    expect(errorOf(await agent.request("no/such/method")).code).toBe(-32_601);
    await using begun = await open();
    expect(errorOf(await begun.request("no/such/method")).code).toBe(-32_601);
    expect(errorOf(await begun.request("tools/call", { name: "no_such_tool", arguments: {} })).code).toBe(
      -32_602,
    );
    expect(errorOf(await begun.request("tools/call", { arguments: {} })).code).toBe(-32_602);
  });

  test("of a revision that there is not is offered one that there is", async () => {
    await using agent = await open({ initialize: false });
    const clientInfo = { name: "x", version: "1" };
    const answer = await agent.request("initialize", {
      ...{ protocolVersion: "1999-01-01", capabilities: {}, clientInfo },
    });
    expect((answer.result as { protocolVersion: string }).protocolVersion).toBe("2025-11-25");
    await using modern = await open({ initialize: false });
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2099-01-01",
      "io.modelcontextprotocol/clientInfo": clientInfo,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const refused = await modern.request("tools/list", { _meta });
    expect(JSON.stringify(refused.error)).toContain("2026-07-28");
  });
});

describe("a message that is too large", () => {
  test("is refused, held nowhere, and the next is read", async () => {
    await using agent = await open();
    const piece = new Uint8Array(512 * 1024).fill(0x61);
    for (let at = 0; at < 20; at++) agent.send(piece);
    agent.send("\n");
    const answer = await agent.message((one) => one.id === null);
    expect(errorOf(answer).message).toContain("longer than 8388608 bytes");
    expect((await agent.request("ping")).result).toEqual({});
    expect(agent.messages.filter(({ id }) => id === null)).toHaveLength(1);
  });
});

describe("a flood", () => {
  test("of requests that hang is refused beyond a limit, and those before go on", async () => {
    await using agent = await open();
    for (let at = 0; at < 64; at++)
      void agent.request("tools/call", { name: "probe_hang", arguments: {} }, `h${at}`).catch(() => {});
    const one = await agent.request("ping", {}, "one-more");
    expect(errorOf(one)).toMatchObject({ code: -32_000, message: expect.stringContaining("wait for some") });
    agent.notify("notifications/cancelled", { requestId: "h0" });
    expect((await agent.request("ping", {}, "again")).result).toEqual({});
  });

  test("of answers that are not read is not made: the client is not read either, and cut in the end", async () => {
    const { mcpStream } = await import("../../src/surface/mcp-stream.ts");
    const { mcpSession } = await import("../../src/surface/mcp-session.ts");
    const sent: (string | Uint8Array)[] = [];
    let closed = false;
    const stream = mcpStream({
      signal: new AbortController().signal,
      session: (signal) =>
        mcpSession({
          ...{ view: node.kernel.view, version: "0", agent: "slow", profiles: [], signal },
          identity: () => ({
            caller: { kind: "agent", id: "slow", name: "slow" },
            sets: [],
            revoked: new AbortController().signal,
          }),
          limits: { waitingMax: 10 },
        }),
      ended: () => {
        closed = true;
      },
    });
    stream.opened({
      send: (frame) => sent.push(frame) === 0,
      close: () => {},
      cut: () => {},
    });
    const ping = (id: number) => new TextEncoder().encode(`{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`);
    stream.received(ping(1));
    await Promise.resolve();
    while (sent.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let id = 2; id < 12; id++) stream.received(ping(id));
    expect([sent.length, closed]).toEqual([1, false]);
    stream.received(ping(12));
    expect(closed).toBe(true);
    expect(new TextDecoder().decode(sent.at(-1) as Uint8Array)).toContain("limited");
  });
});

describe("a client that goes away in the middle", () => {
  test("leaves nothing running", async () => {
    await using other = await open();
    const { ended } = node.probed;
    const agent = await open();
    await hanging(agent, "h");
    await agent[Symbol.asyncDispose]();
    await until(other, () => node.probed.ended > ended);
    await until(other, () => node.kernel.view.callsInFlight() === 0);
  });

  test("that cancels leaves nothing running, and is not answered", async () => {
    await using agent = await open();
    const { ended } = node.probed;
    await hanging(agent, "c");
    agent.notify("notifications/cancelled", { requestId: "c", reason: "enough" });
    await until(agent, () => node.probed.ended > ended);
    expect(agent.messages.filter(({ id }) => id === "c")).toEqual([]);
  });

  test("that only closes its output gets the answers to what it asked for, and then the end", async () => {
    const agent = await open();
    const read = { name: "read_text_file", arguments: { path: import.meta.path } };
    const answers = [agent.request("ping", {}, "p1"), agent.request("tools/call", read, "p2")];
    agent.end();
    for (const answer of answers) expect((await answer).result).toBeDefined();
    expect(await agent.closed).toBe(1000);
  });

  test("leaves no connection in the list of them", async () => {
    await using agent = await open();
    const count = async () =>
      ((await node.owner("mcp.connections")) as { connections: unknown[] }).connections.length;
    const before = await count();
    const more = await open();
    expect(await count()).toBe(before + 1);
    await more[Symbol.asyncDispose]();
    while ((await count()) > before) await agent.request("ping");
  });
});

/** A client's end of a WebSocket that never reads: what is sent to it stays in the system, and then in the node. */
function deafClient(socketPath: string) {
  const socket = createConnection(socketPath);
  const frame = (text: string) => {
    const payload = new TextEncoder().encode(text);
    // RFC 6455, 5.2: a final binary frame, masked with zeros.
    const head = Buffer.alloc(8);
    head[0] = 0x82;
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
    return Buffer.concat([head, payload]);
  };
  socket.write(
    [
      "GET /mcp HTTP/1.1",
      "Host: operone",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13",
      "operone-agent: bot",
      "",
      "",
    ].join("\r\n"),
  );
  socket.pause();
  return { send: (text: string) => socket.write(frame(text)), end: () => socket.destroy() };
}

describe("a slow client", () => {
  test("does not delay another, and holds no more of the node than it may", async () => {
    await using quick = await open();
    const slow = deafClient(node.socket);
    const before = node.probed.bytes;
    const params = { name: "probe_big", arguments: { length: 1_000_000 } };
    const call = (id: number) => `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`;
    for (let id = 0; id < 200; id++) slow.send(call(id));
    await until(quick, () => node.probed.bytes > before);
    for (let at = 0; at < 200; at++) expect((await quick.request("ping")).result).toEqual({});
    // Those that were asked for before the first answer got stuck are under way; the others wait.
    expect(node.probed.bytes - before).toBeLessThanOrEqual(65 * 1_000_000);
    slow.end();
  });
});
