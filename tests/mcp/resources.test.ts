/** Resources, prompts and completions, over both transports and both eras of the protocol. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { BridgeTransport } from "./pipes.ts";

let node: McpNode;
let tokens: Record<"bot" | "narrow", string>;
beforeAll(async () => {
  node = await mcpNode();
  mkdirSync(join(node.work, "open"));
  mkdirSync(join(node.work, "closed"));
  for (const folder of ["open", "closed"]) writeFileSync(join(node.work, folder, "a b.txt"), "hello\n");
  writeFileSync(join(node.work, "open", "bytes"), Buffer.from([0, 255, 1]));
  const grants = [{ permission: "fs.read", scope: { paths: [`${node.work}/open`] }, decision: "allow" }];
  tokens = { bot: await node.agent("bot"), narrow: await node.agent("narrow", grants) };
});
afterAll(() => node[Symbol.asyncDispose]());

/** Lets the node do what it has to do. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

type Agent = keyof typeof tokens;
type Mode = "auto" | "legacy";

const about = { name: "test", version: "1" };

/** One client, and what it was told of. */
async function client(agent: Agent, by: "http" | "stdio", mode: Mode) {
  const updates: string[] = [];
  const heard = new Set<() => void>();
  const made = new Client(about, { versionNegotiation: { mode } });
  made.setNotificationHandler("notifications/resources/updated", ({ params }) => {
    updates.push(params.uri);
    for (const look of heard) look();
  });
  const requestInit = { headers: { authorization: `Bearer ${tokens[agent]}` } };
  await made.connect(
    by === "http"
      ? new StreamableHTTPClientTransport(new URL(node.url), { requestInit })
      : new BridgeTransport<JSONRPCMessage>(node.socket, agent),
  );
  return {
    client: made,
    updates,
    update: (uri: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (updates.includes(uri)) resolve();
        };
        heard.add(look);
        look();
      }),
    [Symbol.asyncDispose]: () => made.close(),
  };
}

const uri = (kind: "files" | "tree", ...path: string[]) =>
  `operone://here/${kind}${[node.work, ...path].join("/").replaceAll(" ", "%20")}`;

const doors = [
  ["http", "auto"],
  ["http", "legacy"],
  ["stdio", "auto"],
  ["stdio", "legacy"],
] as const;

for (const [by, mode] of doors) {
  describe(`over ${by}, ${mode === "auto" ? "newest revision" : "older revision"}`, () => {
    test("files are read as text or bytes, and directories as trees", async () => {
      await using one = await client("bot", by, mode);
      const file = await one.client.readResource({ uri: uri("files", "open", "a b.txt") });
      expect(file.contents).toMatchObject([
        { text: "hello\n", mimeType: expect.stringMatching(/^text\/plain/) },
      ]);
      const bytes = await one.client.readResource({ uri: uri("files", "open", "bytes") });
      expect(bytes.contents).toMatchObject([{ blob: Buffer.from([0, 255, 1]).toString("base64") }]);
      const tree = await one.client.readResource({ uri: uri("tree", "open") });
      expect(JSON.stringify(tree.contents)).toContain("a b.txt");
      expect(tree.contents).toMatchObject([{ mimeType: "application/json" }]);
    });

    test("what there is not, and what the agent must not read, is an error that says so", async () => {
      await using one = await client("narrow", by, mode);
      await one.client.readResource({ uri: uri("files", "open", "a b.txt") });
      for (const [which, words] of [
        [uri("files", "closed", "a b.txt"), /may not|not allowed|fs\.read/],
        [uri("files", "open", "none"), /nothing at/],
        ["operone://here/status", /no resource/],
        ["operone://here/nothing", /no resource/],
        ["operone:///files/etc/hosts", /no resource/],
        ["file:///etc/hosts", /no resource/],
        ["operone://here/files/%", /no resource/],
        [`operone://no-such-node${node.work}`, /no resource/],
      ] as const)
        await expect(one.client.readResource({ uri: which })).rejects.toThrow(words);
    });

    test("an agent is told of a change in what it subscribed to, and of nothing else", async () => {
      await using one = await client("bot", by, mode);
      const watched = join(node.work, "open", `watched-${by}-${mode}`);
      writeFileSync(watched, "1");
      const [mine, other] = [uri("files", "open", `watched-${by}-${mode}`), uri("files", "open", "a b.txt")];
      const stop = await subscribe(one.client, mode, [mine]);
      appendFileSync(watched, "2");
      await one.update(mine);
      expect(one.updates).not.toContain(other);
      await stop();
    });

    test("nobody is told of what it must not read", async () => {
      await using all = await client("bot", by, mode);
      await using narrow = await client("narrow", by, mode);
      const secret = `secret-${by}-${mode}`;
      const allowed = `allowed-${by}-${mode}`;
      for (const [folder, name] of [
        ["closed", secret],
        ["open", allowed],
      ] as const)
        writeFileSync(join(node.work, folder, name), "1");
      const [shut, open] = [uri("files", "closed", secret), uri("files", "open", allowed)];
      await subscribe(all.client, mode, [shut]);
      await subscribe(narrow.client, mode, mode === "auto" ? [shut, open] : [open]);
      if (mode === "legacy") await expect(narrow.client.subscribeResource({ uri: shut })).rejects.toThrow();
      appendFileSync(join(node.work, "closed", secret), "2");
      await all.update(shut);
      appendFileSync(join(node.work, "open", allowed), "2");
      await narrow.update(open);
      expect(narrow.updates).not.toContain(shut);
    });
  });
}

