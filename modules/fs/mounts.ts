/**
 * What is mounted on this node. The store says which mounts there are; each is opened when it is first used. One that
 * cannot be opened stays, says why to whoever uses it, and is tried again when somebody uses it later: nothing else ever
 * comes in its place.
 */
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { problemOf } from "../../src/kernel/schema-issue.ts";
import type { Access, Backend, OpenFile } from "./backend.ts";
import { cachedFile } from "./cache/cached-file.ts";
import type { ContentCache } from "./cache/content-cache.ts";
import type { MountCaller, MountContext, MountKind } from "./mount-kind.ts";
import { MountedBackend } from "./mounted-backend.ts";
import type { MountRow, MountStore } from "./store.ts";

const mountsMax = 256;
/** For opening, and for the answer whether it is there. */
const openTimeoutMs = 10_000;
/** So long a failure is told again without another attempt. */
const failureKeptMs = 1_000;

export const ownerAccess: Access = { allows: () => true, check: () => {}, unlimited: true };

/** As the store has it, with settings that are data again. */
export interface Mount {
  readonly name: string;
  readonly kind: string;
  readonly readOnly: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly createdAtMs: number;
}

export interface MountsPorts {
  readonly clock: Clock;
  readonly kinds: readonly MountKind[];
  /** Opened when it is first needed: a node without mounts never does. */
  store(): Promise<MountStore>;
  context(mount: Pick<Mount, "name" | "readOnly">, signal: AbortSignal): MountContext;
  /** Of what is far away. Undefined: the owner wants none. */
  cache(): Promise<ContentCache | undefined>;
}

interface Kept {
  readonly mount: Mount;
  opening?: Promise<Backend>;
  failedAtMs?: number;
  /** Of kinds that are made for each call. */
  readonly calls: WeakMap<object, Promise<Backend>>;
}

export class Mounts {
  readonly #ports: MountsPorts;
  #loading: Promise<Map<string, Kept>> | undefined;

  constructor(ports: MountsPorts) {
    this.#ports = ports;
  }

  async all(): Promise<readonly Mount[]> {
    return [...(await this.#kept()).values()]
      .map(({ mount }) => mount)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * @throws OperoneError `conflict` for a name in use, `invalid_input` for settings that the kind does not take, and
   *   whatever says that it cannot be opened
   */
  async add(wanted: Omit<Mount, "createdAtMs">, caller: MountCaller): Promise<Mount> {
    const kept = await this.#kept();
    assertFree(kept, wanted.name);
    const kind = this.#kind(wanted.kind);
    const settings = await this.#settled(kind, wanted);
    const mount = { ...wanted, settings, createdAtMs: this.#ports.clock.nowMs() };
    const made: Kept = { mount, calls: new WeakMap() };
    const backend = await this.#opened(made, caller);
    try {
      await this.#assertThere(backend, mount.name);
      const store = await this.#ports.store();
      // Others may have come meanwhile; from here on nothing waits.
      assertFree(kept, mount.name);
      store.add(rowOf(mount));
    } catch (error) {
      await backend[Symbol.asyncDispose]();
      throw error;
    }
    kept.set(mount.name, made);
    return mount;
  }

  /** @throws OperoneError `not_found`; `conflict` when what it holds would be lost and not `discard` */
  async remove(name: string, discard: boolean): Promise<void> {
    const kept = await this.#kept();
    const { mount, opening } = await this.#existing(name);
    const backend = await opening?.catch(() => undefined);
    const holdsOnlyCopy = this.#ports.kinds.find(({ id }) => id === mount.kind)?.holdsOnlyCopy === true;
    if (holdsOnlyCopy && !discard && backend !== undefined && !(await isEmpty(backend))) {
      throw new OperoneError(
        "conflict",
        `"/@${name}" holds files that are nowhere else; copy them, or say discard to lose them`,
      );
    }
    (await this.#ports.store()).remove(name);
    kept.delete(name);
    await (await this.#ports.cache())?.forget(sourceOf(mount));
    await backend?.[Symbol.asyncDispose]();
  }

  /** @throws OperoneError `not_found`; `unavailable` with the reason */
  async backend(name: string, caller: MountCaller): Promise<Backend> {
    return await this.#opened(await this.#existing(name), caller);
  }

  /** Undefined: it is there. */
  async problem(name: string, caller: MountCaller): Promise<OperoneError | undefined> {
    try {
      await this.#assertThere(await this.backend(name, caller), name);
      return undefined;
    } catch (error) {
      return error instanceof OperoneError
        ? error
        : new OperoneError("internal", "It failed inside the node");
    }
  }

  async close(): Promise<void> {
    const kept = await this.#loading?.catch(() => undefined);
    for (const { opening } of kept?.values() ?? [])
      await opening?.then((backend) => backend[Symbol.asyncDispose]()).catch(() => {});
  }

  #kept(): Promise<Map<string, Kept>> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #load(): Promise<Map<string, Kept>> {
    const rows = (await this.#ports.store()).all();
    return new Map(rows.map((row) => [row.name, { mount: mountFrom(row), calls: new WeakMap() }]));
  }

  async #existing(name: string): Promise<Kept> {
    const found = (await this.#kept()).get(name);
    if (found !== undefined) return found;
    throw new OperoneError(
      "not_found",
      `There is no mount "/@${name}" on this node; "operone fs mounts" lists those that there are`,
    );
  }

  #kind(id: string): MountKind {
    const kind = this.#ports.kinds.find((one) => one.id === id);
    if (kind !== undefined) return kind;
    const known = this.#ports.kinds.map((one) => `"${one.id}"`).join(", ");
    throw new OperoneError("unavailable", `This operone knows no mounts of the kind "${id}", only ${known}`);
  }

  async #settled(kind: MountKind, { name, readOnly, settings }: Omit<Mount, "createdAtMs">) {
    const parsed = checked(kind, settings);
    if (!("settle" in kind) || kind.settle === undefined) return plain(parsed);
    const settle = kind.settle.bind(kind);
    return plain(
      await this.#timely(name, (signal) => settle(parsed, this.#ports.context({ name, readOnly }, signal))),
    );
  }

  async #opened(kept: Kept, caller: MountCaller): Promise<Backend> {
    const kind = this.#kind(kept.mount.kind);
    if ("forCall" in kind) {
      const made = kept.calls.get(caller) ?? this.#called(kind, kept.mount, caller);
      kept.calls.set(caller, made);
      return await made;
    }
    const { clock } = this.#ports;
    const isOver = kept.failedAtMs !== undefined && clock.monotonicMs() - kept.failedAtMs > failureKeptMs;
    if (kept.opening === undefined || isOver) {
      delete kept.failedAtMs;
      kept.opening = this.#open(kind, kept.mount);
      kept.opening.catch(() => {
        kept.failedAtMs = clock.monotonicMs();
      });
    }
    return await kept.opening;
  }

  async #called(
    kind: Extract<MountKind, { forCall: unknown }>,
    mount: Mount,
    caller: MountCaller,
  ): Promise<Backend> {
    return this.#mounted(await kind.forCall(mount.settings, caller), kind, mount);
  }

  async #open(kind: Extract<MountKind, { open: unknown }>, mount: Mount): Promise<Backend> {
    let opening: Promise<Backend> | undefined;
    try {
      const settings = checked(kind, mount.settings, kind.kept);
      await kind.assertThere?.(settings);
      const opened = await this.#timely(mount.name, (signal) => {
        opening = kind.open(settings, this.#ports.context(mount, signal));
        return opening;
      });
      const assertThere = kind.assertThere?.bind(kind, settings);
      return this.#mounted(opened, kind, mount, assertThere);
    } catch (error) {
      // It may still come, and then nobody uses it.
      opening?.then((late) => late[Symbol.asyncDispose]()).catch(() => {});
      throw new OperoneError(
        "unavailable",
        `"/@${mount.name}" cannot be used: ${reasonOf(error)}`,
        undefined,
        {
          cause: error,
        },
      );
    }
  }

