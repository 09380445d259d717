/** What an agent can do with its tools. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suiteModules } from "./conformance/suite-module.ts";
import { type Connection, connect, textOf } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";

let node: McpNode;
let agent: Connection;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
  agent = await connect(node.socket, { as: "bot" });
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});
beforeEach(() => {
  rmSync(node.work, { recursive: true, force: true });
  mkdirSync(node.work);
});

const file = (name: string) => join(node.work, name);

describe("an agent", () => {
  test("reads a file, and is told where to go on", async () => {
    writeFileSync(file("a.txt"), "one\ntwo\nthree\n");
    expect(textOf(await agent.call("read_text_file", { path: file("a.txt") }))).toBe("one\ntwo\nthree\n");
    expect(textOf(await agent.call("read_text_file", { path: file("a.txt"), head: 2 }))).toBe(
      "one\ntwo\n[There is more: read on with fromLine 3]",
    );
    expect(textOf(await agent.call("read_text_file", { path: file("a.txt"), tail: 1 }))).toBe("three\n");
  });

  test("writes a file, and sees the difference first when it asks for that", async () => {
    const path = file("b.txt");
    await agent.call("write_file", { path, content: "one\ntwo\n" });
    const shown = await agent.call("write_file", { path, content: "one\ndrei\n", dryRun: true });
    expect(textOf(shown)).toContain("-two\n+drei\n");
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    const edit = { path, edits: [{ oldText: "two", newText: "zwei" }] };
    expect(textOf(await agent.call("edit_file", { ...edit, dryRun: true }))).toContain("-two\n+zwei\n");
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect(textOf(await agent.call("edit_file", edit))).toContain("-two\n+zwei\n");
    expect(readFileSync(path, "utf8")).toBe("one\nzwei\n");
  });

  test("lists, finds by name and searches", async () => {
    writeFileSync(file("a.md"), "needle\n");
    mkdirSync(file("deep"));
    writeFileSync(file("deep/b.md"), "hay\n");
    expect(textOf(await agent.call("list_directory", { path: node.work }))).toContain("a.md");
    const found = textOf(await agent.call("search_files", { path: node.work, pattern: "**/*.md" }));
    expect(found).toBe(`${file("a.md")}\n${file("deep/b.md")}\n`);
    expect(textOf(await agent.call("grep", { path: node.work, pattern: "need.e", glob: "*.md" }))).toBe(
      `${file("a.md")}:1:needle\n`,
    );
    expect(textOf(await agent.call("grep", { path: node.work, pattern: "gold" }))).toBe("Nothing was found");
  });

  test("finds a tool, looks at it and calls it by either of its names", async () => {
    writeFileSync(file("a.txt"), "hello\n");
    expect(textOf(await agent.call("search_tools", { query: "hash of a file" }))).toStartWith("fs_hash: ");
    const details = JSON.parse(textOf(await agent.call("get_tool_details", { name: "fs_hash" })));
    expect(details.inputSchema.properties.algorithm.enum).toContain("sha256");
    for (const name of ["fs_hash", "fs.hash"]) {
      const hashed = await agent.call("call_tool", {
        name,
        arguments: { path: file("a.txt"), algorithm: "md5" },
      });
      expect(hashed.structuredContent).toMatchObject({ hash: "b1946ac92492d2347c6235b4d2611184" });
    }
    expect(textOf(await agent.call("search_tools", { query: "zzzz" }))).toContain(
      "an empty query lists every",
    );
    expect(textOf(await agent.call("search_tools"))).toContain("fs_hash: ");
  });

  test("calls a node by its name, and is told which names there are no nodes of", async () => {
    writeFileSync(file("a.txt"), "hello\n");
    const here = await agent.call("read_text_file", { path: file("a.txt"), node: "here" });
    expect(textOf(here)).toBe("hello\n");
    const nowhere = await agent.call("read_text_file", { path: file("a.txt"), node: "there" });
    expect(nowhere.isError).toBe(true);
  });
});

describe("a command", () => {
  // Confined ones need the sandbox; tests/binary has them.
  const profile = "unconfined";

  test("gives its output and how it ended", async () => {
    const command = "echo out; echo err >&2; exit 3";
    const text = textOf(await agent.call("run_command", { command, profile }));
    expect([text.includes("out\n"), text.includes("err\n"), text.endsWith("[Exit code 3]")]).toEqual([
      true,
      true,
      true,
    ]);
    expect(textOf(await agent.call("run_command", { command: "true", profile }))).toBe(
      "Done, without output",
    );
  });

  test("goes on as a session, which is read and typed into", async () => {
    const started = textOf(
      await agent.call("start_process", { command: "echo hi; read x; echo got $x", profile }),
    );
    const session = /Session (\w+);/.exec(started)?.[1] ?? "";
    const first = textOf(await agent.call("read_process_output", { session, waitMs: 10_000 }));
    expect(first).toMatch(/^hi\n\[Still running; go on from cursor 3\]$/);
    await agent.call("interact_with_process", { session, input: "me\n" });
    await agent.call("shell_wait", { session });
    expect(textOf(await agent.call("read_process_output", { session, cursor: 3 }))).toBe(
      "got me\n[Ended: 0]",
    );
    await agent.call("shell_remove", { session });
  });
});

