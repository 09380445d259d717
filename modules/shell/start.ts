/** Starts shell: first ends what an earlier run left behind, then takes commands. */
import type { InferOutput } from "valibot";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Checks, Finding, Log, Processes } from "../../src/kernel/ports.ts";
import { removeLeftScratch } from "../../src/platform/scratch.ts";
import { Children } from "./children.ts";
import { CommandStart } from "./command-start.ts";
import { Commands } from "./commands.ts";
import type { ContainedChildren, Containment } from "./contract.ts";
import type { config } from "./module.ts";
import { type SessionPorts, Sessions } from "./sessions.ts";
import type { ShellState } from "./state.ts";
import { type ReadyTier, type Tier, tierTexts } from "./tier.ts";

export interface ShellInput {
  readonly config: InferOutput<typeof config>;
  readonly use: SessionPorts & { readonly checks: Checks };
  readonly scope: Scope;
}

export function startShell({
  config,
  use,
  scope,
}: ShellInput): Started<{ children: typeof ContainedChildren }, ShellState> {
  const commandStart = new CommandStart(use, config);
  const commands = new Commands(use, config, commandStart);
  const sessions = new Sessions(use, config, commandStart);
  const children = new Children({ ...use, sandbox: () => commandStart.box() }, config.childrenMax);
  scope.defer(async () => void (await Promise.all([commands.stop(), sessions.stop(), children.stop()])));
  use.checks.add({ name: "documents", run: async () => documentsFinding(await children.containment()) });
  use.checks.add({ name: "commands", run: async () => findingOf(await commandStart.tier()) });
  const ready = begin(commandStart, use).then(() => commands.dryRuns.clear());
  // What they said can wait until the doors are open.
  scope.defer(
    use.clock.after(wakeAfterMs, () => {
      const told = (error: unknown) =>
        use.log.error("The sessions could not be opened", { error: String(error) });
      void ready.then(() => sessions.wake()).catch(told);
    }),
  );
  return { state: { commands, sessions }, services: { children }, ready };
}

/** Long after the start, when nobody has asked for them before. */
const wakeAfterMs = 1_000;

function documentsFinding(containment: Containment): Finding {
  if (!containment.ready) {
    const { why, fix } = containment;
    return { verdict: "warning", found: `documents are not read: ${why}`, fix };
  }
  const found = `documents are read by contained processes (${containment.by}), which see nothing but this program`;
  return { verdict: "ok", found };
}

function findingOf(tier: Tier): Finding {
  if (!tier.ready) {
    return { verdict: "warning", found: `confined commands are refused: ${tier.why}`, fix: tier.fix };
  }
  const found = `commands are confined by ${tierTexts[tier.name]}; memory is limited for ${memoryText(tier)}`;
  const [first] = tier.better;
  if (first === undefined) return { verdict: "ok", found };
  const better = tier.better.map(({ name, why }) => `${name} would be better: ${why}`).join("; ");
  return { verdict: "warning", found: `${found}; ${better}`, fix: first.fix };
}

function memoryText({ name, groups }: ReadyTier): string {
  if (groups !== undefined) return "all processes together";
  if (name === "namespaces") return "all processes together, as it is seen four times a second";
  return "each process, and not for all together";
}

/** A profile that would not hold what it says is no profile: then the module fails, and says why. */
async function begin(commandStart: CommandStart, { processes, host, log }: ShellInput["use"]): Promise<void> {
  await endLeftovers(processes, log);
  await removeLeftFolders(host.dataDirectory, log);
  await commandStart.assertProfiles();
}

async function endLeftovers(processes: Processes, log: Log): Promise<void> {
  const ended = await processes.endLeftovers();
  if (ended > 0) log.warn("Ended commands that an earlier run of this node had left behind", { ended });
}

/** They are in nobody's way but the disk's, so a node that cannot remove them works all the same. */
async function removeLeftFolders(dataDirectory: string, log: Log): Promise<void> {
  try {
    const removed = await removeLeftScratch(dataDirectory);
    if (removed > 0) log.warn("Removed folders of commands that an earlier run had left behind", { removed });
  } catch (error) {
    log.warn("Folders of commands of an earlier run could not be removed", { error: String(error) });
  }
}
