/** What the operations of shell work on. */
import type { Commands } from "./commands.ts";

export interface ShellState {
  readonly commands: Commands;
}
