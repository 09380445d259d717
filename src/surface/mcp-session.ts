/** One agent's connection, or one request of a protocol without connections. */
import type { AuthorityContext, Caller, GrantSet } from "../kernel/authority.ts";
import type { Awaitable } from "../kernel/operation.ts";
import type { KernelView } from "../kernel/view.ts";
import type { Timer } from "./http-limits.ts";
import { type McpLimits, mcpLimits } from "./mcp-limits.ts";
import type { McpProfile } from "./mcp-profile.ts";

/** A proven agent, as whoever let it in says. */
export interface McpIdentity {
  readonly caller: Caller;
  readonly sets: readonly GrantSet[];
  /** Aborted when its credential ends. */
  readonly revoked: AbortSignal;
}

export interface McpSessionOptions {
  readonly view: Pick<KernelView, "table" | "call" | "permissions">;
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
  readonly version: string;
  readonly agent: string;
  readonly profiles: readonly McpProfile[];
  readonly listAll: boolean;
  readonly node: string | undefined;
  readonly signal: AbortSignal;
  readonly limits: McpLimits;
  readonly timer: Timer;
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
    identity: options.identity,
    listAll: options.listAll ?? false,
    node: options.node,
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
