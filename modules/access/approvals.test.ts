import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import type { OperoneError } from "../../src/kernel/error.ts";
import { codes, removeNode, startNode, type TestNode } from "../../tests/access/node.ts";
import { ApprovalStore } from "./approval-store.ts";
import type { ApprovalDetail, ApprovalOut, TokenOut } from "./shapes.ts";
import { openAccess } from "./store.ts";

const expiryMs = 300_000;
let node: TestNode;
let token: string;

beforeEach(async () => {
  node = await startNode();
  token = await asking("bot");
});
afterEach(() => removeNode(node));

async function asking(name: string): Promise<string> {
  const made = await node.token({ name, agent: true, ask: ["demo.run=*"], acceptWarnings: true });
  return made.token;
}

/** Starts the call, and waits until it stands in the queue. */
async function ask(
  command: string,
  as = token,
  signal?: AbortSignal,
): Promise<{ id: string; outcome: Promise<unknown> }> {
  const known = new Set((await pending()).map(({ id }) => id));
  const options = signal === undefined ? { token: as } : { token: as, signal };
  const outcome = node.call("demo.run", { command }, options).catch((error: OperoneError) => error);
  for (let turn = 0; turn < 50; turn++) {
    await node.clock.advance(0);
    const fresh = (await pending()).find(({ id }) => !known.has(id));
    if (fresh !== undefined) return { id: fresh.id, outcome };
  }
  throw new Error(`"${command}" did not come into the queue`);
}

async function pending(all = false): Promise<ApprovalOut[]> {
  const answer = (await node.call("access.approval-list", { all })) as { approvals: ApprovalOut[] };
  return answer.approvals;
}

const approve = (approval: string, more = {}) => node.call("access.approval-approve", { approval, ...more });
const deny = (approval: string, more = {}) => node.call("access.approval-deny", { approval, ...more });

test("a call that must be asked for waits, and runs when it is approved", async () => {
  const { id, outcome } = await ask("ls");
  expect(node.ran).toEqual([]);
  expect(await approve(id)).toMatchObject({ state: "used", approvedFor: "once" });
  expect(await outcome).toBe("ran ls");
});

test("the person sees exactly what will run, by whom, and what it means to allow it", async () => {
  const { id } = await ask("rm -rf build");
  const shown = (await node.call("access.approval-show", { approval: id })) as ApprovalDetail;
  expect(shown).toMatchObject({
    id,
    state: "pending",
    operation: "demo.run",
    effect: "destroy",
    caller: { kind: "agent", name: "bot" },
    preview: { willRun: "rm -rf build" },
    requests: [{ permission: "demo.run", request: { command: "rm -rf build" } }],
    warnings: [{ permission: "demo.run", warning: "whoever runs commands is the owner" }],
    waiting: 1,
    expiresAtMs: node.clock.nowMs() + expiryMs,
  });
});

test("one approval runs one call: the same call again asks again", async () => {
  const first = await ask("ls");
  await approve(first.id);
  await first.outcome;
  const second = await ask("ls");
  expect(second.id).not.toBe(first.id);
  expect(node.ran).toHaveLength(1);
  expect((await node.refused("access.approval-approve", { approval: first.id })).code).toBe("conflict");
});

test("two identical calls that wait share a question, and one approval runs one of them", async () => {
  const first = await ask("ls");
  const second = node.call("demo.run", { command: "ls" }, { token });
  await node.clock.advance(0);
  expect(await pending()).toMatchObject([{ id: first.id, waiting: 2 }]);
  await approve(first.id);
  await node.clock.advance(0);
  expect(node.ran).toHaveLength(1);
  const [left] = await pending();
  expect(left).toMatchObject({ waiting: 1 });
  await approve(left?.id ?? "");
  expect(await Promise.all([first.outcome, second])).toEqual(["ran ls", "ran ls"]);
});

test("an approval counts for its caller, operation and input alone", async () => {
  const other = await asking("other");
  const left = new AbortController();
  const { id, outcome } = await ask("ls", token, left.signal);
  left.abort();
  await outcome;
  await approve(id);
  await ask("ls -a");
  await ask("ls", other);
  expect(node.ran).toEqual([]);
  expect(await node.call("demo.run", { command: "ls" }, { token })).toBe("ran ls");
});

