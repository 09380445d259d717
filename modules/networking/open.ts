/** Opens the store, and gives the ways to a transport. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { OpenTransport } from "./active-mesh.ts";
import type { Discovery, DiscoveryUse } from "./discovery.ts";
import { MeshEvents } from "./events.ts";
import { MembershipStore } from "./membership-store.ts";
import type { NetworkingConfig } from "./module.ts";
import { Networking } from "./networking.ts";
import { loadNodeKey } from "./node-key.ts";
import { assertListenable } from "./port-probe.ts";
import { labelsOf, type NetworkingInput, networkingPaths } from "./start.ts";
import { openNetworking } from "./store.ts";

/** A way to a transport that listens on these multiaddrs. */
export type MakeTransport = (listen: readonly string[]) => OpenTransport;

/** Loaded with the first transport: a node that is in no mesh needs no libp2p. */
function libp2pTransports({ log, clock }: NetworkingInput["use"]): MakeTransport {
  return (listen) => async (key, options) => {
    const { createLibp2pTransport } = await import("./libp2p-transport.ts");
    return await createLibp2pTransport({ key, listen, log, clock, ...options });
  };
}

export async function openParts(
  { config, use }: NetworkingInput,
  closeLater: (close: () => void) => void,
  transports?: MakeTransport,
): Promise<Networking> {
  const { kernel, audit, clock, files, host, log, names, random } = use;
  const paths = networkingPaths(host);
  const open = transports ?? libp2pTransports(use);
  const listen = listenAddresses(config);
  const database = openNetworking(paths.database);
  closeLater(() => database.close());
  return new Networking({
    kernel,
    clock,
    random,
    log,
    host,
    names,
    files,
    database,
    events: new MeshEvents(clock, use.kernel.changes),
    membership: new MembershipStore(database),
    labels: labelsOf(config, host),
    announce: config.announce,
    openDiscovery: config.discovery ? openDiscovery : undefined,
    auditHead: () => audit.head(),
    openTransport: open(listen),
    // Another network than this machine's has no port that could be taken.
    assertListenable: async () => (transports === undefined ? await assertListenable(listen) : undefined),
    openSilentTransport: open([]),
    loadKey: () => loadNodeKey({ files, random, path: paths.key }),
    keyPath: paths.key,
  });
}

async function openDiscovery(use: DiscoveryUse): Promise<Discovery> {
  const [{ Discovery }, { openMulticast }] = await Promise.all([
    import("./discovery.ts"),
    import("./multicast.ts"),
  ]);
  return new Discovery(use, openMulticast);
}

/** @throws OperoneError `invalid_input` for anything but IP addresses */
function listenAddresses({ addresses, port }: Pick<NetworkingConfig, "addresses" | "port">): string[] {
  return addresses.map((address) => {
    if (/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(address)) return `/ip4/${address}/tcp/${port}`;
    if (/^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(address)) return `/ip6/${address}/tcp/${port}`;
    throw new OperoneError(
      "invalid_input",
      `"${address}" under "addresses" of [networking] is no IP address; write 0.0.0.0, :: or an address of this machine`,
    );
  });
}
