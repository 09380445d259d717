/** Commands on this node: argument vectors, and scripts that are read before they run. */
import * as v from "valibot";
import { defineModule } from "../../src/kernel/module.ts";
import { Checks, Clock, Files, Host, Log, Processes, Random } from "../../src/kernel/ports.ts";
import { Secrets } from "../access/contract.ts";
import { ContainedChildren } from "./contract.ts";
import { limits } from "./limits.ts";
import { operations } from "./operations.ts";
import { ProfilesConfig } from "./profile-config.ts";
import { prompts, resources } from "./resources.ts";
import { confined, confinedPermission, unconfined, unconfinedPermission } from "./scope.ts";
import { scriptPermission, scripts } from "./script-scope.ts";

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
  sessionsMax: amount(1_024, 10_000, "Sessions that may run at once"),
  sessionsPerCallerMax: amount(512, 10_000, "Sessions of one caller that may run at once"),
  sessionOutputBytesDefault: amount(
    8_388_608,
    Number.MAX_SAFE_INTEGER,
    "How much of a session's output is kept, when its start names no limit; beyond it the oldest goes",
  ),
  sessionOutputBytesMax: amount(
    1_073_741_824,
    Number.MAX_SAFE_INTEGER,
    "The most output that the start of a session may ask to be kept",
  ),
  sessionsOutputBytesMax: amount(
    4_294_967_296,
    Number.MAX_SAFE_INTEGER,
    "Kept output of all sessions together; beyond it the sessions that ended first go, then the oldest output",
  ),
  sessionsKeptMax: amount(
    4_096,
    100_000,
    "Ended sessions that are kept; beyond it those that ended first go",
  ),
  sessionKeepMs: amount(86_400_000, limits.timerMsMax, "How long a session is kept after its end"),
  sandboxCpuSecondsMax: amount(86_400, limits.timerMsMax, "CPU time of each process of a confined command"),
  sandboxMemoryBytesMax: amount(
    8_589_934_592,
    Number.MAX_SAFE_INTEGER,
    "Memory of each process of a confined command, and of all together: counted by control groups where the node has a branch of them (systemd: Delegate=yes), else looked at four times a second",
  ),
  sandboxProcessesMax: amount(1_024, 1_000_000, "Processes and threads of a confined command"),
  sandboxOpenFilesMax: amount(4_096, 1_000_000, "Open files of each process of a confined command"),
  sandboxFileBytesMax: amount(
    68_719_476_736,
    Number.MAX_SAFE_INTEGER,
    "Size of each file that a confined command writes",
  ),
  sandboxDiskBytesMax: amount(
    68_719_476_736,
    Number.MAX_SAFE_INTEGER,
    "By how much the free room of the disks that a confined command can write may shrink while it runs, whoever takes it; looked at four times a second",
  ),
  sandboxScratchBytesMax: amount(
    536_870_912,
    Number.MAX_SAFE_INTEGER,
    "Size of each of the folders in memory of a confined command: its home and /tmp",
  ),
  dryRunKeepMs: amount(3_600_000, limits.timerMsMax, "How long a dry run waits to be applied or discarded"),
  dryRunsMax: amount(32, 1_000, "Dry runs at once, running or waiting"),
  dryRunsPerCallerMax: amount(8, 1_000, "Dry runs of one caller at once, running or waiting"),
  dryRunBytesMax: amount(
    1_073_741_824,
    Number.MAX_SAFE_INTEGER,
    "What a dry run may write to its workspace, on the disk; looked at twice a second",
  ),
  dryRunsBytesMax: amount(
    10_737_418_240,
    Number.MAX_SAFE_INTEGER,
    "The same of all dry runs; one that runs counts as the most that it may write",
  ),
  childrenMax: amount(
    4,
    256,
    "Contained children that may read documents at once; others wait, and one is never for who has all the rest",
  ),
  profiles: ProfilesConfig,
  allowDegraded: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Whether commands may be confined by Landlock and seccomp alone where nothing better works; SECURITY.md says what that does not hold",
      ),
    ),
    false,
  ),
});

export const shell = defineModule({
  id: "shell",
  summary: "Run commands",
  config,
  permissions: {
    [confined]: confinedPermission,
    [scripts]: scriptPermission,
    [unconfined]: unconfinedPermission,
  },
  requires: {
    checks: Checks,
    clock: Clock,
    files: Files,
    random: Random,
    log: Log,
    host: Host,
    processes: Processes,
    secrets: Secrets,
  },
  provides: { children: ContainedChildren },
  operations,
  prompts,
  resources,
  start: async (input) => (await import("./start.ts")).startShell(input),
});
