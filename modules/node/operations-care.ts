/** Diagnosis, metrics, backup, and the end. */
import * as v from "valibot";
import { operationsOf } from "../../src/kernel/operation.ts";
import type { Check } from "../../src/kernel/ports.ts";
import { metricsMediaType, metricsText } from "./metrics.ts";
import { processFacts } from "./process-facts.ts";
import { renderChecks } from "./render.ts";
import { CheckOut } from "./shapes.ts";
import type { NodeState } from "./state.ts";

const op = operationsOf<NodeState>("node");

const doctor = op({
  name: "doctor",
  summary: "Check this machine and the node, each with a verdict and a fix",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh", "mcp"],
  input: v.strictObject({}),
  output: v.strictObject({ running: v.literal(true), checks: v.array(CheckOut) }),
  deadlineMs: 60_000,
  cli: {
    alias: ["doctor"],
    render: renderChecks,
    exit: ({ checks }) => (checks.some(({ verdict }) => verdict === "failure") ? 1 : undefined),
  },
  examples: [{ input: {}, output: { running: true } }],
  async run({ checks }, _, { signal, progress }) {
    const done: v.InferOutput<typeof CheckOut>[] = [];
    const all = checks.all();
    for (const [at, check] of all.entries()) {
      signal.throwIfAborted();
      const found = await checked(check, signal);
      if (found !== undefined) done.push(found);
      progress({ done: at + 1, total: all.length });
    }
    return { running: true as const, checks: done };
  },
});

/** A check that itself fails is a finding, and keeps none of the others from being made. */
async function checked(
  { name, run }: Check,
  signal: AbortSignal,
): Promise<v.InferOutput<typeof CheckOut> | undefined> {
  try {
    const finding = await run(signal);
    return finding === undefined ? undefined : { name, ...finding };
  } catch (error) {
    const found = `could not be checked: ${error instanceof Error ? error.message : String(error)}`;
    return { name, verdict: "failure", found, fix: "see the node's log (operone logs)" };
  }
}

const metrics = op({
  name: "metrics",
  summary: "Give the node's metrics in the Prometheus text format",
  effect: "read",
  needs: ["node.observe"],
  surfaces: ["http", "cli", "mesh", "mcp"],
  gives: "bytes",
  input: v.strictObject({}),
  examples: [{ input: {} }],
  async run(state) {
    const bytes = new TextEncoder().encode(metricsText(state, await processFacts(state.files)));
    async function* open() {
      yield bytes;
    }
    return { mediaType: metricsMediaType, open };
  },
});

const backup = op({
  name: "backup",
  summary: "Give a backup of the whole data directory as a tar stream",
  description:
    'It holds the node\'s keys and its owner token: keep it as you keep those. "operone restore FILE" puts it into an empty data directory.',
  effect: "read",
  needs: ["access.admin"],
  gives: "bytes",
  input: v.strictObject({}),
  examples: [{ input: {} }],
  run({ backups }) {
    const { fileName, open } = backups.create();
    return { mediaType: "application/x-tar", fileName, open };
  },
});

const stop = op({
  name: "stop",
  summary: "Stop the node, after the calls that are running",
  effect: "destroy",
  needs: ["node.manage"],
  surfaces: ["http", "cli", "mesh"],
  input: v.strictObject({}),
  output: v.strictObject({ stopping: v.literal(true) }),
  run({ kernel }, _, { caller }) {
    kernel.requestStop(`${caller.kind} ${caller.name} asked for it`);
    return { stopping: true as const };
  },
});

export const careOperations = [doctor, metrics, backup, stop];
