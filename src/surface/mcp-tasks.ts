/** The requests about tasks, of the extension that revision 2026-07-28 has for them (SEP-2663). */
import {
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as v from "valibot";
import type { McpSession } from "./mcp-session.ts";
import { capabilitiesOf, knowsTasks, tasksExtension } from "./mcp-state.ts";
import type { Task } from "./mcp-task-book.ts";

const Named = v.looseObject({ taskId: v.string() });

/** Nothing but that it was done. */
const done = { resultType: "complete" };

/** Installs tasks/get, tasks/update and tasks/cancel. */
export function installTasks(server: Server, session: McpSession): void {
  const { tasks } = session;
  if (tasks === undefined) return;
  server.registerCapabilities({ extensions: { [tasksExtension]: {} } });
  const found = (taskId: string, context: ServerContext): Task => {
    assertKnows(server, context);
    const task = tasks.book.find(tasks.owner, taskId);
    if (task !== undefined) return task;
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `There is no task ${JSON.stringify(taskId.slice(0, 100))} for you; it may have been forgotten since its end`,
    );
  };
  server.setRequestHandler("tasks/get", { params: Named }, ({ taskId }, context) => ({
    ...found(taskId, context).detail(),
    ...done,
  }));
  server.setRequestHandler("tasks/update", { params: Named }, ({ taskId }, context) => {
    // The SDK takes them out of the parameters, as it does for calls that are made again.
    found(taskId, context).offer({ ...context.mcpReq.inputResponses });
    return done;
  });
  server.setRequestHandler("tasks/cancel", { params: Named }, ({ taskId }, context) => {
    found(taskId, context).cancel();
    return done;
  });
}

/** @throws MissingRequiredClientCapabilityError */
function assertKnows(server: Server, context: ServerContext): void {
  if (knowsTasks(capabilitiesOf(server, context))) return;
  throw new MissingRequiredClientCapabilityError(
    { requiredCapabilities: { extensions: { [tasksExtension]: {} } } },
    `Tasks are for clients that declare ${tasksExtension}`,
  );
}
