/** The operations and commands of this program, without a node. */
import { operationTable, permissionsOf } from "../kernel/graph.ts";
import type { OperationTable } from "../kernel/view.ts";
import { modules } from "../modules.ts";
import type { CommandLine } from "../surface/commands.ts";
import { commonOptions } from "./command.ts";
import { commands } from "./commands.ts";

export function offlineTable(): OperationTable {
  return operationTable(modules, permissionsOf(modules));
}

export function commandLine(): CommandLine {
  return {
    table: offlineTable(),
    modules,
    commands: commands.map(({ words, summary, options = {} }) => ({
      words,
      summary,
      options: [
        ...Object.entries(options)
          .filter(([, option]) => option.hidden !== true)
          .map(([name]) => name),
        ...Object.keys(commonOptions),
      ],
    })),
  };
}
