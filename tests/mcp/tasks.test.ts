/** Calls that go on as tasks, for clients that know them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Message } from "./connection.ts";
import { type McpNode, mcpNode } from "./mcp-node.ts";
import { modern } from "./modern.ts";

let node: McpNode;
beforeAll(async () => {
  node = await mcpNode();
  await node.agent("bot");
  await node.agent("other");
});
afterAll(() => node[Symbol.asyncDispose]());

const extensions = { "io.modelcontextprotocol/tasks": {} };
const client = (as = "bot", capabilities: object = { extensions }) =>
  modern(node.socket, { as }, capabilities);

/** Lets the node do what it has to do. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Task {
  readonly taskId: string;
  readonly status: string;
  readonly result?: Message;
}

async function until(
  agent: { ask(method: string, params: object): Promise<Message> },
  task: Task,
  status: string,
) {
  for (;;) {
    const now = (await agent.ask("tasks/get", { taskId: task.taskId })) as Message & Task;
    if (now.status === status) return now;
    await turn();
  }
}

async function gated(agent: Awaited<ReturnType<typeof client>>, args: object = {}) {
  const task = (await agent.call("probe_gate", args)) as Message & Task;
  expect(task).toMatchObject({ resultType: "task", status: "working", ttlMs: expect.any(Number) });
  return { task, open: () => node.probed.gates.pop()?.() };
}

describe("a call that takes long", () => {
  test("becomes a task, whose result the agent finds from its next connection", async () => {
    const first = await client();
    const { task, open } = await gated(first);
    expect(await first.ask("tasks/get", { taskId: task.taskId })).toMatchObject({ resultType: "complete" });
    await first[Symbol.asyncDispose]();
    await using second = await client();
    open();
    const { result } = await until(second, task, "completed");
    expect(result).toMatchObject({ structuredContent: { reply: null }, resultType: "complete" });
  });

  test("is answered when it is done, for a client that does not know tasks", async () => {
    await using agent = await client("bot", {});
    const answer = agent.call("probe_gate");
    while (node.probed.gates.length === 0) await turn();
    const known = await client();
    await gated(known).then(({ open }) => open());
    await known[Symbol.asyncDispose]();
    node.probed.gates.pop()?.();
    expect(await answer).toMatchObject({ structuredContent: { reply: null } });
    expect(await agent.ask("tasks/get", { taskId: "x" })).toMatchObject({ error: { code: -32_021 } });
  });

  test("stops when the task is cancelled", async () => {
    await using agent = await client();
    const { ended } = node.probed;
    const task = (await agent.call("probe_hang")) as Message & Task;
    expect(await agent.ask("tasks/cancel", { taskId: task.taskId })).toMatchObject({
      resultType: "complete",
    });
    while (node.probed.ended === ended) await turn();
    expect(await until(agent, task, "cancelled")).not.toHaveProperty("result");
    expect(await agent.ask("tasks/cancel", { taskId: task.taskId })).toMatchObject({
      resultType: "complete",
    });
  });

  test("asks by its task, and goes on with the reply that fits", async () => {
    await using agent = await client("bot", { extensions, elicitation: {} });
    const { task, open } = await gated(agent, { ask: "form" });
    open();
    expect(await until(agent, task, "input_required")).toMatchObject({
      inputRequests: { it: { method: "elicitation/create", params: { message: "Sure?" } } },
    });
    const { taskId } = task;
    await agent.ask("tasks/update", { taskId, inputResponses: { it: { roots: [] }, more: 1 } });
    expect(await agent.ask("tasks/get", { taskId })).toMatchObject({ status: "input_required" });
    const it = { action: "accept", content: { sure: true } };
    expect(await agent.ask("tasks/update", { taskId, inputResponses: { it } })).toMatchObject({
      resultType: "complete",
    });
    const { result } = await until(agent, task, "completed");
    expect(result).toMatchObject({ structuredContent: { reply: { to: "form", content: { sure: true } } } });
  });

  test("fails with words when nobody can be asked", async () => {
    await using agent = await client();
    const { task, open } = await gated(agent, { ask: "model" });
    open();
    const { result } = await until(agent, task, "completed");
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).toContain("cannot ask it");
  });
});

describe("a task", () => {
  test("is there for its agent alone, and looks to others like none", async () => {
    await using agent = await client();
    await using other = await client("other");
    const { task, open } = await gated(agent);
    for (const method of ["tasks/get", "tasks/cancel", "tasks/update"]) {
      const foreign = await other.ask(method, { taskId: task.taskId, inputResponses: {} });
      const none = await other.ask(method, { taskId: "none", inputResponses: {} });
      expect([method, JSON.stringify(foreign)]).toEqual([
        method,
        JSON.stringify(none).replace("none", task.taskId),
      ]);
    }
    expect(await agent.ask("tasks/get", { taskId: task.taskId })).toMatchObject({ status: "working" });
    open();
    await until(agent, task, "completed");
  });

  test("ends with the credential of its agent, and its work with it", async () => {
    await node.agent("short");
    const agent = await client("short");
    const { ended } = node.probed;
    expect(await agent.call("probe_hang")).toMatchObject({ resultType: "task" });
    await agent[Symbol.asyncDispose]();
    expect(node.probed.ended).toBe(ended);
    await node.owner("access.token-revoke", { token: "short" });
    while (node.probed.ended === ended) await turn();
  });

  test("ends with the node", async () => {
    await using own = await mcpNode();
    await own.agent("bot");
    const agent = await modern(own.socket, { as: "bot" }, { extensions });
    expect(await agent.call("probe_hang")).toMatchObject({ resultType: "task" });
    await own.kernel.stop();
    expect(own.probed.ended).toBe(1);
  });
});
