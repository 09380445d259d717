/** What other modules may know of shell: children that read what nobody trusts. */
import { service } from "../../src/kernel/module.ts";

export interface ChildLimits {
  /** From its start to its end. */
  readonly timeMsMax: number;
  /** What it may hold in memory. */
  readonly memoryBytesMax: number;
  /** Of all its messages together, as they come through the pipe. */
  readonly outputBytesMax: number;
}

export interface ChildTask {
  /** JSON; what the part is to do. */
  readonly request: unknown;
  /** Given to it as it reads; what it does not read is not taken. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly limits: ChildLimits;
  /** Who it is done for: nobody has all the children that there may be at once. */
  readonly holder: string;
  readonly signal: AbortSignal;
}

/** By which tier of the sandbox, or why there is none. */
export type Containment =
  | { readonly ready: true; readonly by: string }
  | { readonly ready: false; readonly why: string; readonly fix: string };

/**
 * Parts of this program that run in a process of their own, for one task each: without network, files, or the node's
 * environment, and with limits. Where the system has no sandbox, nothing runs. The parts are listed in src/children.ts.
 */
export interface ContainedChildren {
  /**
   * The messages of the child, JSON values that it made up: to be checked before they are believed. It is dead when the
   * iteration is over, however that came.
   *
   * @param noun `<module>/<noun>`
   * @throws OperoneError `unsupported` where a process cannot be contained, what the part itself threw; `too_large` beyond the memory or the output, `deadline` beyond the
   *   time, `unsupported_media` when it broke down over its input, `limited` when too many wait, and what `input` threw
   */
  run(noun: string, task: ChildTask): AsyncGenerator<unknown, void, undefined>;
  /** How children are contained on this machine. */
  containment(): Promise<Containment>;
}
export const ContainedChildren = service<ContainedChildren>("shell.contained-children");
