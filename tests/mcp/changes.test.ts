/** An agent hears that its lists have changed, over both transports and both eras, and of nobody else's lists. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { defineModule } from "../../src/kernel/module.ts";
import { operationsOf } from "../../src/kernel/operation.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { BridgeTransport } from "./pipes.ts";

const op = operationsOf<null>("frail");
const failure = Promise.withResolvers<void>();
const frail = defineModule({
  id: "frail",
  summary: "Fails when it is told to",
  config: v.strictObject({}),
  permissions: {},
  requires: {},
  provides: {},
  operations: [
    op({
      ...{ name: "look", summary: "Look", effect: "read", needs: ["probe.use"], surfaces: ["mcp"] },
      input: v.strictObject({}),
      output: v.null(),
      run: () => null,
    }),
  ],
  start: () => ({ state: null, services: {}, ready: failure.promise }),
});

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode({}, [frail]);
});
afterAll(() => node[Symbol.asyncDispose]());

const lists = ["tools", "prompts", "resources"] as const;
const doors = [
  ["http", "auto"],
  ["http", "legacy"],
  ["stdio", "auto"],
  ["stdio", "legacy"],
] as const;
type Door = (typeof doors)[number];

const scope = () => ({ paths: [node.work] });
const files = () => [
  { permission: "fs.read", scope: scope(), decision: "allow" },
  { permission: "fs.write", scope: scope(), decision: "allow" },
];

/** A new agent, connected, and what it was told of. */
async function agent(name: string, [by, mode]: Door, grants: object[] = files(), query = "") {
  const token = await node.agent(name, grants as never);
  const told: string[] = [];
  const heard = new Set<() => void>();
  const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  for (const list of lists) {
    made.setNotificationHandler(`notifications/${list}/list_changed`, async () => {
      told.push(list);
      for (const look of heard) look();
    });
  }
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await made.connect(
    by === "http"
      ? new StreamableHTTPClientTransport(new URL(`${node.url}${query}`), { requestInit })
      : new BridgeTransport<JSONRPCMessage>(node.socket, name),
  );
  if (mode === "auto")
    await made.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true });
  else await made.listTools();
  return {
    ...{ name, client: made, told },
    hears: (list: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (told.includes(list)) resolve();
        };
        heard.add(look);
        look();
      }),
    [Symbol.asyncDispose]: () => made.close(),
  };
}

async function take(name: string, permission: string): Promise<void> {
  const shown = (await node.owner("access.token-show", { token: name })) as {
    readonly grants: readonly { readonly id: string; readonly permission: string }[];
  };
  const grant = shown.grants.find((one) => one.permission === permission)?.id;
  await node.owner("access.grant-revoke", { token: name, grant });
}

for (const door of doors) {
  const [by, mode] = door;
  describe(`over ${by}, ${mode === "auto" ? "newest revision" : "older revision"}`, () => {
    test("an agent that has lost a right hears which of its lists changed, and another agent hears nothing", async () => {
      await using loser = await agent(`loser-${by}-${mode}`, door);
      await using other = await agent(`other-${by}-${mode}`, door);
      await take(loser.name, "fs.write");
      await loser.hears("tools");
      const names = (await loser.client.listTools()).tools.map(({ name }) => name);
      expect(names).not.toContain("write_file");
      expect(names).toContain("read_text_file");
      expect([loser.told, other.told]).toEqual([["tools"], []]);
      await take(other.name, "fs.read");
      await Promise.all([other.hears("tools"), other.hears("prompts"), other.hears("resources")]);
      expect(loser.told).toEqual(["tools"]);
    });
  });
}

test("an agent hears of a module that fails if it had its tools in the list, and of no tool that it never saw", async () => {
  const grants = [{ permission: "probe.use", scope: "*", decision: "allow" }];
  await using all = await agent("all", ["http", "auto"], grants, "?list=all");
  await using short = await agent("short", ["http", "auto"], grants);
  await using none = await agent("none", ["http", "auto"], files(), "?list=all");
  expect((await all.client.listTools()).tools.map(({ name }) => name)).toContain("frail_look");
  failure.reject(new OperoneError("unavailable", "It was told to"));
  await all.hears("tools");
  expect((await all.client.listTools()).tools.map(({ name }) => name)).not.toContain("frail_look");
  const call = await all.client.callTool({ name: "frail_look", arguments: {} });
  expect(JSON.stringify(call)).toContain("unavailable");
  for (const one of [short, none]) await take(one.name, one === short ? "probe.use" : "fs.write");
  await none.hears("tools");
  expect(none.told).toEqual(["tools"]);
  expect(short.told).not.toContain("tools");
});

test("whoever looks for changes leaves nothing in the audit", async () => {
  await using one = await agent("quiet", ["stdio", "legacy"]);
  await take("quiet", "fs.write");
  await one.hears("tools");
  const records = JSON.stringify(await node.owner("access.audit-list", { caller: "quiet" }));
  expect(records).not.toContain("networking.nodes");
});
