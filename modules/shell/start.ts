/** Starts shell: first ends what an earlier run left behind, then takes commands. */
import type { InferOutput } from "valibot";
import type { Scope, Started } from "../../src/kernel/module.ts";
import type { Checks, Log, Processes } from "../../src/kernel/ports.ts";
import { type CommandPorts, Commands } from "./commands.ts";
import type { config } from "./module.ts";
import type { ShellState } from "./state.ts";

export interface ShellInput {
  readonly config: InferOutput<typeof config>;
  readonly use: CommandPorts & { readonly checks: Checks };
  readonly scope: Scope;
}

export function startShell({ config, use, scope }: ShellInput): Started<Record<never, never>, ShellState> {
  const commands = new Commands(use, config);
  scope.defer(() => commands.stop());
  use.checks.add({
    name: "commands",
    run: () => ({
      verdict: "warning",
      found:
        'commands run unconfined, with all rights of the node\'s user; only "shell.unconfined" allows them',
      fix: "grant shell.unconfined to nobody whom you would not let be the owner of this node",
    }),
  });
  return { state: { commands }, services: {}, ready: endLeftovers(use.processes, use.log) };
}

async function endLeftovers(processes: Processes, log: Log): Promise<void> {
  const ended = await processes.endLeftovers();
  if (ended > 0) log.warn("Ended commands that an earlier run of this node had left behind", { ended });
}
