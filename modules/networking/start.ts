/** Puts networking together. Libp2p is loaded when this node is in a mesh, after every door is open. */
import { join } from "node:path";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Checks, Clock, Files, Host, Log, NodeNames, Random, Router } from "../../src/kernel/ports.ts";
import { parseSelector } from "../../src/kernel/selector.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { AuditChain } from "../access/contract.ts";
import { networkingChecks } from "./checks.ts";
import type { NetworkingConfig } from "./module.ts";
import { NamePins } from "./name-pins.ts";
import type { Networking } from "./networking.ts";
import type { MakeTransport } from "./open.ts";
import { tcpProbe } from "./port-probe.ts";
import { type KnownNode, MeshRouter } from "./router.ts";
import type { NetworkingParts, NetworkingState } from "./state.ts";

/** The doors should answer before anything of this is loaded. Real time, because the load is real. */
const openAfterMs = 30;

export interface NetworkingInput {
  readonly config: NetworkingConfig;
  readonly use: {
    readonly kernel: KernelView;
    readonly audit: AuditChain;
    readonly checks: Pick<Checks, "add">;
    readonly clock: Clock;
    readonly files: Files;
    readonly host: Host;
    readonly log: Log;
    readonly names: NodeNames;
    readonly random: Random;
  };
  readonly scope: Pick<Scope, "defer">;
}

type StartedNetworking = Started<Record<never, never>, NetworkingState> & {
  readonly services: { readonly router: Router };
};

/** @param transports another network than libp2p's, for simulations */
export function startNetworking(input: NetworkingInput, transports?: MakeTransport): StartedNetworking {
  const { use, scope } = input;
  const closers: (() => void)[] = [];
  let networking: Networking | undefined;
  const open = async (): Promise<NetworkingParts> => {
    const { openParts } = await import("./open.ts");
    networking = await openParts(input, (close) => void closers.push(close), transports);
    await networking.resume();
    const { names, clock, host } = use;
    return { networking, names, clock, version: host.version, probe: tcpProbe };
  };
  let opening: Promise<NetworkingParts> | undefined;
  const parts: NetworkingState = () => {
    opening ??= open();
    return opening;
  };
  const { ready, stop } = resumed(input, parts);
  scope.defer(async () => {
    stop();
    // Whatever was begun is ended, also what is still being opened.
    await opening?.catch(() => {});
    await networking?.stop();
    for (const close of closers.toReversed()) close();
  });
  for (const check of networkingChecks(parts)) use.checks.add(check);
  return { state: parts, ready, services: { router: routerOf(parts, () => networking, routerAlone(input)) } };
}

/** Ready when the mesh of the last run listens again; without one at once. */
function resumed({ use }: NetworkingInput, parts: NetworkingState) {
  const begin = Promise.withResolvers<void>();
  const timer = setTimeout(begin.resolve, openAfterMs);
  const resume = async () => {
    if ((await use.files.facts(networkingPaths(use.host).database)) === undefined) return;
    await begin.promise;
    await parts();
  };
  const ready = resume();
  begin.promise.catch(() => {});
  ready.catch(() => {});
  return {
    ready,
    stop() {
      clearTimeout(timer);
      begin.reject(new OperoneError("unavailable", "The node is stopping"));
    },
  };
}

/** A call for another node that comes before the mesh is up waits for it. */
function routerOf(needed: NetworkingState, now: () => Networking | undefined, alone: MeshRouter): Router {
  return {
    isLocal(selector) {
      return (routerIn(now()) ?? alone).isLocal(selector);
    },
    connected: () => routerIn(now())?.connected() ?? [],
    async route(selector, routed) {
      const { networking } = await needed();
      const router = routerIn(networking);
      if (router !== undefined) return await router.route(selector, routed);
      if (parseSelector(selector).kind !== "one") return await alone.route(selector, routed);
      throw new OperoneError(
        "unavailable",
        `The node "${selector}" cannot be reached: this node is in no mesh; "operone invite" makes one, "operone join CODE" enters one`,
      );
    },
  };
}

/** In no mesh, or removed from it, there is nobody else who could be meant. */
function routerIn(networking: Networking | undefined): MeshRouter | undefined {
  const active = networking?.active;
  return active?.ledger.roster.isMember(active.peerId) === true ? active.router : undefined;
}

/** For a node that knows only itself: `any` and `all` are this one. */
function routerAlone({ config, use: { clock, host, kernel, names } }: NetworkingInput): MeshRouter {
  const self = (): KnownNode => ({
    peerId: names.name(),
    name: names.name(),
    role: "observer",
    labels: labelsOf(config, host),
    self: true,
    connected: true,
    roundTripMs: undefined,
  });
  return new MeshRouter({
    nodes: () => [self()],
    named: (ref) => (names.all.has(ref) ? [self()] : []),
    // Nobody else could have had the name, so nothing of it is kept.
    names: new NamePins({ read: () => new Map(), write: () => {} }),
    clock,
    calls: () => {
      throw new OperoneError("internal", "There is no other node to call");
    },
    local: kernel,
    version: host.version,
  });
}

/** For selectors. */
export function labelsOf(
  { labels }: Pick<NetworkingConfig, "labels">,
  { os, cpu }: Pick<Host, "os" | "cpu">,
) {
  return { os, cpu, ...labels };
}

/** Files of networking in its part of the data directory. */
export function networkingPaths({ dataDirectory }: Pick<Host, "dataDirectory">) {
  return {
    database: join(dataDirectory, "networking", "networking.db"),
    key: join(dataDirectory, "node.key"),
  };
}
