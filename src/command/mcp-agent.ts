/** The agent of a connection: asked for, made and removed at the running node, as its owner. */
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import type { OperationClient } from "../surface/client.ts";

const Shown = v.object({ name: v.string(), bearer: v.boolean() });
export type AgentShown = v.InferOutput<typeof Shown>;
const Made = v.object({ token: v.optional(v.string()) });
const Listeners = v.object({
  listeners: v.array(v.object({ kind: v.string(), url: v.optional(v.string()) })),
});

/** What `access.agent-add` takes beside the name. */
export interface AgentWish {
  readonly name: string;
  readonly workspace: readonly string[];
  readonly grant: readonly string[];
  readonly ask: readonly string[];
  readonly deny: readonly string[];
  readonly nodes: readonly string[];
  readonly acceptWarnings: boolean;
}

async function called(client: OperationClient, operation: string, input: unknown): Promise<unknown> {
  const answer = await client.call(operation, input);
  if (answer.gives === "value") return answer.value;
  throw new OperoneError("internal", `"${operation}" gave no value`);
}

/** Undefined when there is none. @throws OperoneError `unavailable` without a node */
export async function agentNamed(client: OperationClient, agent: string): Promise<AgentShown | undefined> {
  try {
    return v.parse(Shown, await called(client, "access.agent-show", { agent }));
  } catch (error) {
    if (error instanceof OperoneError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Gives its token when it is to have one. */
export async function makeAgent(
  client: OperationClient,
  wish: AgentWish,
  bearer: boolean,
): Promise<string | undefined> {
  return v.parse(Made, await called(client, "access.agent-add", { ...wish, bearer })).token;
}

export async function renewToken(client: OperationClient, agent: string): Promise<string | undefined> {
  return v.parse(Made, await called(client, "access.agent-token", { agent })).token;
}

/** One that is gone already is no failure. */
export async function removeAgent(client: OperationClient, agent: string): Promise<void> {
  try {
    await called(client, "access.agent-remove", { agent });
  } catch (error) {
    if (!(error instanceof OperoneError && error.code === "not_found")) throw error;
  }
}

/** Where the node answers programs of this machine. @throws OperoneError `unavailable` when it listens on no port */
export async function httpAddress(client: OperationClient): Promise<string> {
  const { listeners } = v.parse(Listeners, await called(client, "http.listeners", {}));
  const url = listeners.find(({ kind }) => kind === "tcp")?.url;
  if (url !== undefined) return new URL("/mcp", url).href;
  throw new OperoneError(
    "unavailable",
    "The node listens on no TCP port, so there is no address to connect to; connect without --http",
  );
}

/** What a new agent will be able to do, for the person who says yes. */
export function rightsText({ workspace, grant, ask, deny, nodes }: AgentWish): readonly string[] {
  const where =
    nodes.length === 0
      ? "this node"
      : nodes.includes("*")
        ? "every node"
        : `these nodes: ${nodes.join(", ")}`;
  const folders =
    workspace.length === 0
      ? ["  it works nowhere by itself; --workspace FOLDER names a folder in which it may"]
      : workspace.map(
          (path) => `  it reads, writes and runs confined commands in ${path}, hidden files left out`,
        );
  return [
    `On ${where}:`,
    "  it sees the state",
    ...folders,
    '  it asks you for every other file and confined command ("operone approvals")',
    ...grant.map((text) => `  allow ${text}`),
    ...ask.map((text) => `  ask ${text}`),
    ...deny.map((text) => `  deny ${text}`),
  ];
}