test("a caller that left finds its approval when it comes back, once, also after a restart", async () => {
  const left = new AbortController();
  const { id, outcome } = await ask("ls", token, left.signal);
  left.abort();
  expect((await outcome) as OperoneError).toMatchObject({ code: "cancelled" });
  expect(await pending()).toMatchObject([{ id, waiting: 0 }]);
  node = await node.restart();
  expect(await approve(id)).toMatchObject({ state: "approved" });
  node = await node.restart();
  expect(await node.call("demo.run", { command: "ls" }, { token })).toBe("ran ls");
  await ask("ls");
  expect(node.ran).toHaveLength(1);
});

test("an unused approval expires", async () => {
  const left = new AbortController();
  const { id, outcome } = await ask("ls", token, left.signal);
  left.abort();
  await outcome;
  await node.clock.advance(expiryMs - 1);
  await approve(id);
  await node.clock.advance(expiryMs);
  await ask("ls");
  expect(node.ran).toEqual([]);
  expect((await pending(true)).map(({ state }) => state)).toEqual(["pending", "expired"]);
});

test("a call that nobody answers ends with the deadline", async () => {
  const { id, outcome } = await ask("ls");
  await node.clock.advance(expiryMs);
  const error = (await outcome) as OperoneError;
  expect(error.code).toBe("deadline");
  expect(error.message).toMatch(/Nobody approved "demo.run" within 5m.*operone approvals/);
  expect((await node.refused("access.approval-approve", { approval: id })).code).toBe("conflict");
});

test("a denied call ends with the reason, and its repetition gets the same without a new question", async () => {
  const { id, outcome } = await ask("rm -rf /");
  await deny(id, { reason: "not on this machine" });
  expect((await outcome) as OperoneError).toMatchObject({ code: "forbidden" });
  await node.clock.advance(30_000);
  const again = await node.refused("demo.run", { command: "rm -rf /" }, { token });
  expect(again.code).toBe("forbidden");
  expect(again.message).toMatch(/denied this call of "demo.run" 30s ago: not on this machine/);
  expect(await pending()).toEqual([]);
  await node.clock.advance(30_000);
  await ask("rm -rf /");
});

test("for the session: this caller and operation, with any input, until the node stops", async () => {
  const first = await ask("ls");
  const second = await ask("cat a");
  expect(await approve(first.id, { for: "session" })).toMatchObject({
    state: "approved",
    approvedFor: "session",
  });
  expect(await Promise.all([first.outcome, second.outcome])).toEqual(["ran ls", "ran cat a"]);
  expect(await node.call("demo.run", { command: "anything" }, { token })).toBe("ran anything");
  await ask("ls", await asking("other"));
  node = await node.restart();
  expect(await node.call("access.approval-show", { approval: first.id })).toMatchObject({ state: "expired" });
  await ask("anything");
  expect(node.ran).toEqual([]);
});

test("a session can be taken back", async () => {
  const { id, outcome } = await ask("ls");
  await approve(id, { for: "session" });
  await outcome;
  expect(await deny(id)).toMatchObject({ state: "denied" });
  await ask("cat a");
});

test("an unused once can be taken back", async () => {
  const left = new AbortController();
  const { id, outcome } = await ask("ls", token, left.signal);
  left.abort();
  await outcome;
  await approve(id);
  await deny(id);
  expect((await node.refused("demo.run", { command: "ls" }, { token })).code).toBe("forbidden");
  expect(node.ran).toEqual([]);
});

test("a pattern becomes a grant of the token, which is kept, shown and revocable", async () => {
  const first = await ask("git status");
  const second = await ask("git log");
  const third = await ask("ls");
  const pattern = { for: "pattern", scope: { commands: ["git *"] } };
  expect((await node.refused("access.approval-approve", { approval: first.id, ...pattern })).code).toBe(
    "precondition_failed",
  );
  await approve(first.id, { ...pattern, acceptWarnings: true });
  expect(await Promise.all([first.outcome, second.outcome])).toEqual(["ran git status", "ran git log"]);
  expect(await pending()).toMatchObject([{ id: third.id }]);
  node = await node.restart();
  expect(await node.call("demo.run", { command: "git diff" }, { token })).toBe("ran git diff");
  const shown = (await node.call("access.token-show", { token: "bot" })) as TokenOut;
  const given = shown.grants.find(({ origin }) => origin === "approval");
  expect(given).toMatchObject({ permission: "demo.run", decision: "allow", scope: { commands: ["git *"] } });
  await node.call("access.grant-revoke", { token: "bot", grant: given?.id });
  await ask("git diff");
});

