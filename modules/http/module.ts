/** The node's HTTP: a Unix socket for the owner, and loopback TCP for whoever has a token. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Clock, Files, Host, Log } from "../../src/kernel/ports.ts";
import { KernelView } from "../../src/kernel/view.ts";
import { Credentials } from "../access/contract.ts";
import { Listeners, Routes } from "./contract.ts";
import { operations } from "./operations.ts";

/** @param most in the unit of the key's name */
function count(usual: number, least: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

const texts = (what: string) => v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.description(what));
const path = (what: string) => v.optional(v.pipe(v.string(), v.description(what)), "");

export const config = v.strictObject({
  port: count(6737, 0, 65_535, "TCP port; 0 takes any that is free"),
  addresses: v.optional(
    texts("IP addresses to listen at. None: only the Unix socket. Beyond loopback needs allowRemote"),
    ["127.0.0.1", "::1"],
  ),
  allowRemote: v.optional(
    v.pipe(v.boolean(), v.description("Whether addresses beyond loopback may be used")),
    false,
  ),
  hosts: v.optional(texts("More names under which the node is called, with the port: box.example:6737"), []),
  tlsCertificate: path("PEM file of the certificate chain, for every TCP address; needs tlsKey"),
  tlsKey: path("PEM file of the certificate's key"),
  limits: v.optional(
    v.strictObject({
      bodyBytesMax: count(1_048_576, 1_024, 1_073_741_824, "Size of a JSON body"),
      bodyTimeoutMs: count(30_000, 100, 3_600_000, "Time for a JSON body to arrive"),
      requestsInFlightMax: count(
        1_024,
        1,
        1_000_000,
        "Requests that are being answered, WebSockets included",
      ),
      failedLoginsPerSecondMax: count(
        50,
        1,
        1_000_000,
        "Beyond this many, wrong tokens are not even looked at",
      ),
      idleTimeoutMs: count(
        10_000,
        4_000,
        255_000,
        "A connection without a request is closed after this; in steps of 4 s",
      ),
      stallMs: count(
        30_000,
        1_000,
        3_600_000,
        "A client that reads nothing of its answer is cut off after this",
      ),
      drainMs: count(2_000, 0, 5_000, "Time for answers to be read when the node stops"),
    }),
    {},
  ),
});

export type HttpConfig = v.InferOutput<typeof config>;

export const http = defineModule({
  id: "http",
  summary: "The HTTP surface on a Unix socket and loopback TCP",
  required: true,
  config,
  permissions: {},
  requires: {
    kernel: KernelView,
    credentials: Credentials,
    clock: Clock,
    files: Files,
    host: Host,
    log: Log,
  },
  provides: { listeners: Listeners, routes: Routes },
  operations,
  start: async (input) => (await import("./start.ts")).startHttp(input),
});
