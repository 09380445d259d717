/** `operone mcp` of the compiled file, as an agent's program starts it. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { cleanUp, eventually, folder, run, startNode } from "./node.ts";
import { binary } from "./subject.ts";

afterAll(cleanUp);

const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`;
const call = (id: number, name: string, args: object) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } })}\n`;

/** As a client's configuration would start it, and what it says. */
async function started(argv: readonly string[], directory: string) {
  const child = Bun.spawn([await binary(), "mcp", "--data", directory, ...argv], {
    ...{ stdin: "pipe", stdout: "pipe", stderr: "pipe" },
    env: { PATH: process.env.PATH ?? "", HOME: directory },
  });
  const reader = child.stdout.getReader();
  let text = "";
  return {
    child,
    errors: new Response(child.stderr).text(),
    write(line: string) {
      child.stdin.write(line);
      return child.stdin.flush();
    },
    async line(): Promise<unknown> {
      for (;;) {
        const end = text.indexOf("\n");
        if (end >= 0) {
          const line = text.slice(0, end);
          text = text.slice(end + 1);
          return JSON.parse(line);
        }
        const { done, value } = await reader.read();
        if (done) return undefined;
        text += new TextDecoder().decode(value);
      }
    },
  };
}

test("it starts a node when none runs, says so to people, and stdout has the protocol alone", async () => {
  const directory = folder();
  const settings = join(directory, "config.toml");
  await Bun.write(settings, "[http]\nport = 0\n");
  const first = await run(["mcp", "--data", directory], { stdin: `${ping(1)}${ping(2)}` });
  expect([first.code, first.stdout]).toEqual([
    0,
    '{"result":{},"jsonrpc":"2.0","id":1}\n{"result":{},"jsonrpc":"2.0","id":2}\n',
  ]);
  expect(first.stderr).toContain("started a node");
  const second = await run(["mcp", "--data", directory], { stdin: `nonsense\n${ping(3)}` });
  expect(second.stderr).toBe("");
  const lines = second.stdout.trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { readonly id: unknown }).id)).toEqual([null, 3]);
  await run(["down", "--data", directory]);
});

test("it starts none when that is not wanted, and says what to do", async () => {
  const refused = await run(["mcp", "--no-start", "--data", folder()], { stdin: ping(1) });
  expect([refused.code, refused.stdout, refused.stderr]).toEqual([
    15,
    "",
    expect.stringContaining('start one with "operone up --detach"'),
  ]);
});

test("the official client lists, writes and reads as the agent that it names, and no more", async () => {
  await using files = { path: folder("w"), async [Symbol.asyncDispose]() {} };
  const node = await startNode();
  const grant = `fs.read={"paths":["${files.path}"]}`;
  await node.run([
    "token",
    "create",
    "bot",
    "--agent",
    "--grant",
    grant,
    "--grant",
    grant.replace("read", "write"),
  ]);
  const client = new Client({ name: "test", version: "1" });
  const transport = new StdioClientTransport({
    command: await binary(),
    args: ["mcp", "--as", "bot", "--data", node.directory],
    stderr: "ignore",
  });
  await client.connect(transport);
  const names = (await client.listTools()).tools.map(({ name }) => name);
  expect(names).toContain("write_file");
  expect(names).not.toContain("run_command");
  const path = join(files.path, "a.txt");
  await client.callTool({ name: "write_file", arguments: { path, content: "hello\n" } });
  const { content } = await client.callTool({ name: "read_text_file", arguments: { path } });
  expect(content).toEqual([{ type: "text", text: "hello\n" }]);
  const outside = await client.callTool({ name: "read_text_file", arguments: { path: "/etc/hosts" } });
  expect(outside.isError).toBe(true);
  await client.close();
  await node.stop();
});

test("an agent that there is not is refused in a sentence, and nothing comes by stdout", async () => {
  const node = await startNode();
  const refused = await node.run(["mcp", "--as", "nobody"], { stdin: ping(1) });
  expect([refused.code, refused.stdout]).toEqual([5, ""]);
  expect(refused.stderr).toContain('There is no agent "nobody"');
  const wrong = await node.run(["mcp", "--tools", "flies"], { stdin: ping(1) });
  expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([2, "", expect.stringContaining("did you mean")]);
  await node.stop();
});

test("it ends when the node does, and says what leads back", async () => {
  const node = await startNode();
  const bridge = await started([], node.directory);
  await bridge.write(ping(1));
  expect(await bridge.line()).toMatchObject({ id: 1 });
  await node.stop();
  expect(await bridge.line()).toBeUndefined();
  expect(await bridge.child.exited).toBe(15);
  expect(await bridge.errors).toContain("operone");
});

test("when it is killed, what its agent had running ends", async () => {
  const node = await startNode();
  const bridge = await started(["--as", "bot"], node.directory).then(async (one) => {
    one.child.kill();
    await one.child.exited;
    await node.run([
      "token",
      "create",
      "bot",
      "--agent",
      "--grant",
      "shell.unconfined=*",
      "--accept-warnings",
    ]);
    return await started(["--as", "bot"], node.directory);
  });
  const input = { name: "shell_run", arguments: { argv: ["sleep", "1000"], profile: "unconfined" } };
  await bridge.write(call(1, "call_tool", input));
  await bridge.write(ping(2));
  expect(await bridge.line()).toMatchObject({ id: 2 });
  const running = async () => {
    const status = await node.call("node.status");
    return ((await status.json()) as { readonly callsInFlight: number }).callsInFlight;
  };
  // The call that asks counts, too.
  await eventually(async () => (await running()) === 2);
  bridge.child.kill("SIGKILL");
  await eventually(async () => (await running()) === 1);
  await node.stop();
});