test("a pattern must cover the call that asks, and have the permission's shape", async () => {
  const { id } = await ask("git status");
  const patterns = [{ commands: ["ls"] }, { commands: [] }, { command: "git *" }, "git *", 7, undefined];
  const refusals: OperoneError[] = [];
  for (const scope of patterns) {
    const input = {
      approval: id,
      for: "pattern",
      ...(scope === undefined ? {} : { scope }),
      acceptWarnings: true,
    };
    refusals.push(await node.refused("access.approval-approve", input));
  }
  const shape = "invalid_input";
  expect(codes(...refusals)).toEqual(["conflict", "conflict", shape, shape, shape, shape]);
  const shown = (await node.call("access.token-show", { token: "bot" })) as TokenOut;
  expect(shown.grants).toHaveLength(1);
  expect((await node.refused("access.approval-approve", { approval: id, scope: "*" })).code).toBe(
    "invalid_input",
  );
});

test("one caller can wait with sixteen calls, and the next is refused", async () => {
  for (let at = 0; at < 16; at++) await ask(`c${at}`);
  const error = await node.refused("demo.run", { command: "c16" }, { token });
  expect(error.code).toBe("limited");
  expect(error.message).toMatch(/16 calls of "bot"/);
  await ask("c16", await asking("other"));
});

test("a call that is too big to be shown is refused", async () => {
  const error = await node.refused("demo.run", { command: "x".repeat(300_000) }, { token });
  expect(error.code).toBe("too_large");
});

test("revoking the token ends its waiting calls, and nothing of it is left to approve", async () => {
  const { id, outcome } = await ask("ls");
  await node.call("access.token-revoke", { token: "bot" });
  expect((await outcome) as OperoneError).toMatchObject({ code: "unauthenticated" });
  expect(await pending()).toEqual([]);
  expect((await node.refused("access.approval-approve", { approval: id })).code).toBe("conflict");
  expect(node.ran).toEqual([]);
});

test("whoever watches sees what waits, each new call and each answer", async () => {
  const first = await ask("ls");
  const controller = new AbortController();
  const { caller, sets } = node.credentials.owner();
  const call = { surface: "http", operation: "access.approval-watch", input: {}, caller, sets } as const;
  const answer = await node.kernel.view.call({ ...call, signal: controller.signal });
  if (answer.gives !== "items") throw new Error("no items");
  const items = answer.items[Symbol.asyncIterator]();
  const next = async () => (await items.next()).value as ApprovalOut;
  expect(await next()).toMatchObject({ id: first.id, state: "pending", waiting: 1 });
  const second = await ask("cat a");
  expect(await next()).toMatchObject({ id: second.id, state: "pending", waiting: 1 });
  await deny(second.id);
  expect(await next()).toMatchObject({ id: second.id, state: "denied" });
  controller.abort();
  await expect(items.next()).rejects.toMatchObject({ code: "cancelled" });
});

test("stopping the node lets waiting calls go, and their questions are still there afterwards", async () => {
  const { id, outcome } = await ask("ls");
  node = await node.restart();
  expect((await outcome) as OperoneError).toMatchObject({ code: "unavailable" });
  expect(await pending()).toMatchObject([{ id, waiting: 0 }]);
});

test("only the newest thousand closed approvals are kept", () => {
  const databases = openAccess(join(node.directory, "other.db"), "normal");
  const store = new ApprovalStore(databases.main);
  const caller = { kind: "agent", id: "a", name: "bot" } as const;
  const request = {
    callId: "",
    caller,
    operation: "demo.run",
    effect: "write",
    requests: [],
    preview: 1,
  } as const;
  databases.main.transaction(() => {
    for (let at = 0; at < 1_010; at++) {
      const times = { createdAtMs: at, expiresAtMs: at };
      store.insert({ id: `a${at}`, state: "pending", request: { ...request, inputDigest: "" }, ...times });
      if (at >= 5) store.settle(`a${at}`, ["pending"], { state: "denied", nowMs: at });
    }
  });
  store.prune();
  const left = store.list(false).map(({ id }) => id);
  expect(left.slice(0, 2)).toEqual(["a1009", "a1008"]);
  expect(left.slice(-6)).toEqual(["a10", "a4", "a3", "a2", "a1", "a0"]);
  databases.close();
});
