/** Puts the protocol at its paths. The SDK is loaded when the first agent comes. */
import type { InferOutput } from "valibot";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Clock, Host, Log, NodeNames, Random } from "../../src/kernel/ports.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import { assertKnown } from "../../src/surface/mcp-profile.ts";
import type { Agents } from "../access/contract.ts";
import type { Route, Routes } from "../http/contract.ts";
import { LateSocket } from "./late-socket.ts";
import { challenge, mcpPath, metadataPaths, metadataResponse } from "./metadata.ts";
import type { config } from "./module.ts";
import { McpState } from "./state.ts";

export type McpConfig = InferOutput<typeof config>;

export interface McpUse {
  readonly kernel: KernelView;
  readonly agents: Agents;
  readonly routes: Routes;
  readonly clock: Clock;
  readonly host: Host;
  readonly log: Log;
  readonly names: NodeNames;
  readonly random: Random;
}

export interface McpInput {
  readonly config: McpConfig;
  readonly use: McpUse;
  readonly scope: Scope;
}

/** @throws OperoneError `invalid_input` when the configuration names a tool that there is not */
export function startMcp({ config, use, scope }: McpInput): Started<Record<never, never>, McpState> {
  const { kernel, routes } = use;
  assertKnown(config, kernel.table);
  const state = new McpState();
  let opened: ReturnType<typeof open> | undefined;
  const open = async () => {
    const { Endpoint } = await import("./endpoint.ts");
    return new Endpoint({ config, use, state });
  };
  const endpoint = () => {
    opened ??= open();
    return opened;
  };
  const route: Route = {
    fetch: async (request, visit) => (await endpoint()).fetch(request, visit),
    socket: (request, visit) => new LateSocket(async () => (await endpoint()).socket(request, visit)),
    challenge,
  };
  scope.defer(async () => (await opened)?.close());
  scope.defer(routes.add(mcpPath, route));
  for (const path of metadataPaths) {
    const fetch = async (request: Request) => metadataResponse(request);
    scope.defer(routes.add(path, { fetch, stranger: metadataResponse }));
  }
  return { state, services: {} };
}
