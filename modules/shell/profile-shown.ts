/** A profile as everybody may see it. */
import * as v from "valibot";
import { withoutSecrets } from "../../src/kernel/config-secrets.ts";
import { Domains, isList, type Network, networks, Ports } from "./network.ts";
import type { Profile } from "./profile.ts";
import { profiles } from "./sandbox-policy.ts";

const Amount = v.number();
const Paths = v.array(v.string());
const NetworkShown = v.union([v.picklist(networks), v.strictObject({ domains: Domains, ports: Ports })]);

/** As `operone profiles` shows it. */
export const ProfileShown = v.strictObject({
  name: v.string(),
  base: v.picklist(profiles),
  read: Paths,
  write: Paths,
  hide: Paths,
  network: NetworkShown,
  networkMax: NetworkShown,
  environment: v.record(v.string(), v.string()),
  inherit: v.array(v.string()),
  commands: v.nullable(v.array(v.string())),
  limits: v.strictObject({
    timeoutMsMax: Amount,
    outputBytesMax: Amount,
    cpuSecondsMax: Amount,
    memoryBytesMax: Amount,
    processesMax: Amount,
    openFilesMax: Amount,
    fileBytesMax: Amount,
    diskBytesMax: Amount,
    scratchBytesMax: Amount,
  }),
});
export type ProfileShown = v.InferOutput<typeof ProfileShown>;

/** With every value that holds, but those of variables that are named like secrets. */
export function shown({
  sandbox,
  timeoutMsMax,
  outputBytesMax,
  environment,
  ...profile
}: Profile): ProfileShown {
  const { name, base, read, write, hide, network, networkMax, inherit, commands } = profile;
  return {
    ...{ name, base, network: shownNetwork(network), networkMax: shownNetwork(networkMax) },
    ...{ read: [...read], write: [...write], hide: [...hide], inherit: [...inherit] },
    environment: Object.fromEntries(
      Object.entries(environment).map(([variable, value]) => [
        variable,
        String(withoutSecrets(variable, value)),
      ]),
    ),
    commands: commands === null ? null : [...commands],
    limits: { timeoutMsMax, outputBytesMax, ...sandbox },
  };
}

function shownNetwork(network: Network): v.InferOutput<typeof NetworkShown> {
  return isList(network) ? { domains: [...network.domains], ports: [...network.ports] } : network;
}
