/** What goes to a client with a question and comes back with the reply: sealed, so that nobody can make one up. */
import {
  createRequestStateCodec,
  type RequestStateCodec,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as v from "valibot";
import type { McpSession } from "./mcp-session.ts";

const State = v.strictObject({
  /** Of an approval that was asked for. */
  approval: v.optional(v.string()),
  /** What has been replied to earlier questions of the same call, as it came. */
  replied: v.optional(v.record(v.string(), v.unknown()), {}),
});
export type CallState = v.InferOutput<typeof State>;

type Sealing = Pick<McpSession, "stateKey" | "agent">;

const codecs = new WeakMap<Uint8Array, Map<string, RequestStateCodec>>();

/** For one agent: what was sealed for another is refused. */
export function stateCodec({ stateKey, agent }: Sealing): RequestStateCodec {
  const byAgent = codecs.get(stateKey) ?? new Map<string, RequestStateCodec>();
  codecs.set(stateKey, byAgent);
  const codec = byAgent.get(agent) ?? createRequestStateCodec({ key: stateKey, bind: () => agent });
  byAgent.set(agent, codec);
  return codec;
}

/** Of this attempt; empty at the first. */
export function stateOf({ mcpReq }: ServerContext): CallState {
  const parsed = v.safeParse(State, mcpReq.requestState());
  return parsed.success ? parsed.output : { replied: {} };
}

export function sealed(session: Sealing, state: CallState, context: ServerContext): Promise<string> {
  return stateCodec(session).mint(state, context);
}

const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
const Envelope = v.looseObject({ [capabilitiesKey]: v.unknown() });
const Capabilities = v.looseObject({
  elicitation: v.optional(v.looseObject({})),
  sampling: v.optional(v.looseObject({})),
  roots: v.optional(v.looseObject({})),
  extensions: v.optional(v.record(v.string(), v.unknown())),
});
export type ClientCapabilities = v.InferOutput<typeof Capabilities>;

/** What the client has said that it can: with this request, or at the beginning of its session. */
export function capabilitiesOf(
  server: { getClientCapabilities(): unknown },
  { mcpReq }: ServerContext,
): ClientCapabilities {
  const envelope = v.safeParse(Envelope, mcpReq.envelope);
  const named = envelope.success ? envelope.output[capabilitiesKey] : server.getClientCapabilities();
  const parsed = v.safeParse(Capabilities, named);
  if (!parsed.success) return {};
  // Extensions are of the revision that has envelopes.
  const { extensions, ...rest } = parsed.output;
  return envelope.success ? parsed.output : rest;
}

export const tasksExtension = "io.modelcontextprotocol/tasks";

export function knowsTasks({ extensions }: ClientCapabilities): boolean {
  return extensions?.[tasksExtension] !== undefined;
}

/** Whether it shows forms: an empty capability means them, as the protocol began with them. */
export function showsForms({ elicitation }: ClientCapabilities): boolean {
  if (elicitation === undefined) return false;
  const modes = Object.keys(elicitation);
  return modes.length === 0 || modes.includes("form");
}