describe("what an operation tells agents", () => {
  test("is text, images, sounds and resources, as it says", async () => {
    await using other = await mcpNode({}, suiteModules());
    await other.agent("bot");
    await using connection = await connect(other.socket, { as: "bot" });
    const types = async (name: string) =>
      ((await connection.call(name)).content as readonly { readonly type: string }[]).map(({ type }) => type);
    expect(await types("test_multiple_content_types")).toEqual(["text", "image", "resource"]);
    expect(await types("test_audio_content")).toEqual(["audio"]);
  });
});

describe("an answer", () => {
  test("has what its schema says as structured content, and the same as text", async () => {
    const { structuredContent, content } = await agent.call("probe_items", { to: 3 });
    expect(structuredContent).toEqual({ items: [{ n: 1 }, { n: 2 }, { n: 3 }] });
    expect(content).toEqual([{ type: "text", text: "n=1\nn=2\nn=3\n" }]);
    const value = await agent.call("probe_echo", { value: [1, "x"] });
    expect(value.structuredContent).toEqual({ value: [1, "x"] });
  });

  test("of many items has the first, the last and how many are left out", async () => {
    const { structuredContent, content } = await agent.call("probe_items", { to: 1_500 });
    const { items, leftOut } = structuredContent as { items: { n: number }[]; leftOut: number };
    expect([items.length, leftOut, items[0]?.n, items.at(-1)?.n]).toEqual([1_016, 484, 1, 1_500]);
    expect(JSON.stringify(content)).toContain("484 pieces in between are left out");
  });

  test("of bytes is text, an image, or a resource", async () => {
    const bytes = async (mediaType: string, given: object) =>
      (await agent.call("probe_bytes", { mediaType, ...given })).content;
    expect(await bytes("text/plain", { bodyText: "hé" })).toEqual([{ type: "text", text: "hé" }]);
    const bodyBase64 = Buffer.from([0xff, 0xfe, 0x00]).toString("base64");
    expect(await bytes("image/png", { bodyBase64 })).toEqual([
      { type: "image", data: bodyBase64, mimeType: "image/png" },
    ]);
    expect(await bytes("audio/wav", { bodyBase64 })).toEqual([
      { type: "audio", data: bodyBase64, mimeType: "audio/wav" },
    ]);
    expect(await bytes("application/x-odd", { bodyBase64 })).toEqual([
      {
        type: "resource",
        resource: { uri: "operone:probe.bytes/a%20b", mimeType: "application/x-odd", blob: bodyBase64 },
      },
    ]);
  });

  test("that is too large is refused with what to do, or cut", async () => {
    const bodyText = "x".repeat(1_100_000);
    const { isError, content } = await agent.call("probe_bytes", { mediaType: "text/plain", bodyText });
    expect(isError).toBe(true);
    expect(JSON.stringify(content)).toContain("read a part of it");
    expect(textOf(await agent.call("probe_big", { length: 2_000_000 }))).toEndWith("[The rest is left out]");
  });

  test("tells a failure with its code, and of a defect nothing of the inside", async () => {
    const missing = await agent.call("read_text_file", { path: file("none") });
    expect(missing).toMatchObject({ isError: true, _meta: { "operone/error": { code: "not_found" } } });
    const wrong = await agent.call("read_text_file", { pat: "x" });
    expect(textOf(wrong)).toContain('did you mean "path"?');
    const fault = await agent.call("probe_fault");
    expect(fault).toMatchObject({ isError: true, _meta: { "operone/error": { code: "internal" } } });
    expect(JSON.stringify(fault)).not.toContain("secret text");
  });
});

describe("progress", () => {
  test("is told to whoever asks for it, and rises", async () => {
    const progressToken = "p1";
    await agent.request("tools/call", {
      name: "probe_items",
      arguments: { to: 5 },
      _meta: { progressToken },
    });
    const told = agent.messages
      .filter(({ method }) => method === "notifications/progress")
      .map(({ params }) => (params as { readonly progress: number }).progress);
    expect(told.length).toBeGreaterThan(0);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });
});

test("more words than a tool is looked for by are refused, for each is looked for in each tool", async () => {
  const refused = await agent.call("search_tools", { query: "a ".repeat(501) });
  expect([refused.isError, textOf(refused)]).toEqual([true, expect.stringContaining("may have 1000")]);
});

describe("arguments that make no sense", () => {
  test.each([
    ["call_tool", { name: "probe_echo", arguments: [1] }, "must be an object"],
    ["call_tool", { name: "search_tools" }, "is called by itself"],
    ["call_tool", { name: 1 }, 'needs "name"'],
    ["get_tool_details", {}, 'needs "name"'],
    ["get_tool_details", { name: "fs_raed" }, 'did you mean "fs_read"'],
    ["probe_echo", { value: 1, node: "here" }, "leave node out"],
    ["read_text_file", { path: "/a", node: 7 }, "must be a node's name"],
    ["read_text_file", { path: "/a", head: 1, lines: 1 }, "under two names"],
    ["probe_bytes", { mediaType: "a", bodyText: "a", bodyBase64: "a" }, "give one of them"],
    ["probe_bytes", { mediaType: "a", bodyBase64: "?" }, "is no base64"],
    ["probe_bytes", { mediaType: "a", bodyText: 1 }, "must be a string"],
    ["write_file", { path: "/no-such-folder/a" }, 'needs "content"'],
  ])("of %s are refused with what is right: %o", async (name, given, words) => {
    const refused = await agent.call(name, given);
    expect([refused.isError, textOf(refused)]).toEqual([true, expect.stringContaining(words)]);
  });
});
