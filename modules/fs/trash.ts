/**
 * What was removed and can be brought back: in the node's data directory, a folder for each, with the thing itself and a
 * file that says whence it came. The file is written first, and the thing comes whole or not at all: so what is there
 * after a crash is told of, or has not moved.
 */
import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { Entry } from "./backend.ts";
import { joined } from "./file-path.ts";
import { landing } from "./landing.ts";
import { systemName, textOfName } from "./name-text.ts";
import type { Plan } from "./plan.ts";
import type { Planned } from "./plan-shapes.ts";
import { reading, writing } from "./scope.ts";
import { TrashAge } from "./trash-age.ts";
import type { Place } from "./tree.ts";
import { byName } from "./walk.ts";

const itemsMax = 10_000;
const idPattern = /^[0-9a-f]{16}$/;

const Facts = v.object({
  path: v.string(),
  kind: v.picklist(["file", "directory", "link", "other"]),
  sizeBytes: v.number(),
  removedAtMs: v.number(),
  /** On the clock of trash-age.ts. */
  agedMs: v.number(),
});
type Facts = v.InferOutput<typeof Facts>;
export type Trashed = Facts & { readonly id: string };
type Shown = Omit<Trashed, "agedMs">;

export interface TrashPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: string;
  readonly keepMs: number;
}

export class Trash {
  readonly #ports: TrashPorts;
  readonly #age: TrashAge;

  constructor(ports: TrashPorts) {
    this.#ports = ports;
    this.#age = new TrashAge(ports.clock, join(ports.directory, "age.json"));
  }

