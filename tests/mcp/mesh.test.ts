/** Two nodes and one agent: what it does on the one that it is connected to, it does on the other as well. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Listeners } from "../../modules/http/contract.ts";
import {
  connected,
  joinMesh,
  type MeshNode,
  removeMeshNodes,
  startMeshNode,
} from "../networking/mesh-node.ts";
import { BridgeTransport } from "./pipes.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-both-")));
const at = (name: string) => join(folder, name);
let here: MeshNode;
let there: MeshNode;
let token: string;
let url: string;
beforeAll(async () => {
  mkdirSync(at("open"));
  [here, there] = await Promise.all([startMeshNode({ name: "here" }), startMeshNode({ name: "there" })]);
  await joinMesh(there, here);
  await connected(here, there);
  const change = { peer: here.mesh().peerId, role: "admin" };
  await there.given("networking.role", change).catch((error) => {
    if (error.code !== "conflict") throw error;
  });
  await there.given("networking.allow", { role: "admin" });
  token = await here.token({
    ...{ name: "bot", agent: true, acceptWarnings: true },
    grants: [{ permission: "*", scope: "*", decision: "allow", nodes: "*" }],
  });
  const tcp = here.kernel
    .service(Listeners)
    .bound()
    .find((one) => one.kind === "tcp");
  url = `${tcp?.kind === "tcp" ? tcp.url : ""}/mcp`;
});
afterAll(async () => {
  await removeMeshNodes();
  rmSync(folder, { recursive: true });
});

async function client(by: "http" | "stdio", mode: "auto" | "legacy") {
  const updates: string[] = [];
  const heard = new Set<() => void>();
  const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
  const listen = (what: string) => {
    updates.push(what);
    for (const look of heard) look();
  };
  made.setNotificationHandler("notifications/resources/updated", ({ params }) => listen(params.uri));
  made.setNotificationHandler("notifications/resources/list_changed", () => listen("resources"));
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await made.connect(
    by === "http"
      ? new StreamableHTTPClientTransport(new URL(url), { requestInit })
      : new BridgeTransport<JSONRPCMessage>(join(here.directory, "operone.sock"), "bot"),
  );
  return {
    client: made,
    hears: (what: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (updates.includes(what)) resolve();
        };
        heard.add(look);
        look();
      }),
    async call(name: string, args: object): Promise<string> {
      const { content, isError } = await made.callTool({ name, arguments: { node: "there", ...args } });
      const [first] = content as readonly { readonly text?: string }[];
      return `${isError === true ? "error: " : ""}${first?.text ?? ""}`;
    },
    [Symbol.asyncDispose]: () => made.close(),
  };
}

for (const [by, mode] of [
  ["http", "auto"],
  ["stdio", "legacy"],
] as const) {
  describe(`over ${by}`, () => {
    const file = at(`open/list-${by}`);

    test("an agent lists, reads, edits and runs there", async () => {
      writeFileSync(file, "buy milk\n");
      await using agent = await client(by, mode);
      expect(await agent.call("list_directory", { path: at("open") })).toContain(`list-${by}`);
      expect(await agent.call("read_text_file", { path: file })).toBe("buy milk\n");
      const edits = [{ oldText: "milk", newText: "oat milk" }];
      expect(await agent.call("edit_file", { path: file, edits })).toContain("+buy oat milk");
      expect(readFileSync(file, "utf8")).toBe("buy oat milk\n");
      const run = { argv: ["cat", file], profile: "unconfined" };
      const ran = await agent.client.callTool({
        name: "call_tool",
        arguments: { name: "shell.run", arguments: { ...run, node: "there" } },
      });
      expect(JSON.stringify(ran)).toContain("buy oat milk");
    });

    test("a file there is a resource, and is watched", async () => {
      writeFileSync(file, "one\n");
      await using agent = await client(by, mode);
      const uri = `operone://there/files${file}`;
      expect((await agent.client.readResource({ uri })).contents).toMatchObject([{ text: "one\n" }]);
      if (mode === "auto") await agent.client.listen({ resourceSubscriptions: [uri] });
      else await agent.client.subscribeResource({ uri });
      appendFileSync(file, "two\n");
      await agent.hears(uri);
    });

    test("what a person must approve there waits there, and runs after the yes", async () => {
      const asked = await here.token({
        ...{ name: `asker-${by}`, agent: true, acceptWarnings: true },
        grants: [{ permission: "fs.write", scope: { paths: [folder] }, decision: "ask", nodes: "*" }],
      });
      const path = at(`open/approved-${by}`);
      const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
      const requestInit = { headers: { authorization: `Bearer ${asked}` } };
      await made.connect(
        by === "http"
          ? new StreamableHTTPClientTransport(new URL(url), { requestInit })
          : new BridgeTransport<JSONRPCMessage>(join(here.directory, "operone.sock"), `asker-${by}`),
      );
      const writing = made.callTool({
        name: "write_file",
        arguments: { path, content: "yes", node: "there" },
      });
      const answer = await there.call("access.approval-watch");
      if (answer.gives !== "items") throw new Error(answer.gives);
      for await (const one of answer.items as AsyncIterable<{
        readonly id: string;
        readonly state: string;
      }>) {
        if (one.state !== "pending") continue;
        await there.given("access.approval-approve", { approval: one.id });
        break;
      }
      expect((await writing).isError).not.toBe(true);
      expect(readFileSync(path, "utf8")).toBe("yes");
      await made.close();
    });
  });
}

test("an agent hears of a node that goes, and its resources go with it", async () => {
  await using agent = await client("stdio", "legacy");
  const uris = async () => (await agent.client.listResources()).resources.map(({ uri }) => uri);
  expect(await uris()).toContain("operone://there/status");
  await there.stop();
  await agent.hears("resources");
  expect(await uris()).not.toContain("operone://there/status");
});
