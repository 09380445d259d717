/**
 * The dry runs of this node, while they run and for a time after. They are gone with the node: what it held of them is
 * removed when it stops, and what is left of a node that was killed when the next one starts.
 */
import type { Caller, ScopeRequest } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Clock, Files, Log, Random } from "../../src/kernel/ports.ts";
import { contentsSize, removeFolder } from "../../src/platform/folder-contents.ts";
import { OpenFolder } from "../../src/platform/open-folder.ts";
import { type DryRunOrigin, isWorthKeeping, type KeptDryRun, mayUse, readDryRun, viewOf } from "./dry-run.ts";
import { applyDryRun } from "./dry-run-application.ts";
import type { Applied, DryRun, DryRunView } from "./dry-run-shapes.ts";
import { limits } from "./limits.ts";
import { realOf } from "./sandbox-workspace.ts";

export interface DryRunBounds {
  readonly keepMs: number;
  readonly countMax: number;
  readonly perCallerMax: number;
  /** On the disk, of each and of all. */
  readonly bytesMax: number;
  readonly allBytesMax: number;
}

export interface DryRunPorts {
  readonly clock: Clock;
  readonly files: Files;
  readonly log: Log;
  readonly random: Random;
}

export interface DryRunAsked {
  /** A real path, checked. */
  readonly workspace: string;
  readonly caller: Caller;
  readonly argv: readonly string[];
  readonly requests: readonly ScopeRequest[];
}

/** While its command runs. */
export interface PendingDryRun {
  readonly folder: string;
  /** Calls back once when it has written too much. */
  watch(tooMuch: (error: OperoneError) => void): void;
  /** For the command that has ended: what it changed. Kept from now on, if there is something to keep. */
  finish(): Promise<DryRunView>;
  /** Forgets it, unless it is kept. */
  close(): Promise<void>;
}

interface Held {
  readonly origin: DryRunOrigin;
  kept: KeptDryRun | undefined;
  busy: boolean;
  stopTimer: () => void;
}

/** How often the size of a running one is looked at. */
const watchMs = 500;
/** Of a file system that is nearly full nothing is taken. */
const freeBytesMin = 256 * 1024 * 1024;

export class DryRuns {
  readonly #ports: DryRunPorts;
  readonly #dataDirectory: string;
  readonly #bounds: DryRunBounds;
  readonly #held = new Map<string, Held>();

  constructor(ports: DryRunPorts, dataDirectory: string, bounds: DryRunBounds) {
    this.#ports = ports;
    this.#dataDirectory = dataDirectory;
    this.#bounds = bounds;
  }