  #mounted(
    inner: Backend,
    { isFar = false }: MountKind,
    mount: Mount,
    assertThere?: () => Promise<void>,
  ): Backend {
    const kept = async (file: OpenFile) => {
      const cache = await this.#ports.cache();
      return cache === undefined ? file : cachedFile(file, cache, sourceOf(mount));
    };
    return new MountedBackend(inner, {
      ...mount,
      ...(assertThere === undefined ? {} : { assertThere }),
      ...(isFar ? { kept } : {}),
    });
  }

  async #assertThere(backend: Backend, name: string): Promise<void> {
    const entry = await this.#timely(name, () => backend.stat(ownerAccess, "/", { follow: true }));
    if (entry?.kind === "directory") return;
    throw new OperoneError("unavailable", `What "/@${name}" stands for is no directory, or is not there`);
  }

  /** @throws OperoneError `unavailable` when it takes too long */
  async #timely<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const late = Promise.withResolvers<never>();
    const cancel = this.#ports.clock.after(openTimeoutMs, () => {
      const error = new OperoneError(
        "unavailable",
        `What "/@${name}" stands for has not answered for ${openTimeoutMs / 1_000} s; see whether its disk or its node is there`,
      );
      stop.abort(error);
      late.reject(error);
    });
    const working = work(stop.signal);
    working.catch(() => {});
    try {
      return await Promise.race([working, late.promise]);
    } finally {
      cancel();
    }
  }
}

function assertFree(kept: ReadonlyMap<string, Kept>, name: string): void {
  if (kept.has(name)) {
    throw new OperoneError(
      "conflict",
      `There is a mount "/@${name}" already; choose another name, or take it away with "operone fs unmount ${name}"`,
    );
  }
  if (kept.size < mountsMax) return;
  throw new OperoneError("limited", `There are ${mountsMax} mounts, and there can be no more; unmount one`);
}

/** @throws OperoneError `invalid_input` */
function checked(kind: MountKind, settings: unknown, schema: v.GenericSchema = kind.settings): unknown {
  const parsed = v.safeParse(schema, settings);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const at = v.getDotPath(issue) ?? "the settings";
  const names = Object.keys(kind.settings.entries);
  throw new OperoneError(
    "invalid_input",
    `A mount of the kind "${kind.id}" cannot be made, ${at}: ${problemOf(issue, names)}; it takes ${names.join(", ") || "nothing"}`,
  );
}

function plain(settings: unknown): Mount["settings"] {
  return { ...(settings as object) };
}

function rowOf({ settings, ...mount }: Mount): MountRow {
  return { ...mount, settings: JSON.stringify(settings) };
}

function mountFrom({ settings, ...row }: MountRow): Mount {
  return { ...row, settings: JSON.parse(settings) as Mount["settings"] };
}

function reasonOf(error: unknown): string {
  return error instanceof OperoneError ? error.message : "it failed inside the node, and the log says more";
}

async function isEmpty(backend: Backend): Promise<boolean> {
  for await (const batch of backend.names(ownerAccess, "/", new AbortController().signal))
    if (batch.length > 0) return false;
  return true;
}

/** What its paths are paths of: another mount of this name is another place. */
function sourceOf({ name, kind, settings, createdAtMs }: Mount): string {
  return JSON.stringify([name, kind, settings, createdAtMs]);
}