/** Gives what ends it. */
async function subscribe(made: Client, mode: Mode, uris: readonly string[]): Promise<() => Promise<unknown>> {
  if (mode === "legacy") {
    for (const one of uris) await made.subscribeResource({ uri: one });
    return () => Promise.all(uris.map((one) => made.unsubscribeResource({ uri: one })));
  }
  const subscription = await made.listen({ resourceSubscriptions: [...uris] });
  return () => subscription.close();
}

test("lists have a stable order, and hold what the agent may read alone", async () => {
  await using all = await client("bot", "stdio", "auto");
  const first = await all.client.listResources();
  expect(first.resources.map((one) => one.uri)).toContain("operone://here/status");
  expect((await all.client.listResources()).resources).toEqual(first.resources);
  const templates = (await all.client.listResourceTemplates()).resourceTemplates.map(
    (one) => one.uriTemplate,
  );
  expect(templates).toContain("operone://{node}/files{+path}");
  expect(templates).toContain("operone://{node}/processes/{session}/output");
  await using narrow = await client("narrow", "stdio", "auto");
  expect((await narrow.client.listResources()).resources).toEqual([]);
  const few = (await narrow.client.listResourceTemplates()).resourceTemplates.map((one) => one.name);
  expect(few).toEqual(["file", "tree"]);
});

test("output of a process is listed, and read while it runs", async () => {
  await using one = await client("bot", "stdio", "auto");
  const started = await node.owner("shell.start", { argv: ["true"], profile: "unconfined" });
  expect(started).toMatchObject({ id: expect.any(String) });
  // Sessions of others are nobody else's.
  const { resources } = await one.client.listResources();
  expect(resources.filter(({ uri: which }) => which.includes("/processes/"))).toEqual([]);
});

test("paths, nodes and arguments are completed, with what the agent may see", async () => {
  await using one = await client("narrow", "stdio", "auto");
  const files = { type: "ref/resource", uri: "operone://{node}/files{+path}" } as const;
  const typed = async (name: string, value: string) =>
    (await one.client.complete({ ref: files, argument: { name, value } })).completion.values;
  expect(await typed("path", `${node.work}/open/a `)).toEqual([`${node.work}/open/a b.txt`]);
  expect(await typed("path", `${node.work}/closed/`)).toEqual([]);
  expect(await typed("path", "relative")).toEqual([]);
  expect(await typed("node", "he")).toEqual(["here"]);
  const prompt = { type: "ref/prompt", name: "explain-file" } as const;
  const value = `${node.work}/open/b`;
  const { completion } = await one.client.complete({ ref: prompt, argument: { name: "path", value } });
  expect(completion.values).toEqual([`${node.work}/open/bytes`]);
  const unknown = { type: "ref/prompt", name: "none" } as const;
  await expect(one.client.complete({ ref: unknown, argument: { name: "a", value: "" } })).rejects.toThrow(
    /none/,
  );
});

test("prompts are for those who may do what they speak of, and say what they need", async () => {
  await using all = await client("bot", "stdio", "auto");
  await using narrow = await client("narrow", "stdio", "auto");
  const names = async (one: Client) => (await one.listPrompts()).prompts.map(({ name }) => name);
  expect(await names(all.client)).toEqual([
    "check-machines",
    "explain-file",
    "explain-process",
    "find-file",
    "probe-ask",
    "try-first",
  ]);
  expect(await names(narrow.client)).toEqual(["explain-file", "find-file"]);
  const asked = await all.client.getPrompt({ name: "explain-file", arguments: { path: "/a" } });
  expect(JSON.stringify(asked.messages)).toContain('\\"/a\\"');
  await expect(all.client.getPrompt({ name: "explain-file" })).rejects.toThrow(/needs "path"/);
  await expect(
    all.client.getPrompt({ name: "explain-file", arguments: { path: "/a", more: "" } }),
  ).rejects.toThrow(/"more"/);
  await expect(narrow.client.getPrompt({ name: "check-machines" })).rejects.toThrow(/no prompt/);
});

test("a cursor that is none, and a file that is too large for a resource, are told of", async () => {
  await using one = await client("bot", "stdio", "auto");
  await expect(one.client.listResources({ cursor: "x" })).rejects.toThrow(/no cursor/);
  const large = join(node.work, "open", "large");
  writeFileSync(large, Buffer.alloc(5 * 1024 * 1024));
  await expect(one.client.readResource({ uri: uri("files", "open", "large") })).rejects.toThrow(/4194304/);
  renameSync(large, join(node.work, "large"));
});

test("what its module watches is promised when the watch has begun, told of when it changes, and let go of at the end", async () => {
  await using one = await client("bot", "stdio", "legacy");
  const { probed } = node;
  const watched = { uri: "probe://feed" };
  const { started, ended } = probed;
  let promised = false;
  const subscribing = one.client.subscribeResource(watched).then(() => {
    promised = true;
  });
  while (probed.started === started) await turn();
  await one.client.ping();
  expect(promised).toBe(false);
  probed.feed("ready");
  await subscribing;
  probed.feed("same");
  await one.client.ping();
  expect(one.updates).toEqual([]);
  probed.feed("changed");
  await one.update(watched.uri);
  await one.client.unsubscribeResource(watched);
  while (probed.ended === ended) await turn();
});

test("a watch that ends by itself tells of it once, and can be begun again", async () => {
  await using one = await client("bot", "stdio", "legacy");
  const { probed } = node;
  const watched = { uri: "probe://feed" };
  for (let time = 0; time < 2; time++) {
    const { started } = probed;
    const subscribing = one.client.subscribeResource(watched);
    while (probed.started === started) await turn();
    probed.feed("ready");
    await subscribing;
    probed.feed("end");
    while (one.updates.length <= time) await turn();
  }
  expect(one.updates).toEqual([watched.uri, watched.uri]);
});
