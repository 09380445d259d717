import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Policy } from "../../src/kernel/ports.ts";
import { type Acknowledged, approvalOf } from "./crash-words.ts";
import { startNode, type TestNode, temporaryDirectory } from "./node.ts";

const rounds = 6;
let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Starts a writer, kills it in the middle of its work, and gives what it had said by then. */
async function killedWriter(round: number): Promise<Acknowledged[]> {
  const argv = [process.execPath, join(import.meta.dir, "crash-writer.ts"), directory, String(round)];
  const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
  const decoder = new TextDecoder();
  // Somewhere in its work, not after a time: a slow machine must not turn this into a test of the start.
  const bytesWanted = 2_000 + Math.floor(Math.random() * 20_000);
  let text = "";
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= bytesWanted) child.kill("SIGKILL");
  }
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  // A line that was cut off was not acknowledged.
  return text
    .slice(0, text.lastIndexOf("\n"))
    .split("\n")
    .map((line) => JSON.parse(line) as Acknowledged);
}

async function auditedCalls(node: TestNode): Promise<Set<string>> {
  const text = String(await node.call("access.audit-export"));
  return new Set(
    text
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { callId: string }).callId),
  );
}

/** True when the very same call may run now without asking anybody. */
async function mayRun(node: TestNode, name: string): Promise<boolean> {
  const left = new AbortController();
  const answer = node.kernel.service(Policy).approve(approvalOf(name), left.signal);
  const outcome = answer.then(
    () => true,
    () => false,
  );
  await node.clock.advance(0);
  left.abort();
  return outcome;
}

test("kill -9 at any moment loses nothing that was acknowledged, and lets nothing run twice", async () => {
  const revoked = new Set<string>();
  const live = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const said = await killedWriter(round);
    const node = await startNode({}, directory);
    const audited = await auditedCalls(node);
    const used = new Set(said.flatMap((one) => (one.kind === "used" ? one.name : [])));
    for (const one of said) {
      if (one.kind === "token") live.add(one.token);
      if (one.kind === "revoked") revoked.add(one.token);
      if (one.kind === "audit") expect(one.callIds.filter((callId) => !audited.has(callId))).toEqual([]);
      if (one.kind === "secret")
        expect(await node.call("demo.reveal", { name: one.name })).toBe(one.name.length);
    }
    // What it was doing when it died may have happened, or not: the last use, the last revocation.
    const approved = said.flatMap((one) => (one.kind === "approved" ? one.name : []));
    for (const name of approved) {
      const may = await mayRun(node, name);
      if (name !== approved.at(-1)) expect([name, may]).toEqual([name, !used.has(name)]);
      expect([name, may && used.has(name)]).toEqual([name, false]);
      expect([name, await mayRun(node, name)]).toEqual([name, false]);
    }
    const dying = said.findLast(({ kind }) => kind === "token");
    if (dying?.kind === "token" && !revoked.has(dying.token)) live.delete(dying.token);
    for (const token of live) {
      const identity = await node.credentials.authenticate(token);
      expect(identity !== undefined).toBe(!revoked.has(token));
    }
    expect(await node.call("access.audit-verify")).toMatchObject({ ok: true });
    // The questions of this judge must not fill the queue of the next writer.
    const { approvals } = (await node.call("access.approval-list")) as { approvals: { id: string }[] };
    for (const { id } of approvals) await node.call("access.approval-deny", { approval: id });
    await node.stop();
  }
}, 120_000);
