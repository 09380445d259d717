/** A node with shell in a folder of its own, and its sessions as one caller has them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionExit, SessionItem, SessionView } from "../../modules/shell/session-shapes.ts";
import type { Caller, GrantSet } from "../../src/kernel/authority.ts";
import { partsOfText } from "../../src/kernel/byte-text.ts";
import type { Call } from "../../src/kernel/call.ts";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { caller, owner, type ShellNode, shellNode } from "./shell-node.ts";

export interface Person {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  readonly revoked?: AbortSignal;
}

export const theOwner: Person = { caller, sets: [owner] };

/** A token that may run everything. */
export function token(name: string, more: Partial<GrantSet["grants"][number]> = {}): Person {
  const grant = { permission: "shell.unconfined", scope: "*", decision: "allow", ...more } as const;
  return {
    caller: { kind: "token", id: `id-${name}`, name },
    sets: [{ holder: `token ${name}`, owner: false, grants: [grant] }],
  };
}

type Input = Readonly<Record<string, unknown>>;

export interface SessionCaller {
  value<T = SessionView>(operation: string, input?: Input, call?: Partial<Call>): Promise<T>;
  items(operation: string, input?: Input, call?: Partial<Call>): Promise<AsyncIterator<SessionItem>>;
  start(argv: readonly string[], input?: Input): Promise<SessionView>;
  /** All output from the input's cursor to the end of the session. */
  read(session: string, input?: Input): Promise<Heard>;
}

export interface Heard {
  readonly stdout: string;
  readonly stderr: string;
  readonly missing: number;
  readonly exit: SessionExit | undefined;
  readonly cursor: number;
  readonly items: readonly SessionItem[];
}

export interface SessionNode extends SessionCaller {
  readonly node: ShellNode;
  readonly folder: string;
  as(person: Person): SessionCaller;
  /** Stops it and starts another one in the same folder. */
  restarted(): Promise<SessionNode>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function sessionNode(config: Input = {}, in_ = mkdtempSync(join(tmpdir(), "operone-s-"))) {
  const processes = systemProcesses({ ledger: join(in_, "shell", "children") });
  const node = await shellNode(config, {}, { processes, host: simulatedHost({ dataDirectory: in_ }) });
  const made: SessionNode = {
    node,
    folder: in_,
    ...callerOn(node, theOwner),
    as: (person) => callerOn(node, person),
    async restarted() {
      await node.kernel.stop();
      return await sessionNode(config, in_);
    },
    async [Symbol.asyncDispose]() {
      await node.kernel.stop();
      rmSync(in_, { recursive: true, force: true });
    },
  };
  return made;
}

function callerOn(node: ShellNode, person: Person): SessionCaller {
  const call = (operation: string, input: Input, more: Partial<Call>) =>
    node.kernel.view.call({
      surface: "http",
      operation: `shell.${operation}`,
      input,
      signal: new AbortController().signal,
      ...person,
      ...more,
    });
  const items: SessionCaller["items"] = async (operation, input = {}, more = {}) => {
    const answer = await call(operation, input, more);
    if (answer.gives !== "items") throw new Error(`${operation} gave ${answer.gives}`);
    return answer.items[Symbol.asyncIterator]() as AsyncIterator<SessionItem>;
  };
  const value = async <T>(operation: string, input: Input = {}, more: Partial<Call> = {}) => {
    const answer = await call(operation, input, more);
    if (answer.gives !== "value") throw new Error(`${operation} gave ${answer.gives}`);
    return answer.value as T;
  };
  return {
    items,
    value,
    start: (argv, input = {}) => value("start", { argv, profile: "unconfined", killGraceMs: 300, ...input }),
    read: async (session, input = {}) => heard(await items("output", { session, follow: true, ...input })),
  };
}

/** The bytes of the command in one item, whichever way they are held. */
export function partsIn(item: Extract<SessionItem, { stream: string }>): readonly Uint8Array[] {
  return "text" in item ? partsOfText(item.text, "utf8") : partsOfText(item.base64, "base64");
}

export async function heard(
  iterator: AsyncIterator<SessionItem>,
  until: (text: string) => boolean = () => false,
): Promise<Heard> {
  const out = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const items: SessionItem[] = [];
  let missing = 0;
  let cursor = 0;
  let exit: SessionExit | undefined;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const item = next.value;
    items.push(item);
    cursor = item.cursor;
    if ("missing" in item) missing += item.missing;
    if ("exit" in item) exit = item.exit;
    if ("stream" in item) {
      out[item.stream].push(...partsIn(item));
    }
    if (until(Buffer.concat(out.stdout).toString())) break;
  }
  const text = (chunks: readonly Uint8Array[]) => Buffer.concat([...chunks]).toString();
  return { stdout: text(out.stdout), stderr: text(out.stderr), missing, exit, cursor, items };
}
