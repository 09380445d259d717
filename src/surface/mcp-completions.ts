/** What can be typed next for an argument of a prompt or a variable of a resource's URI. */
import { ProtocolError, ProtocolErrorCode, type Server } from "@modelcontextprotocol/server";
import { OperoneError } from "../kernel/error.ts";
import type { Completion, Variables } from "../kernel/resource.ts";
import { AgentCalls } from "./mcp-dispatch.ts";
import { knownNodes } from "./mcp-nodes.ts";
import { protocolError } from "./mcp-problem.ts";
import type { McpSession } from "./mcp-session.ts";
import { signalsOf } from "./mcp-signal.ts";
import { hereName, templateOf } from "./mcp-uri.ts";

/** The protocol allows so many. */
const valuesMax = 100;
const nodeVariable = "node";

type Reference =
  | { readonly type: "ref/prompt"; readonly name: string }
  | { readonly type: "ref/resource"; readonly uri: string };

/** Installs completion/complete. */
export function installCompletions(server: Server, session: McpSession): void {
  const calls = new AgentCalls(session);
  server.registerCapabilities({ completions: {} });
  server.setRequestHandler("completion/complete", async ({ params }, context) =>
    protocolError(session, async () => {
      const { ref, argument } = params;
      const known = { ...params.context?.arguments, [argument.name]: argument.value };
      const values = await completed(session, calls, { ref, name: argument.name, known }, signalsOf(context));
      const shown = values.slice(0, valuesMax);
      return { completion: { values: shown, total: values.length, hasMore: values.length > shown.length } };
    }),
  );
}

interface Wanted {
  readonly ref: Reference;
  readonly name: string;
  readonly known: Variables;
}

async function completed(
  session: McpSession,
  calls: AgentCalls,
  { ref, name, known }: Wanted,
  signals: readonly AbortSignal[],
): Promise<string[]> {
  const typed = known[name] ?? "";
  const completion = completionOf(session, ref, name);
  if (completion === undefined && name === nodeVariable)
    return knownNodes(session, await calls.reach()).filter((node) => node.startsWith(typed));
  if (completion === undefined || !(await calls.reach())(completion.operation)) return [];
  const node = known[nodeVariable] === hereName ? undefined : known[nodeVariable];
  try {
    const call = { operation: completion.operation, input: completion.input(known), node };
    const values = completion.values(await calls.value(call, signals), known);
    return values.filter((value) => value.startsWith(typed)).toSorted();
  } catch (error) {
    // Half a path leads to nothing yet; that is no failure of whoever types.
    if (error instanceof OperoneError) return [];
    throw error;
  }
}

/** @throws ProtocolError for what there is not */
function completionOf({ view }: McpSession, ref: Reference, name: string): Completion | undefined {
  if (ref.type === "ref/prompt") {
    const prompt = view.prompts.find((one) => one.name === ref.name);
    if (prompt !== undefined) return prompt.arguments.find((argument) => argument.name === name)?.complete;
    throw unknownReference(`prompt ${JSON.stringify(ref.name.slice(0, 100))}`);
  }
  const resource = view.resources.find((one) => templateOf(one) === ref.uri || one.uri === ref.uri);
  if (resource !== undefined) return resource.complete?.[name];
  throw unknownReference(`resource ${JSON.stringify(ref.uri.slice(0, 200))}`);
}

function unknownReference(what: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no ${what} to complete an argument of`);
}
