/** What the operations of shell work on. */
import type { Commands } from "./commands.ts";
import type { Sessions } from "./sessions.ts";

export interface ShellState {
  readonly commands: Commands;
  readonly sessions: Sessions;
}
