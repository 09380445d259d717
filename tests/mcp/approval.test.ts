/** Calls that a person must approve: through the client where that person is the owner, else in the queue. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, type JSONRPCMessage, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { BridgeTransport } from "./pipes.ts";

let node: McpNode;
let token: string;
beforeAll(async () => {
  node = await mcpNode();
  const scope = { paths: [node.work] };
  token = await node.agent("bot", [
    { permission: "fs.read", scope, decision: "allow" },
    { permission: "fs.write", scope, decision: "ask" },
  ]);
});
afterAll(() => node[Symbol.asyncDispose]());

type Answer = {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: { readonly allow: string };
};

async function client(by: "http" | "stdio", mode: "auto" | "legacy", answer: (message: string) => Answer) {
  const questions: string[] = [];
  const about = { name: "test", version: "1" };
  const made = new Client(about, { capabilities: { elicitation: {} }, versionNegotiation: { mode } });
  made.setRequestHandler("elicitation/create", async ({ params }) => {
    questions.push(params.message);
    return answer(params.message);
  });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await made.connect(
    by === "http"
      ? new StreamableHTTPClientTransport(new URL(node.url), { requestInit })
      : new BridgeTransport<JSONRPCMessage>(node.socket, "bot"),
  );
  const write = (name: string, content: string) =>
    made.callTool({ name: "write_file", arguments: { path: join(node.work, name), content } });
  return { questions, write, client: made, [Symbol.asyncDispose]: () => made.close() };
}

interface Waiting {
  readonly id: string;
  readonly state: string;
}
async function queue(all = false): Promise<readonly Waiting[]> {
  const { approvals } = (await node.owner("access.approval-list", { all })) as {
    readonly approvals: Waiting[];
  };
  return approvals;
}

/** When something waits in the queue. */
async function waits(): Promise<Waiting> {
  for await (const one of watchQueue()) if (one.state === "pending") return one;
  throw new Error("the queue ended");
}

async function* watchQueue(): AsyncGenerator<Waiting, void> {
  const end = new AbortController();
  const answer = await node.kernel.view.call({
    ...{ surface: "http", operation: "access.approval-watch", input: {}, signal: end.signal },
    caller: { kind: "owner", id: "owner", name: "owner" },
    sets: [{ holder: "owner", owner: true, grants: [] }],
  });
  if (answer.gives === "items") yield* answer.items as AsyncIterable<Waiting>;
}

for (const mode of ["auto", "legacy"] as const) {
  describe(mode === "auto" ? "newest revision" : "older revision", () => {
    test("the person before the client sees what will happen, and says yes once", async () => {
      await using one = await client("stdio", mode, () => ({ action: "accept", content: { allow: "once" } }));
      const name = `once-${mode}`;
      expect((await one.write(name, "yes")).isError).not.toBe(true);
      expect(readFileSync(join(node.work, name), "utf8")).toBe("yes");
      expect(one.questions).toHaveLength(1);
      expect(one.questions[0]).toContain(name);
      expect(one.questions[0]).toContain('"bot"');
      await one.write(name, "again");
      expect(one.questions).toHaveLength(2);
      expect(await queue()).toEqual([]);
    });

    test("a no is a no, and nothing is done", async () => {
      await using one = await client("stdio", mode, () => ({ action: "decline" }));
      const answer = await one.write(`no-${mode}`, "x");
      expect(answer).toMatchObject({ isError: true });
      expect(JSON.stringify(answer.content)).toContain("said no");
      expect(existsSync(join(node.work, `no-${mode}`))).toBe(false);
      expect(await queue()).toEqual([]);
    });

    test("a question that is closed leaves the call in the queue, where it can be answered", async () => {
      await using one = await client("stdio", mode, () => ({ action: "cancel" }));
      const name = `closed-${mode}`;
      expect(JSON.stringify((await one.write(name, "x")).content)).toContain("operone approve");
      const [waiting] = await queue();
      await node.owner("access.approval-approve", { approval: waiting?.id });
      expect((await one.write(name, "x")).isError).not.toBe(true);
      expect(readFileSync(join(node.work, name), "utf8")).toBe("x");
    });

    test("the holder of a token answers nothing by itself, whatever it says that it can show", async () => {
      await using one = await client("http", mode, () => ({
        action: "accept",
        content: { allow: "session" },
      }));
      const name = `queued-${mode}`;
      const writing = one.write(name, "x");
      const { id } = await waits();
      expect([one.questions, existsSync(join(node.work, name))]).toEqual([[], false]);
      await node.owner("access.approval-deny", { approval: id });
      expect(await writing).toMatchObject({ isError: true });
      expect([one.questions, existsSync(join(node.work, name))]).toEqual([[], false]);
    });

    test("a client that can show nothing waits for the queue", async () => {
      const made = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
      await made.connect(new BridgeTransport<JSONRPCMessage>(node.socket, "bot"));
      const path = join(node.work, `mute-${mode}`);
      const writing = made.callTool({ name: "write_file", arguments: { path, content: "x" } });
      await node.owner("access.approval-approve", { approval: (await waits()).id });
      expect((await writing).isError).not.toBe(true);
      expect(existsSync(path)).toBe(true);
      await made.close();
    });
  });
}

test("an answer holds for the session when that was said, and each answer is in the audit as the owner's", async () => {
  await using one = await client("stdio", "auto", () => ({
    action: "accept",
    content: { allow: "session" },
  }));
  await one.write("s1", "1");
  await one.write("s2", "2");
  expect(one.questions).toHaveLength(1);
  expect(readFileSync(join(node.work, "s2"), "utf8")).toBe("2");
  const records = JSON.stringify(
    await node.owner("access.audit-list", { operation: "access.approval-approve" }),
  );
  expect(records).toContain('"kind":"owner"');
});
