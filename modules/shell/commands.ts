/** The commands that run now. */
import type { CallContext } from "../../src/kernel/operation.ts";
import type { CommandInput, CommandItem, CommandMessage } from "./shapes.ts";

export interface Commands {
  run(input: CommandInput, context: CallContext): AsyncIterable<CommandItem>;
  interact(input: CommandInput, context: CallContext<CommandMessage>): AsyncIterable<CommandItem>;
}
