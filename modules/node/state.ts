/** What the operations of the node work on. */
import type { Backups, Checks, Clock, Files, Host, LogBook, NodeNames } from "../../src/kernel/ports.ts";
import type { KernelView } from "../../src/kernel/view.ts";
import type { Listeners } from "../http/contract.ts";

export interface NodeState {
  readonly names: NodeNames;
  readonly kernel: KernelView;
  readonly backups: Backups;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly files: Files;
  readonly host: Host;
  readonly book: LogBook;
  readonly listeners: Listeners;
}
