/**
 * A call that waits for a person's approval, when that person sits before the client: the client shows the question, the
 * answer goes into the queue as the owner's own, and the call is made again. A client that can show nothing, or whose
 * person is not known to be the owner, leaves the call in the queue until somebody answers there.
 */
import {
  type InputRequest,
  inputRequired,
  inputResponse,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import type { ApprovalRequest } from "../kernel/ports.ts";
import type { McpOwner, McpSession } from "./mcp-session.ts";
import { stateOf } from "./mcp-state.ts";

export const approvalKey = "approval";
const previewLengthMax = 4_000;

const Approvals = v.object({
  approvals: v.array(
    v.object({
      id: v.string(),
      operation: v.string(),
      state: v.string(),
      caller: v.object({ id: v.string() }),
    }),
  ),
});
const Detail = v.object({ inputDigest: v.string(), warnings: v.array(v.object({ warning: v.string() })) });

/**
 * Passes on what the person has answered to an earlier attempt.
 *
 * @throws OperoneError `forbidden` when the answer was no
 */
export async function answered(session: McpSession, owner: McpOwner, context: ServerContext): Promise<void> {
  const { approval } = stateOf(context);
  const { inputResponses } = context.mcpReq;
  if (approval === undefined || inputResponse(inputResponses, approvalKey).kind !== "elicit") return;
  await settled(session, owner, approval, inputResponses);
}

/** Puts the answer into the queue. @throws OperoneError `forbidden` when it was no yes */
async function settled(
  session: McpSession,
  owner: McpOwner,
  approval: string,
  responses: Parameters<typeof inputResponse>[0],
): Promise<void> {
  const response = inputResponse(responses, approvalKey);
  if (response.kind !== "elicit") return;
  if (response.action === "accept") {
    const how = response.content?.allow === "session" ? "session" : "once";
    await asOwner(session, owner, "access.approval-approve", { approval, for: how });
    return;
  }
  if (response.action === "decline") {
    const reason = "The person before the client said no";
    await asOwner(session, owner, "access.approval-deny", { approval, reason });
    throw new OperoneError("forbidden", `${reason}; do not try it again in another way`);
  }
  throw new OperoneError(
    "forbidden",
    `The question was closed without an answer; "operone approve ${approval}" answers it, and then this call can be made again`,
  );
}

/** Undefined: it does not wait any more. */
export async function questionFor(
  session: McpSession,
  owner: McpOwner,
  request: ApprovalRequest,
): Promise<{ readonly approval: string; readonly question: InputRequest } | undefined> {
  const waits = await waiting(session, owner, request);
  if (waits === undefined) return undefined;
  const everyTime = `Every ${request.operation} of this agent, until the node stops`;
  const question = inputRequired.elicit({
    message: messageOf(session, request, waits.warnings),
    requestedSchema: {
      type: "object",
      properties: {
        allow: {
          type: "string",
          title: "Allow",
          enum: ["once", "session"],
          enumNames: ["This once", everyTime],
          default: "once",
        },
      },
    },
  });
  return { approval: waits.id, question };
}

function messageOf({ agent }: McpSession, request: ApprovalRequest, warnings: readonly string[]): string {
  const preview = JSON.stringify(request.preview, null, 2) ?? "";
  const shown =
    preview.length > previewLengthMax
      ? `${preview.slice(0, previewLengthMax)}\n(cut: ${preview.length} characters)`
      : preview;
  const what = `The agent ${JSON.stringify(agent)} wants to call ${request.operation} (${request.effect}):`;
  return [what, shown, ...warnings].join("\n");
}

/** The one in the queue that this very call waits for. */
async function waiting(
  session: McpSession,
  owner: McpOwner,
  { caller, operation, inputDigest }: ApprovalRequest,
): Promise<{ readonly id: string; readonly warnings: readonly string[] } | undefined> {
  const listed = v.safeParse(Approvals, await asOwner(session, owner, "access.approval-list", {}));
  for (const one of listed.success ? listed.output.approvals : []) {
    if (one.operation !== operation || one.caller.id !== caller.id || one.state !== "pending") continue;
    const detail = v.safeParse(
      Detail,
      await asOwner(session, owner, "access.approval-show", { approval: one.id }),
    );
    if (detail.success && detail.output.inputDigest === inputDigest)
      return { id: one.id, warnings: detail.output.warnings.map(({ warning }) => warning) };
  }
  return undefined;
}

/** What has been answered counts, even when the one who answered has gone. */
const notAborted = new AbortController().signal;

async function asOwner(
  { view, newCallId }: McpSession,
  { caller, sets }: McpOwner,
  operation: string,
  input: object,
): Promise<unknown> {
  // The queue has no tools: this is not a call of the agent, but of whoever opened the connection.
  const answer = await view.call({
    surface: "http",
    ...{ operation, input, caller, sets, signal: notAborted },
    callId: newCallId(),
  });
  return answer.gives === "value" ? answer.value : undefined;
}
