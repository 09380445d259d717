/** Starts shell: first ends what an earlier run left behind, then takes commands. */
import type { InferOutput } from "valibot";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Checks, Finding, Log, Processes } from "../../src/kernel/ports.ts";
import { type CommandPorts, Commands } from "./commands.ts";
import type { config } from "./module.ts";
import type { Tier } from "./sandbox.ts";
import type { ShellState } from "./state.ts";

export interface ShellInput {
  readonly config: InferOutput<typeof config>;
  readonly use: CommandPorts & { readonly checks: Checks };
  readonly scope: Scope;
}

export function startShell({ config, use, scope }: ShellInput): Started<Record<never, never>, ShellState> {
  const commands = new Commands(use, config);
  scope.defer(() => commands.stop());
  use.checks.add({ name: "commands", run: async () => findingOf(await commands.tier()) });
  return { state: { commands }, services: {}, ready: endLeftovers(use.processes, use.log) };
}

function findingOf(tier: Tier): Finding {
  if (!tier.ready) {
    return { verdict: "warning", found: `confined commands are refused: ${tier.why}`, fix: tier.fix };
  }
  return {
    verdict: "ok",
    found: `commands are confined by namespaces, Landlock and seccomp; memory is limited for ${
      tier.groups === undefined ? "each process, and not for all together" : "all processes together"
    }`,
  };
}

async function endLeftovers(processes: Processes, log: Log): Promise<void> {
  const ended = await processes.endLeftovers();
  if (ended > 0) log.warn("Ended commands that an earlier run of this node had left behind", { ended });
}
