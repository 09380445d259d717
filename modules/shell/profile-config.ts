/** How a profile is written in the configuration: `[shell.profiles.NAME]`. */
import * as v from "valibot";
import { limits } from "./limits.ts";
import { NetworkRule } from "./network.ts";
import { profiles } from "./sandbox-policy.ts";
import { Pattern, ProfileName, VariableName, Word } from "./words.ts";

const profilesMax = 64;
/** The launcher's own room for entries is 256, of which the sandbox itself needs some. */
const pathsMax = 32;

const Path = v.pipe(
  v.string(),
  v.maxLength(limits.pathLengthMax),
  v.check((path) => path !== "/", 'the root "/" is the whole system'),
  v.regex(
    /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/,
    'write an absolute path, without "." or ".." in it and without a slash at its end',
  ),
);

function paths(what: string) {
  return v.optional(v.pipe(v.array(Path), v.maxLength(pathsMax), v.description(what)), []);
}

function amount(most: number) {
  return v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most)));
}

/** What a profile leaves out is as in [shell]. */
const ProfileLimits = v.strictObject({
  /** Of the wall clock. */
  timeoutMsMax: amount(limits.timerMsMax),
  outputBytesMax: amount(Number.MAX_SAFE_INTEGER),
  cpuSecondsMax: amount(limits.timerMsMax),
  memoryBytesMax: amount(Number.MAX_SAFE_INTEGER),
  processesMax: amount(1_000_000),
  openFilesMax: amount(1_000_000),
  fileBytesMax: amount(Number.MAX_SAFE_INTEGER),
  diskBytesMax: amount(Number.MAX_SAFE_INTEGER),
  scratchBytesMax: amount(Number.MAX_SAFE_INTEGER),
});

export const ProfileConfig = v.strictObject({
  base: v.optional(v.picklist(profiles), "workspace"),
  read: paths("Paths to be read besides the system and the workspace"),
  write: paths("Paths to be written too"),
  hide: paths("Paths that are empty for the command, even below others"),
  environment: v.optional(v.pipe(v.record(VariableName, Word), v.maxEntries(limits.variablesMax)), {}),
  inherit: v.optional(v.pipe(v.array(VariableName), v.maxLength(limits.variablesMax)), []),
  network: v.optional(NetworkRule, "none"),
  commands: v.optional(v.pipe(v.array(Pattern), v.maxLength(limits.patternsMax))),
  limits: v.optional(ProfileLimits, {}),
});
export type ProfileConfig = v.InferOutput<typeof ProfileConfig>;

export const ProfilesConfig = v.optional(
  v.pipe(
    v.record(ProfileName, ProfileConfig),
    v.maxEntries(profilesMax),
    v.check(
      (all) => !Object.keys(all).some((name) => (profiles as readonly string[]).includes(name)),
      `${profiles.join(" and ")} are always there, and are not to be changed; choose another name`,
    ),
    v.description(
      "Profiles of your own, a table for each name: base (read-only or workspace), read, write and hide (absolute paths), environment (variables with fixed values), inherit (names of the node's own variables), network (none, full, or { domains, ports }: names that are reached through the node's proxy, and TCP ports of the machine's loopback), commands (patterns; absent: all), and limits (timeoutMsMax, outputBytesMax, cpuSecondsMax, memoryBytesMax, processesMax, openFilesMax, fileBytesMax, diskBytesMax, scratchBytesMax; absent: those of shell)",
    ),
  ),
  {},
);
