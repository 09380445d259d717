/** What a module may know of the kernel that runs it: the table, the dispatcher, the states. */
import type { Permission } from "./authority.ts";
import type { Bell } from "./bell.ts";
import type { Answer, Call } from "./call.ts";
import type { ErrorCode } from "./error.ts";
import { type ModuleStatus, service } from "./module.ts";
import type { Operation, SurfaceName } from "./operation.ts";
import type { Prompt, Resource } from "./resource.ts";

/** Operations by id, in the order of their ids. */
export type OperationTable = ReadonlyMap<string, Operation>;

/** Counted by the dispatcher since the start of the node. */
export interface CallStatistics {
  readonly operation: string;
  readonly surface: SurfaceName;
  readonly code: ErrorCode | "ok";
  readonly count: number;
  readonly durationMsSum: number;
  /** Cumulative counts for the upper bounds in `durationMsBounds`. */
  readonly buckets: readonly number[];
}

export interface KernelView {
  readonly table: OperationTable;
  readonly permissions: ReadonlyMap<string, Permission>;
  /** Of all modules, in the order of their names. */
  readonly resources: readonly Resource[];
  readonly prompts: readonly Prompt[];
  /**
   * The only door to a handler. @throws OperoneError for every refusal and failure before the first item or byte.
   */
  call(call: Call): Promise<Answer>;
  modules(): readonly ModuleStatus[];
  /** Names of the other nodes that are connected now. */
  nodes(): readonly string[];
  /** Rung when what a caller sees may be different now: states of modules, rights, nodes. */
  readonly changes: Bell;
  statistics(): readonly CallStatistics[];
  readonly durationMsBounds: readonly number[];
  /** Calls that are running now. */
  callsInFlight(): number;
  /** Asks the node to stop; returns at once. */
  requestStop(reason: string): void;
}
export const KernelView = service<KernelView>("kernel");
