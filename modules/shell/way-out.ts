/** What leads a command with a list of domains and ports to these: its proxy, and what the launcher has to carry. */
import { join } from "node:path";
import type { Log } from "../../src/kernel/ports.ts";
import { addressesOf } from "../../src/platform/name-lookup.ts";
import { makeScratch } from "../../src/platform/scratch.ts";
import { isList, type Network } from "./network.ts";
import { AllowListProxy, type ProxyPorts } from "./proxy.ts";
import type { Forward } from "./sandbox-policy.ts";

export interface WayOut {
  readonly forwards: readonly Forward[];
  /** Variables that programs know; below those of the caller. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the command asked for and did not get. */
  refusals(): readonly string[];
  close(): void;
}

/** Of the system, its hosts file included. */
export function systemProxyPorts(log?: Log): ProxyPorts {
  return {
    ...(log === undefined ? {} : { log }),
    resolve: (host) => addressesOf(host),
  };
}

/**
 * Undefined where there is no list.
 *
 * @param dataDirectory of the node
 */
export async function wayOut(
  network: Network,
  ports: ProxyPorts,
  dataDirectory: string,
): Promise<WayOut | undefined> {
  if (!isList(network)) return undefined;
  const own = network.ports.map((port) => ({ port, target: port }));
  if (network.domains.length === 0) {
    return { forwards: own, environment: {}, refusals: () => [], close: () => {} };
  }
  const scratch = makeScratch(dataDirectory);
  const proxy = new AllowListProxy(network, ports);
  const path = join(scratch.path, "proxy");
  const close = () => {
    proxy.close();
    scratch.remove();
  };
  try {
    await proxy.listen(path);
  } catch (error) {
    close();
    throw error;
  }
  const port = portBeside(network.ports);
  return {
    forwards: [...own, { port, target: path }],
    environment: variables(`http://127.0.0.1:${port}`),
    refusals: () => proxy.refusals,
    close,
  };
}

/** The usual one of proxies, or the next that is not asked for. */
function portBeside(taken: readonly number[]): number {
  let port = 3128;
  while (taken.includes(port)) port += 1;
  return port;
}

function variables(proxy: string): Readonly<Record<string, string>> {
  const loopback = "localhost,127.0.0.1,::1";
  return {
    // Programs disagree about the letters: curl takes the small ones alone for plain HTTP.
    ...{ HTTP_PROXY: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: loopback },
    ...{ http_proxy: proxy, https_proxy: proxy, all_proxy: proxy, no_proxy: loopback },
    NODE_USE_ENV_PROXY: "1",
  };
}
