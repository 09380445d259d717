/**
 * Writes to a data directory without an end, until it is killed, and says on standard output what was acknowledged:
 * one JSON value a line, written after the promise was kept. Run by crash.test.ts.
 */
import { writeSync } from "node:fs";
import type { OperoneError } from "../../src/kernel/error.ts";
import { Journal, Policy } from "../../src/kernel/ports.ts";
import { type Acknowledged, approvalOf, recordOf } from "./crash-words.ts";
import { startNode } from "./node.ts";

const [directory = "", round = ""] = process.argv.slice(2);
const node = await startNode({}, directory);
const policy = node.kernel.service(Policy);
const journal = node.kernel.service(Journal);

function acknowledged(what: Acknowledged): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

async function tokens(): Promise<never> {
  for (let at = 0; ; at++) {
    const { token, id } = await node.token({ name: `r${round}-${at}`, grant: ["demo.look=*"] });
    acknowledged({ kind: "token", token });
    if (at % 3 !== 0) continue;
    await node.call("access.token-revoke", { token: id });
    acknowledged({ kind: "revoked", token });
  }
}

async function approvals(): Promise<never> {
  for (let at = 0; ; at++) {
    const name = `r${round}-${at}`;
    const left = new AbortController();
    const asked = policy.approve(approvalOf(name), left.signal).catch((error: OperoneError) => error);
    const { approvals: waiting } = (await node.call("access.approval-list")) as {
      approvals: { id: string; caller: { id: string } }[];
    };
    left.abort();
    await asked;
    await node.call("access.approval-approve", {
      approval: waiting.find(({ caller }) => caller.id === name)?.id,
    });
    acknowledged({ kind: "approved", name });
    if (at % 2 !== 0) continue;
    await policy.approve(approvalOf(name), new AbortController().signal);
    acknowledged({ kind: "used", name });
  }
}

async function audit(): Promise<never> {
  for (let at = 0; ; at++) {
    const callIds = Array.from({ length: 20 }, (_, one) => `r${round}-${at}-${one}`);
    await Promise.all(callIds.map((callId) => journal.record(recordOf(callId))));
    acknowledged({ kind: "audit", callIds });
  }
}

async function secrets(): Promise<never> {
  for (let at = 0; ; at++) {
    const name = `r${round}-${at % 50}`;
    await node.call("access.secret-set", { name }, { bytes: name });
    acknowledged({ kind: "secret", name });
  }
}

await Promise.all([tokens(), approvals(), audit(), secrets()]);
