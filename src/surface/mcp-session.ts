/** One agent's connection, or one request of a protocol without connections. */
import type { AuthorityContext, Caller, GrantSet } from "../kernel/authority.ts";
import type { Awaitable } from "../kernel/operation.ts";
import type { KernelView, OperationTable } from "../kernel/view.ts";
import type { Timer } from "./http-limits.ts";
import { type McpLimits, mcpLimits } from "./mcp-limits.ts";
import type { McpProfile } from "./mcp-profile.ts";
import type { TaskBook } from "./mcp-task-book.ts";

/** A proven agent, as whoever let it in says. */
export interface McpIdentity {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Aborted when its credential ends. */
  readonly revoked: AbortSignal;
}

/** Who opened the connection, when that was the owner: asked through the client, and answering by calls of the owner. */
export interface McpOwner {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
}

/** Where the long calls of this agent are kept. */
export interface McpTasks {
  readonly book: TaskBook;
  /** Tells the agent from every other. */
  readonly owner: string;
}

export interface McpSessionOptions {
  readonly view: Pick<
    KernelView,
    "table" | "call" | "permissions" | "resources" | "prompts" | "modules" | "nodes" | "changes"
  >;
  /** Of this program. */
  readonly version: string;
  /** Who it is now, with the rights of this moment. @throws OperoneError `not_found`, `unauthenticated`: it has ended */
  identity(): Awaitable<McpIdentity>;
  /** Of the agent, for its own eyes. */
  readonly agent: string;
  /** All of them must admit a tool. */
  readonly profiles: readonly McpProfile[];
  /** Every tool in the list, instead of the few that are used most and those that find the rest. */
  readonly listAll?: boolean;
  /** Node selector for calls that name none. Absent: here. */
  readonly node?: string;
  /** Aborted when the connection ends. */
  readonly signal: AbortSignal;
  /** The owner, where the client's person is known to be that. Absent: approvals wait in the queue. */
  readonly owner?: McpOwner;
  /** Seals what is asked, so that no other question can be answered. At least 32 bytes. */
  readonly stateKey?: Uint8Array;
  /** Absent: every call is answered when it is done. */
  readonly tasks?: McpTasks;
  readonly limits?: Partial<McpLimits>;
  readonly timer?: Timer;
  readonly nowMs?: () => number;
  /** What this node is called, for the `nodes` of grants. */
  readonly nodeNames?: ReadonlySet<string>;
  newCallId?(): string;
  /** Told of errors that are no OperoneError: defects of the node, whose text no agent sees. */
  unexpected?(error: unknown, callId: string): void;
}

export interface McpSession {
  readonly view: McpSessionOptions["view"];
  readonly table: OperationTable;
  /** False of a module that has failed. */
  works(module: string): boolean;
  readonly version: string;
  readonly agent: string;
  readonly profiles: readonly McpProfile[];
  readonly listAll: boolean;
  readonly node: string | undefined;
  readonly signal: AbortSignal;
  readonly limits: McpLimits;
  readonly timer: Timer;
  readonly owner: McpOwner | undefined;
  readonly stateKey: Uint8Array;
  readonly tasks: McpTasks | undefined;
  identity(): Awaitable<McpIdentity>;
  /** What an agent with these rights may do now, on any node. */
  authority(identity: McpIdentity): AuthorityContext;
  newCallId(): string;
  unexpected(error: unknown, callId: string): void;
}

export function mcpSession(options: McpSessionOptions): McpSession {
  const { view, version, agent, profiles, signal, nodeNames = new Set<string>() } = options;
  return {
    ...{ view, version, agent, profiles, signal },
    table: view.table,
    works: (id) => view.modules().find((module) => module.id === id)?.state !== "failed",
    identity: options.identity,
    listAll: options.listAll ?? false,
    node: options.node,
    owner: options.owner,
    tasks: options.tasks,
    stateKey: options.stateKey ?? crypto.getRandomValues(new Uint8Array(32)),
    limits: { ...mcpLimits, ...options.limits },
    timer: options.timer ?? systemTimer,
    authority: ({ sets }) => ({
      permissions: view.permissions,
      sets,
      nowMs: options.nowMs ?? Date.now,
      nodeNames,
      where: "anywhere",
    }),
    newCallId: options.newCallId ?? (() => crypto.randomUUID().replaceAll("-", "")),
    unexpected: options.unexpected ?? (() => {}),
  };
}

const systemTimer: Timer = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
