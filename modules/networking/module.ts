/** The mesh: nodes that have enrolled with each other, and every operation on any of them. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Checks, Clock, Files, Host, Log, NodeNames, Random, Router } from "../../src/kernel/ports.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { AuditChain } from "../access/contract.ts";
import { operations } from "./operations.ts";

const LabelName = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "use lower-case letters, digits, dots, dashes and underscores"),
);
const LabelValue = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "use letters, digits, dots, dashes and underscores"),
);
const addressesMax = 16;

function texts(what: string) {
  return v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(255))),
    v.maxLength(addressesMax),
    v.description(what),
  );
}

export const config = v.strictObject({
  port: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(65_535),
      v.description("TCP port for other nodes, once there is a mesh; 0 takes a free one"),
    ),
    6738,
  ),
  addresses: v.optional(texts("IP addresses to listen on for other nodes; 0.0.0.0 and :: are all"), [
    "0.0.0.0",
    "::",
  ]),
  announce: v.optional(
    texts("More multiaddrs that lead here, for example behind a router: /dns4/box.example/tcp/6738"),
    [],
  ),
  discovery: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Find members on the local network by multicast DNS (UDP 5353) while this node is in a mesh: everybody there can read its peer id and its addresses, and nothing else",
      ),
    ),
    true,
  ),
  labels: v.optional(
    v.pipe(
      v.record(LabelName, LabelValue),
      v.maxEntries(16),
      v.description('Labels of this node for selectors, beside os and cpu: { gpu = "true" }'),
    ),
    {},
  ),
});
export type NetworkingConfig = v.InferOutput<typeof config>;

export const networking = defineModule({
  id: "networking",
  summary: "The mesh: enrolment, roster, and every operation on any node",
  config,
  permissions: {
    "networking.observe": { summary: "See the nodes of the mesh and how they are reached" },
  },
  requires: {
    kernel: KernelView,
    audit: AuditChain,
    checks: Checks,
    clock: Clock,
    files: Files,
    host: Host,
    log: Log,
    names: NodeNames,
    random: Random,
  },
  provides: { router: Router },
  operations,
  start: async (input) => (await import("./start.ts")).startNetworking(input),
});