  /** Removes what an earlier run of the node has left. Before the first one begins. */
  async clear(): Promise<void> {
    await removeFolder(await this.#folder());
  }

  async stop(): Promise<void> {
    for (const id of [...this.#held.keys()]) await this.#forget(id);
  }

  /** @throws OperoneError `limited` */
  async begin(asked: DryRunAsked): Promise<PendingDryRun> {
    const { files, random } = this.#ports;
    this.#assertRoom(asked.caller);
    const id = Buffer.from(random.bytes(8)).toString("hex");
    const folder = `${await this.#folder()}/${id}`;
    await files.ensureDirectory(folder);
    if ((await files.freeBytes(folder)) < freeBytesMin) {
      await removeFolder(folder);
      throw new OperoneError("limited", `The disk of ${this.#dataDirectory} is nearly full; free some of it`);
    }
    const origin = { ...asked, id, folder, ...(await layersFor(asked.workspace, folder)) };
    const held: Held = { origin, kept: undefined, busy: false, stopTimer: () => {} };
    this.#held.set(id, held);
    return {
      folder,
      watch: (tooMuch) => this.#watch(held, tooMuch),
      finish: () => this.#finish(held),
      close: async () => {
        if (held.kept === undefined) await this.#forget(id);
      },
    };
  }

  list(caller: Caller): readonly DryRun[] {
    return [...this.#held.values()].flatMap(({ origin, kept }) =>
      kept !== undefined && mayUse(origin, caller) ? [viewOf(kept).dryRun] : [],
    );
  }

  /** @throws OperoneError `not_found` */
  show(id: string, caller: Caller): DryRunView {
    return viewOf(this.#find(id, caller).kept);
  }

  /** @throws OperoneError `not_found`, `conflict` while it is being applied */
  async discard(id: string, caller: Caller): Promise<void> {
    this.#assertIdle(this.#find(id, caller).held);
    await this.#forget(id);
  }

  /** @throws OperoneError `not_found`, `forbidden`, and as `applyDryRun` */
  async apply(id: string, { caller, authority, signal }: ApplyContext): Promise<Applied> {
    const { held, kept } = this.#find(id, caller);
    for (const { permission, request } of kept.requests) authority.check(permission, request);
    this.#assertIdle(held);
    held.busy = true;
    try {
      const applied = await applyDryRun(
        kept,
        () => Buffer.from(this.#ports.random.bytes(6)).toString("hex"),
        signal,
      );
      await this.#forget(id);
      return applied;
    } finally {
      held.busy = false;
    }
  }

  #find(id: string, caller: Caller): { readonly held: Held; readonly kept: KeptDryRun } {
    const held = this.#held.get(id);
    if (held?.kept !== undefined && mayUse(held.origin, caller)) return { held, kept: held.kept };
    throw new OperoneError(
      "not_found",
      `There is no dry run "${id}" of ${caller.name}; it may be over its time, or gone with a restart of the node. "operone shell dry-run-list" shows what there is`,
    );
  }

  /** By its real path, for nothing below follows links. */
  async #folder(): Promise<string> {
    return `${await realOf(this.#dataDirectory)}/shell/dry-runs`;
  }

  #assertIdle({ busy, origin }: Held): void {
    if (busy)
      throw new OperoneError("conflict", `The dry run "${origin.id}" is being applied; wait for that`);
  }

  #assertRoom(caller: Caller): void {
    const { countMax, perCallerMax, bytesMax, allBytesMax } = this.#bounds;
    const all = [...this.#held.values()];
    const own = all.filter(
      ({ origin }) => origin.caller.kind === caller.kind && origin.caller.id === caller.id,
    );
    // One that still runs may become as large as it may be.
    const bytes = all.reduce((sum, { kept }) => sum + (kept?.sizeBytes ?? bytesMax), 0);
    if (all.length < countMax && own.length < perCallerMax && bytes + bytesMax <= allBytesMax) return;
    throw new OperoneError(
      "limited",
      `This node holds ${all.length} dry runs, ${own.length} of them of ${caller.name}, and allows ${countMax}, ${perCallerMax} for each caller, and ${allBytesMax} bytes for all; apply or discard some`,
    );
  }

  #watch(held: Held, tooMuch: (error: OperoneError) => void): void {
    const look = async () => {
      const error = await this.#measure(held.origin).then(
        () => undefined,
        (cause) => cause,
      );
      if (!this.#held.has(held.origin.id) || held.kept !== undefined) return;
      if (error === undefined) held.stopTimer = this.#ports.clock.after(watchMs, run);
      else if (error instanceof OperoneError) tooMuch(error);
      else throw error;
    };
    const run = () =>
      void look().catch((cause) =>
        this.#ports.log.warn("A dry run could not be measured", { cause: String(cause) }),
      );
    held.stopTimer = this.#ports.clock.after(watchMs, run);
  }

  /** Its size in bytes. @throws OperoneError `too_large` when it must not go on */
  async #measure({ folder }: DryRunOrigin): Promise<number> {
    const { bytesMax } = this.#bounds;
    const size = await contentsSize(`${folder}/upper`, { entriesMax, depthMax: limits.depthMax });
    const free = await this.#ports.files.freeBytes(folder);
    if (size !== undefined && size.bytes <= bytesMax && free >= freeBytesMin) return size.bytes;
    throw new OperoneError(
      "too_large",
      `The command was ended: a dry run may write ${bytesMax} bytes in ${entriesMax} files and folders, ${limits.depthMax} deep, all of them to be looked into, and leaves ${freeBytesMin} bytes of the disk free; raise shell.dryRunBytesMax of this node, or run it without --dry-run`,
    );
  }

  async #finish(held: Held): Promise<DryRunView> {
    held.stopTimer();
    const { clock } = this.#ports;
    const { origin } = held;
    await this.#measure(origin);
    const madeAtMs = clock.nowMs();
    const read = await readDryRun(origin, { madeAtMs, expiresAtMs: madeAtMs + this.#bounds.keepMs });
    // Again, for now everything can be looked into.
    const kept = { ...read, sizeBytes: await this.#measure(origin) };
    if (isWorthKeeping(kept) && this.#held.has(origin.id)) {
      held.kept = kept;
      held.stopTimer = clock.after(this.#bounds.keepMs, () => this.#expire(held));
    }
    return viewOf(kept);
  }

  #expire(held: Held): void {
    // One that is being applied goes when that is done.
    if (held.busy) held.stopTimer = this.#ports.clock.after(watchMs, () => this.#expire(held));
    else
      void this.#forget(held.origin.id).catch((cause) =>
        this.#ports.log.warn("A dry run could not be removed", { cause: String(cause) }),
      );
  }

  async #forget(id: string): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    held.stopTimer();
    await removeFolder(held.origin.folder);
  }
}

export type ApplyContext = Pick<CallContext, "caller" | "authority" | "signal">;

/** Folders count too, and every one of the workspace above a file that changed. */
const entriesMax = limits.changesMax * 2;

/** The two folders of an overlay; the upper one shows as the workspace's own. */
async function layersFor(workspace: string, folder: string) {
  await using base = await OpenFolder.at(workspace);
  await using layers = await OpenFolder.at(folder);
  const facts = await base.ownFacts();
  for (const name of ["upper", "work"]) await layers.makeFolder(name, 0o700);
  await using upper = await layers.folder("upper");
  await upper.setMode(Number(facts.mode) & 0o777);
  const { ctimeNs } = await upper.ownFacts();
  const owner = process.getuid?.() === 0 ? { user: Number(facts.uid), group: Number(facts.gid) } : undefined;
  return { device: facts.dev, inode: facts.ino, startedNs: ctimeNs, owner };
}
