/** Commands on this node: argument vectors, never shell strings. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Checks, Clock, Files, Host, Log, Processes } from "../../src/kernel/ports.ts";
import { Secrets } from "../access/contract.ts";
import { limits } from "./limits.ts";
import { operations } from "./operations.ts";
import { confined, confinedPermission, unconfined, unconfinedPermission } from "./scope.ts";

function amount(usual: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

export const config = v.strictObject({
  timeoutMsDefault: amount(
    600_000,
    limits.timerMsMax,
    "How long a command may run when its call names no time",
  ),
  timeoutMsMax: amount(86_400_000, limits.timerMsMax, "The longest time that a call may name"),
  outputBytesDefault: amount(
    268_435_456,
    Number.MAX_SAFE_INTEGER,
    "How much a command may write to stdout and stderr together when its call names no limit",
  ),
  outputBytesMax: amount(1_099_511_627_776, Number.MAX_SAFE_INTEGER, "The most output that a call may name"),
  killGraceMsDefault: amount(
    5_000,
    600_000,
    "From the request to end (SIGTERM) to the end by force (SIGKILL)",
  ),
  killGraceMsMax: amount(60_000, 600_000, "The longest such grace that a call may name"),
  commandsMax: amount(256, 10_000, "Commands that may run at once"),
  commandsPerCallerMax: amount(64, 10_000, "Commands of one caller that may run at once"),
  sandboxCpuSecondsMax: amount(86_400, limits.timerMsMax, "CPU time of each process of a confined command"),
  sandboxMemoryBytesMax: amount(
    8_589_934_592,
    Number.MAX_SAFE_INTEGER,
    "Private memory of each process of a confined command, and of all together where the node has a branch of control groups (systemd: Delegate=yes)",
  ),
  sandboxProcessesMax: amount(1_024, 1_000_000, "Processes and threads of a confined command"),
  sandboxOpenFilesMax: amount(4_096, 1_000_000, "Open files of each process of a confined command"),
  sandboxFileBytesMax: amount(
    68_719_476_736,
    Number.MAX_SAFE_INTEGER,
    "Size of each file that a confined command writes",
  ),
  sandboxScratchBytesMax: amount(
    536_870_912,
    Number.MAX_SAFE_INTEGER,
    "Size of each of the folders in memory of a confined command: its home and /tmp",
  ),
});

export const shell = defineModule({
  id: "shell",
  summary: "Run commands",
  config,
  permissions: { [confined]: confinedPermission, [unconfined]: unconfinedPermission },
  requires: {
    checks: Checks,
    clock: Clock,
    files: Files,
    log: Log,
    host: Host,
    processes: Processes,
    secrets: Secrets,
  },
  provides: {},
  operations,
  start: async (input) => (await import("./start.ts")).startShell(input),
});