  /** @throws OperoneError as `Backend.takeOut`; `limited` when there is no room for more */
  async put(place: Place, entry: Entry): Promise<Trashed> {
    const { directory, clock, random } = this.#ports;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await this.prune();
    await this.assertRoom();
    const id = Buffer.from(random.bytes(8)).toString("hex");
    const { kind, sizeBytes } = entry;
    const agedMs = await this.#age.nowMs();
    const facts = { path: place.shown(entry.path), kind, sizeBytes, removedAtMs: clock.nowMs(), agedMs };
    const folder = join(directory, id);
    await mkdir(folder, { mode: 0o700 });
    try {
      await this.#write(id, facts);
      await place.backend.takeOut(place.access, place.path, join(folder, "item"));
    } catch (error) {
      // Once the thing is here whole, a part of the original may be gone.
      if (!(await isThere(join(folder, "item")))) await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return { id, ...facts };
  }

  /** @throws OperoneError `limited` */
  async assertRoom(): Promise<void> {
    if ((await this.#ids()).length >= itemsMax) {
      throw new OperoneError(
        "limited",
        `The trash holds ${itemsMax} things and takes no more; empty it with "operone fs trash-empty", or remove for good with --permanent`,
      );
    }
  }

  /** Those that the caller might have removed, the newest first. */
  async list(authority: Authority): Promise<readonly Shown[]> {
    const all: (Trashed | undefined)[] = [];
    for (const id of await this.#ids()) all.push(await this.#facts(id));
    return all
      .filter((one) => one !== undefined)
      .filter(({ path }) => authority.decide(writing, { path }) === "allow")
      .sort((a, b) => b.removedAtMs - a.removedAtMs)
      .map(({ agedMs: _, ...shown }) => shown);
  }

  /** @throws OperoneError `not_found` for what there is not, or is not the caller's */
  async one(id: string, authority: Authority): Promise<Trashed> {
    const facts = idPattern.test(id) ? await this.#facts(id) : undefined;
    if (facts !== undefined && authority.decide(writing, { path: facts.path }) === "allow") return facts;
    throw new OperoneError("not_found", `There is nothing "${id}" in the trash; see "operone fs trash-list"`);
  }

  /**
   * To another place only what the caller might also have read where it was: removing needs no right to read.
   *
   * @throws OperoneError `forbidden`; as `Backend.bringIn`
   */
  async restore({ id, path }: Trashed, place: Place, authority: Authority): Promise<Entry> {
    const folder = join(this.#ports.directory, id);
    const item = join(folder, "item");
    const isOwner = authority.sets.every((set) => set.owner);
    if (!isOwner && place.shown(place.path) !== path) await assertOwnWhole(authority, item, path);
    const entry = await place.backend.bringIn(place.access, item, place.path);
    await rm(folder, { recursive: true, force: true });
    return entry;
  }

  /**
   * What `restore` would bring, without bringing it. The answer tells what is in it, so all of it must be the caller's.
   *
   * @throws OperoneError as `restore`
   */
  async planned({ id, path }: Trashed, place: Place, authority: Authority): Promise<Planned> {
    const item = join(this.#ports.directory, id, "item");
    const isOwner = authority.sets.every((set) => set.owner);
    if (!isOwner) await assertOwnWhole(authority, item, path);
    const shown = place.shown(place.path);
    if ((await landing(place)).there !== undefined)
      throw new OperoneError("conflict", `Something is at "${shown}" already; name another place with "to"`);
    const { Plan } = await import("./plan.ts");
    const plan = new Plan();
    await planHost(plan, item, shown);
    return { path: shown, ...plan.result() };
  }

  async forget(id: string): Promise<void> {
    await rm(join(this.#ports.directory, id), { recursive: true, force: true });
  }

  /** Forgets what has been there too long, and what a crash has left without a thing. */
  async prune(): Promise<void> {
    const nowMs = await this.#age.nowMs();
    for (const id of await this.#ids()) {
      const facts = await this.#facts(id);
      if (facts === undefined) continue;
      // Its clock was lost: it begins anew.
      if (facts.agedMs > nowMs) await this.#write(id, { ...facts, agedMs: nowMs });
      else if (nowMs - facts.agedMs > this.#ports.keepMs) await this.forget(id);
    }
    // On a full disk things stay longer; without a trash there is nothing to keep.
    await this.#age.keep().catch(() => {});
  }

  async #ids(): Promise<readonly string[]> {
    const names = await readdir(this.#ports.directory).catch(() => []);
    return names.filter((name) => idPattern.test(name));
  }

  async #write(id: string, { path, kind, sizeBytes, removedAtMs, agedMs }: Facts): Promise<void> {
    const text = JSON.stringify({ path, kind, sizeBytes, removedAtMs, agedMs });
    await writeFile(join(this.#ports.directory, id, "facts.json"), text, { flush: true, mode: 0o600 });
  }

  async #facts(id: string): Promise<Trashed | undefined> {
    try {
      const text = await readFile(join(this.#ports.directory, id, "facts.json"), "utf8");
      if (!(await isThere(join(this.#ports.directory, id, "item")))) return undefined;
      return { id, ...v.parse(Facts, JSON.parse(text)) };
    } catch {
      return undefined;
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

/** @param host where it lies now, in the node's own directory @throws OperoneError `forbidden` */
async function assertOwnWhole(authority: Authority, host: string, path: string): Promise<void> {
  authority.check(reading, { path });
  authority.check(writing, { path });
  const name = systemName(host);
  if (!(await lstat(name)).isDirectory()) return;
  for (const inner of (await readdir(name, { encoding: "buffer" })).map(textOfName))
    await assertOwnWhole(authority, `${host}/${inner}`, joined(path, inner));
}

/** @param host as of `assertOwnWhole` @param path where it would come to */
async function planHost(plan: Plan, host: string, path: string): Promise<void> {
  const name = systemName(host);
  const facts = await lstat(name);
  const kind = facts.isDirectory() ? "directory" : facts.isFile() ? "file" : "other";
  plan.counts({ kind, sizeBytes: facts.size });
  plan.names("+", path, kind);
  if (kind !== "directory") return;
  for (const inner of (await readdir(name, { encoding: "buffer" })).map(textOfName).toSorted(byName))
    await planHost(plan, `${host}/${inner}`, joined(path, inner));
}
