/**
 * A kind of mount: what can stand below `/@name/`. Each is one file in mounts/ and one line in `mountKinds`
 * (mounts/kinds.ts); the operations, the store, the command line and the documents know of it by that.
 *
 * A kind's file is loaded with the operations, so it imports valibot and types alone; what opens it is imported when it
 * is opened.
 */
import type * as v from "valibot";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { Backend } from "./backend.ts";

/** What the settings of a kind are made of: flat, each with a description that says of which kind it is. `name`, `kind` and `readOnly` are taken. */
export type SettingEntries = Readonly<Record<string, v.GenericSchema>>;

/** What a mount may use of the node. */
export interface MountContext {
  /** Of the mount, without `/@`. */
  readonly name: string;
  /** Whether it was mounted to be read alone. Writes are refused before they come to the backend. */
  readonly readOnly: boolean;
  /** The machine's own files, without those of the node: with `owner`, for what lies in a file or a folder of it. */
  readonly machine: Backend;
  /** A folder of the machine as a tree of its own: links out of it are refused. @param root a real path; "" for all */
  folder(root: string): Backend;
  readonly clock: Clock;
  nowMs(): number;
  /** Bytes of that many. */
  random(count: number): Uint8Array;
  /**
   * A secret by its name, as the owner has stored it ("operone secret set"). Settings hold the name alone.
   *
   * @throws OperoneError `not_found`
   */
  secret(name: string): Promise<Uint8Array>;
  /** Ends when opening has taken too long (then the mount is `unavailable`), or the node stops. */
  readonly signal: AbortSignal;
}

/** Whose rights a far mount uses: those of each call. */
export type MountCaller = Pick<CallContext, "authority" | "call">;

interface KindFacts<S> {
  /** Lower-case word. */
  readonly id: string;
  readonly summary: string;
  readonly settings: v.GenericSchema<unknown, S> & { readonly entries: SettingEntries };
  /** What is kept, where that is more than what is asked for: as `settle` gives it, and `open` gets it. */
  readonly kept?: v.GenericSchema<unknown, S>;
  /** Whether what it holds is gone when it is unmounted. */
  readonly holdsOnlyCopy?: boolean;
  /** Whether what is read of it is worth keeping on the disk here. */
  readonly isFar?: boolean;
}

/** Opened once, for everybody: what a caller may do is judged by the `Access` of each call. */
export interface OpenedKind<S> extends KindFacts<S> {
  /**
   * Before it is kept, once: settings as they shall be kept, for example a real path in place of one through links.
   *
   * @throws OperoneError when there can be no such mount
   */
  settle?(settings: S, context: MountContext): Promise<S>;
  /**
   * Called before each use: whether what was opened is still what was mounted.
   *
   * @throws OperoneError `unavailable`
   */
  assertThere?(settings: S): Promise<void>;
  /**
   * Called when it is first used, and again a while after it has failed.
   *
   * @throws OperoneError `unavailable` with the reason and the next step: the mount is kept, and answers with it
   */
  open(settings: S, context: MountContext): Promise<Backend>;
}

/** Made anew for each call, because another node judges it by the caller. */
export interface CalledKind<S> extends KindFacts<S> {
  /** @throws OperoneError */
  forCall(settings: S, caller: MountCaller): Promise<Backend>;
}

export type MountKind<S = unknown> = OpenedKind<S> | CalledKind<S>;
