/** The list of tools: short, in one order, and true to the operations. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { getEncoding } from "js-tiktoken";
import { operationTable, permissionsOf } from "../../src/kernel/graph.ts";
import { inputEntries } from "../../src/kernel/operation.ts";
import { modules } from "../../src/modules.ts";
import { Catalogue, shownTool } from "../../src/surface/mcp-catalogue.ts";
import { frontTools } from "../../src/surface/mcp-front.ts";
import { connect, type Message } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";

const table = operationTable(modules, permissionsOf(modules));
/** Of the longest that a list can be: an agent that may do everything. */
const tokensMax = 1_000;

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
});
afterAll(() => node[Symbol.asyncDispose]());

async function listed(as: string | undefined, query = ""): Promise<readonly Message[]> {
  await using connection = await connect(node.socket, { query, ...(as === undefined ? {} : { as }) });
  const { result } = await connection.request("tools/list");
  return (result as { readonly tools: readonly Message[] }).tools;
}

const names = (tools: readonly Message[]) => tools.map(({ name }) => String(name));

describe("the list that every conversation pays for", () => {
  test("has less than 1,000 tokens, all of its JSON counted", async () => {
    const text = JSON.stringify(await listed("bot"));
    expect(getEncoding("o200k_base").encode(text).length).toBeLessThan(tokensMax);
  });

  test("has the verbs under the names that agents know, and three that lead to the rest", async () => {
    expect(names(await listed("bot"))).toEqual([
      ...frontTools.map(({ name }) => name),
      "search_tools",
      "get_tool_details",
      "call_tool",
    ]);
  });

  test("is the same, byte for byte, each time and on each connection", async () => {
    const first = JSON.stringify(await listed("bot"));
    for (let time = 0; time < 3; time++) expect(JSON.stringify(await listed("bot"))).toBe(first);
  });

  test("has nothing that the agent holds no right for", async () => {
    await node.agent("reader", [{ permission: "fs.read", scope: { paths: [node.work] }, decision: "allow" }]);
    expect(names(await listed("reader"))).toEqual([
      "read_text_file",
      "list_directory",
      "search_files",
      "grep",
      "search_tools",
      "get_tool_details",
      "call_tool",
    ]);
    expect(names(await listed(undefined))).toEqual(["search_tools", "get_tool_details", "call_tool"]);
  });
});

describe("every tool of the short list", () => {
  test("is an operation that agents have, and each of its arguments is in that operation's input", () => {
    for (const { name, operation: id, arguments: given } of frontTools) {
      const operation = table.get(id);
      expect([name, operation?.surfaces.includes("mcp")]).toEqual([name, true]);
      const keys = operation === undefined ? [] : Object.keys(inputEntries(operation.input) ?? {});
      for (const { key } of Object.values(given)) expect(keys).toContain(key);
    }
  });
});

describe("the whole list", () => {
  test("has every operation of the surface that takes no messages, in the order of their names", async () => {
    const tools = names(await listed("bot", "?list=all")).filter((name) => name.includes("_"));
    const expected = [...node.kernel.view.table.values()]
      .filter(
        ({ surfaces, takes, needs }) =>
          surfaces.includes("mcp") && takes !== "messages" && needs[0] !== "probe.own",
      )
      .map(({ id }) => id.replaceAll(/[.-]/g, "_"));
    expect(tools.slice(0, -3)).toEqual(expected);
  });

  test("has names that every model takes, objects as schemas, and hints that follow the effect", () => {
    for (const operation of table.values()) {
      if (!operation.surfaces.includes("mcp")) continue;
      const { name, inputSchema, outputSchema, annotations, icons } = shownTool(operation);
      expect(name).toMatch(/^[a-z0-9_]{1,64}$/);
      expect(inputSchema.type).toBe("object");
      expect(outputSchema?.type ?? "object").toBe("object");
      expect(annotations?.readOnlyHint).toBe(operation.effect === "read");
      expect(annotations?.destructiveHint).toBe(operation.effect !== "read");
      expect(icons?.[0]?.src).toStartWith("data:image/svg+xml,");
    }
  });

  test("takes a node where other nodes can be asked, and nowhere else", () => {
    for (const operation of table.values()) {
      if (!operation.surfaces.includes("mcp")) continue;
      const { inputSchema } = shownTool(operation);
      expect("node" in (inputSchema.properties ?? {})).toBe(operation.surfaces.includes("mesh"));
    }
  });
});

describe("no tool, whatever it is asked for, is", () => {
  test("an operation that only the owner may call", () => {
    const permissions = permissionsOf(modules);
    for (const { id, surfaces, needs, needsOneOf } of table.values()) {
      const owned = [...needs, ...needsOneOf].some((name) => permissions.get(name)?.ownerOnly === true);
      expect([id, owned && surfaces.includes("mcp")]).toEqual([id, false]);
    }
  });

  test("two tools of one name", () => {
    const catalogue = new Catalogue({ table, profiles: [] });
    const authority = {
      permissions: permissionsOf(modules),
      sets: [{ holder: "x", owner: true, grants: [] }],
      nowMs: Date.now,
      nodeNames: new Set<string>(),
    };
    const all = [...catalogue.front(authority), ...catalogue.whole(authority)].map(({ name }) => name);
    expect(new Set(all).size).toBe(all.length);
  });
});
