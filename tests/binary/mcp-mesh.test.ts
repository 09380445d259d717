/** One agent and two nodes of the compiled file: what it does on the other one, over stdio and over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { done, meshPair } from "./mesh-node.ts";
import { cleanUp, folder, type TestNode } from "./node.ts";
import { binary } from "./subject.ts";

let a: TestNode;
let b: TestNode;
let work: string;
let token: string;
beforeAll(async () => {
  ({ a, b } = await meshPair());
  work = folder("w");
  const paths = JSON.stringify({ paths: [work] });
  const grants = [`fs.read=${paths}`, `fs.write=${paths}`, "shell.unconfined=*"].flatMap((one) => [
    "--grant",
    one,
  ]);
  const made = await done(
    a.run(["token", "create", "bot", "--agent", ...grants, "--nodes", "*", "--accept-warnings"]),
  );
  token = made.stdout.trim().split("\n")[0] ?? "";
});
afterAll(cleanUp);

interface Hand {
  call(name: string, args: Record<string, unknown>): Promise<unknown>;
  close(): Promise<void>;
}

const about = { name: "test", version: "1" };

async function overStdio(): Promise<Hand> {
  const client = new Client1(about);
  const args = ["mcp", "--as", "bot", "--data", a.directory];
  await client.connect(new StdioClientTransport({ command: await binary(), args, stderr: "ignore" }));
  return { call: (name, given) => client.callTool({ name, arguments: given }), close: () => client.close() };
}

async function overHttp(): Promise<Hand> {
  const client = new Client(about, { versionNegotiation: { mode: "auto" } });
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${a.address}/mcp`), { requestInit: { headers } }),
  );
  return { call: (name, given) => client.callTool({ name, arguments: given }), close: () => client.close() };
}

const text = (value: string) => ({ content: [{ type: "text", text: value }] });

describe.each([
  ["stdio", overStdio],
  ["HTTP", overHttp],
] as const)("an agent over %s", (way, open) => {
  test("lists, reads, edits and runs on another node, and on all of them", async () => {
    const hand = await open();
    const path = join(work, `${way}.txt`);
    writeFileSync(path, "one\ntwo\n");
    expect(await hand.call("read_text_file", { path, node: "b" })).toMatchObject(text("one\ntwo\n"));
    await hand.call("edit_file", { path, edits: [{ oldText: "two", newText: "zwei" }], node: "b" });
    expect(readFileSync(path, "utf8")).toBe("one\nzwei\n");
    const command = "pwd; exit 3";
    const ran = await hand.call("run_command", { command, cwd: work, profile: "unconfined", node: "b" });
    expect(ran).toMatchObject(text(`${work}\n[Exit code 3]`));
    const all = JSON.stringify(await hand.call("list_directory", { path: work, node: "all" }));
    expect([all.includes("[a] "), all.includes("[b] "), all.includes(`${way}.txt`)]).toEqual([
      true,
      true,
      true,
    ]);
    await hand.close();
  });

  test("does there no more than it was granted, and the audits of both know of it", async () => {
    const hand = await open();
    const outside = join(folder("o"), "x");
    const refused = await hand.call("write_file", { path: outside, content: "x", node: "b" });
    expect(refused).toMatchObject({ isError: true });
    expect(existsSync(outside)).toBe(false);
    await hand.close();
    for (const node of [a, b]) {
      const { stdout } = await done(node.run(["audit", "--operation", "fs.write"]));
      expect(stdout).toMatch(/agent bot.*forbidden/);
    }
  });
});
