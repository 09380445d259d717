/** The requests about prompts. */
import {
  type GetPromptResult,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
} from "@modelcontextprotocol/server";
import type { Prompt, PromptContent, Variables } from "../kernel/resource.ts";
import { askedBefore } from "./mcp-asking.ts";
import { AgentCalls } from "./mcp-dispatch.ts";
import { page } from "./mcp-page.ts";
import { protocolError } from "./mcp-problem.ts";
import { Resources } from "./mcp-resources.ts";
import type { McpSession } from "./mcp-session.ts";
import { signalsOf } from "./mcp-signal.ts";
import { capabilitiesOf } from "./mcp-state.ts";
import { uriOf } from "./mcp-uri.ts";

type Content = GetPromptResult["messages"][number]["content"];

const valueLengthMax = 64 * 1024;

/** Installs prompts/list and prompts/get. */
export function installPrompts(server: Server, session: McpSession): void {
  const calls = new AgentCalls(session);
  const resources = new Resources(session);
  const shown = async () => shownPrompts(session, await calls.reach());
  server.registerCapabilities({ prompts: { listChanged: true } });
  server.setRequestHandler("prompts/list", async ({ params }) =>
    protocolError(session, async () => {
      const { items, nextCursor } = page(await shown(), params?.cursor);
      return { prompts: items.map(onWire), ...nextCursor };
    }),
  );
  server.setRequestHandler("prompts/get", async ({ params }, context) =>
    protocolError(session, async () => {
      const prompt = (await shown()).find(({ name }) => name === params.name);
      if (prompt === undefined)
        throw invalid(
          `There is no prompt ${JSON.stringify(params.name.slice(0, 100))} for you; prompts/list says which there are`,
        );
      const values = checked(prompt, params.arguments ?? {});
      const asked = await askedBefore(session, capabilitiesOf(server, context), context, prompt.asks ?? {});
      if ("question" in asked) return asked.question;
      const messages = prompt.messages(values, asked.replies).map(async ({ role, content }) => ({
        role,
        content: await contentOf(resources, content, signalsOf(context)),
      }));
      return { description: prompt.description, messages: await Promise.all(messages) };
    }),
  );
}

/** Of an agent: those that speak of nothing that it has not. */
export function shownPrompts(
  { view }: Pick<McpSession, "view">,
  reaches: (operation: string) => boolean,
): readonly Prompt[] {
  return view.prompts.filter(({ uses }) => uses.every(reaches));
}

function onWire({ name, title, description, arguments: all }: Prompt) {
  return {
    ...{ name, title, description },
    arguments: all.map(({ name: argument, description: what, required }) => ({
      ...{ name: argument, description: what, required },
    })),
  };
}

/** @throws ProtocolError */
function checked({ name, arguments: all }: Prompt, given: Variables): Variables {
  const missing = all.find((argument) => argument.required && (given[argument.name] ?? "") === "");
  if (missing !== undefined)
    throw invalid(`The prompt "${name}" needs "${missing.name}": ${missing.description}`);
  const unknown = Object.keys(given).find((key) => !all.some((argument) => argument.name === key));
  if (unknown !== undefined) {
    const names = all.map((argument) => argument.name).join(", ");
    throw invalid(
      `The prompt "${name}" has no argument ${JSON.stringify(unknown.slice(0, 100))}; it has ${names || "none"}`,
    );
  }
  const long = Object.entries(given).find(([, value]) => value.length > valueLengthMax);
  if (long !== undefined) throw invalid(`"${long[0]}" has more than ${valueLengthMax} characters`);
  return given;
}

async function contentOf(
  resources: Resources,
  content: PromptContent,
  signals: readonly AbortSignal[],
): Promise<Content> {
  if ("text" in content) return { type: "text", text: content.text };
  if ("base64" in content) return { type: "image", data: content.base64, mimeType: content.mediaType };
  const uri = content.uri.startsWith("/") ? uriOf({ uri: content.uri }, undefined, {}) : content.uri;
  const [resource] = await resources.read(uri, signals);
  if (resource === undefined) throw invalid(`${uri} holds nothing`);
  return { type: "resource", resource };
}

function invalid(message: string): ProtocolError {
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}
