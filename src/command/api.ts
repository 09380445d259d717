/** `operone api`: the documents of this version, made from the table of operations. None needs a node. */
import { modules } from "../modules.ts";
import { referenceMarkdown } from "../surface/reference.ts";
import type { CommandInput } from "./command.ts";
import { commands } from "./commands.ts";
import { offlineTable } from "./table.ts";

export function reference({ terminal }: CommandInput): number {
  terminal.out(referenceMarkdown({ modules, table: offlineTable(), commands }));
  return 0;
}
