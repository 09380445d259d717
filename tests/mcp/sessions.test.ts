/** Sessions of older revisions over HTTP: bounded, owned, and forgotten. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type McpNode, mcpNode } from "./mcp-node.ts";

let node: McpNode;
let token: string;
beforeAll(async () => {
  node = await mcpNode({ sessionsPerAgentMax: 3, sessionsMax: 4, sessionIdleMs: 60_000 });
  token = await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

const initialize = {
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

interface Asked {
  readonly session?: string;
  readonly as?: string;
  readonly signal?: AbortSignal;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function post(
  body: object | string,
  { session, as = token, signal, url = node.url, headers = {} }: Asked = {},
) {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${as}`,
      ...(session === undefined ? {} : { "mcp-session-id": session }),
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify({ jsonrpc: "2.0", id: 1, ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function begin(asked: Asked = {}): Promise<string> {
  const response = await post(initialize, asked);
  await response.text();
  return response.headers.get("mcp-session-id") ?? `none: ${response.status}`;
}

const ping = { method: "ping" };

async function end(session: string, as = token): Promise<void> {
  const headers = { authorization: `Bearer ${as}`, "mcp-session-id": session };
  await fetch(node.url, { method: "DELETE", headers });
}

/** Lets the node do what it has to do. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a session", () => {
  test("answers until it is ended, and then there is none", async () => {
    const session = await begin();
    expect((await post(ping, { session })).status).toBe(200);
    await end(session);
    const gone = await post(ping, { session });
    expect([gone.status, await gone.text()]).toEqual([404, expect.stringContaining("send initialize")]);
  });

  test("is there for the agent that began it alone, and looks to others like none", async () => {
    const session = await begin();
    const other = await node.agent("other");
    const foreign = await post(ping, { session, as: other });
    const none = await post(ping, { session: "none", as: other });
    expect([foreign.status, await foreign.text()]).toEqual([none.status, await none.text()]);
    await end(session);
  });

  test("of an agent whose token is revoked ends with it", async () => {
    const short = await node.agent("short");
    const session = await begin({ as: short });
    await node.owner("access.token-revoke", { token: "short" });
    expect((await post(ping, { session, as: short })).status).toBe(401);
    const { connections } = (await node.owner("mcp.connections")) as { connections: { agent: string }[] };
    expect(connections.map(({ agent }) => agent)).not.toContain("short");
  });

  test("makes room for a newer one of its agent when it was used least lately, unless something runs in it", async () => {
    const sessions = [await begin(), await begin(), await begin()];
    const [first = "", second = ""] = sessions;
    const before = node.probed.started;
    const controller = new AbortController();
    const hang = { method: "tools/call", params: { name: "probe_hang", arguments: {} } };
    const hanging = post(hang, { session: first, signal: controller.signal });
    while (node.probed.started === before) await turn();
    const newest = await begin();
    expect((await post(ping, { session: second })).status).toBe(404);
    const { ended } = node.probed;
    controller.abort();
    await hanging.then((response) => response.text()).catch(() => {});
    while (node.probed.ended === ended) await turn();
    for (const session of [first, ...sessions.slice(2), newest]) await end(session);
  });

  test("is refused when every one of its agent is in use", async () => {
    const controller = new AbortController();
    const open: Promise<Response>[] = [];
    for (let at = 0; at < 3; at++) {
      const session = await begin();
      const headers = {
        authorization: `Bearer ${token}`,
        "mcp-session-id": session,
        accept: "text/event-stream",
      };
      open.push(fetch(node.url, { headers, signal: controller.signal }));
    }
    await Promise.all(open);
    const refused = await post(initialize);
    expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("DELETE")]);
    const other = await node.agent("third");
    const theirs = await begin({ as: other });
    expect(theirs).not.toStartWith("none");
    controller.abort();
  });
});

test("a session has no more calls running than it may, however many come in one request", async () => {
  const lists = await node.agent("lists");
  const session = await begin({ as: lists });
  const { started, ended } = node.probed;
  const controller = new AbortController();
  const params = { name: "probe_hang", arguments: {} };
  const batch = (first: number) =>
    JSON.stringify(
      Array.from({ length: 100 }, (_, at) => ({
        ...{ jsonrpc: "2.0", id: first + at, method: "tools/call", params },
      })),
    );
  const asked = { session, as: lists, signal: controller.signal };
  await post(batch(0), asked);
  const { body } = await post(batch(100), asked);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.split("128 calls of yours have not ended yet").length > 72) break;
  }
  expect(node.probed.started - started).toBe(128);
  controller.abort();
  await end(session, lists);
  while (node.probed.ended - ended < 128) await turn();
});

describe("a beginning that is refused", () => {
  const count = async () =>
    ((await node.owner("mcp.connections")) as { readonly connections: unknown[] }).connections.length;

  test.each([
    ["because it accepts no answer", initialize, { accept: "application/json" }, 406],
    [
      "because it has company",
      [
        { jsonrpc: "2.0", id: 1, ...initialize },
        { jsonrpc: "2.0", id: 2, ...ping },
      ],
      {},
      400,
    ],
  ])("leaves no session behind: %s", async (what, body, headers, status) => {
    const as = await node.agent(what.replaceAll(" ", "-"));
    const before = await count();
    const text = Array.isArray(body) ? JSON.stringify(body) : body;
    for (let at = 0; at < 5; at++) {
      const refused = await post(text, { headers, as });
      expect([refused.status, refused.headers.get("mcp-session-id")]).toEqual([status, null]);
      await refused.text();
    }
    expect(await count()).toBe(before);
  });

  test("leaves none behind either for an agent that there is not", async () => {
    const before = await count();
    const refused = await fetch("http://operone/mcp", {
      ...{
        unix: node.socket,
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, ...initialize }),
      },
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "operone-agent": "nobody",
      },
    });
    expect([refused.status, await refused.text()]).toEqual([404, expect.stringContaining("nobody")]);
    expect(await count()).toBe(before);
  });
});

describe("a request over HTTP", () => {
  test.each([
    ["without a session", ping, {}, 400],
    ["of another media type", ping, { "content-type": "text/plain" }, 415],
    ["that is no JSON", "garbage", {}, 400],
    ["that is empty", "", {}, 400],
    ["that is too deep", `${"[".repeat(1_000)}${"]".repeat(1_000)}`, {}, 400],
    ["that is a list of nothing", "[]", {}, 400],
    ["that accepts no answer", initialize, { accept: "text/html" }, 406],
    ["of a revision that there is not", ping, { "mcp-protocol-version": "1999-01-01" }, 400],
  ])("is refused: %s", async (_what, body, headers, status) => {
    const refused = await post(body, { headers });
    expect([refused.status, (await refused.json()) as unknown]).toEqual([
      status,
      expect.objectContaining({ error: expect.anything() }),
    ]);
  });

  test("with a body that is too large is refused, and with a query that there is not", async () => {
    expect((await post(`"${"x".repeat(8_400_000)}"`)).status).toBe(413);
    const refused = await post(initialize, { url: `${node.url}?tols=files` });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("is no parameter here"),
    ]);
  });

  test("to begin a WebSocket where there is none is refused", async () => {
    const url = node.url.replace("/mcp", "/.well-known/oauth-protected-resource");
    const headers = {
      authorization: `Bearer ${token}`,
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    };
    expect((await fetch(url, { headers })).status).toBe(501);
  });
});

test("a session that is not used is forgotten", async () => {
  await using idle = await mcpNode({ sessionIdleMs: 1_000 });
  const as = await idle.agent("bot");
  const session = await begin({ as, url: idle.url });
  const count = async () =>
    ((await idle.owner("mcp.connections")) as { connections: unknown[] }).connections.length;
  expect(await count()).toBe(1);
  while ((await count()) > 0) await turn();
  expect((await post(ping, { session, as, url: idle.url })).status).toBe(404);
});
