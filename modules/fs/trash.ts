/**
 * What was removed and can be brought back: in the node's data directory, a folder for each, with the thing itself and a
 * file that says whence it came. The file is written first, so what is there after a crash is told of, or has not moved.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock, Random } from "../../src/kernel/ports.ts";
import type { Entry } from "./backend.ts";
import { writing } from "./scope.ts";
import type { Place } from "./tree.ts";

const itemsMax = 10_000;

const Facts = v.object({
  path: v.string(),
  kind: v.picklist(["file", "directory", "link", "other"]),
  sizeBytes: v.number(),
  removedAtMs: v.number(),
});
type Facts = v.InferOutput<typeof Facts>;
export type Trashed = Facts & { readonly id: string };

export interface TrashPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: string;
  readonly keepMs: number;
}

export class Trash {
  readonly #ports: TrashPorts;

  constructor(ports: TrashPorts) {
    this.#ports = ports;
  }

  /** @throws OperoneError as `Backend.takeOut`; `limited` when there is no room for more */
  async put(place: Place, entry: Entry): Promise<Trashed> {
    await this.prune();
    const { directory, clock, random } = this.#ports;
    if ((await this.#ids()).length >= itemsMax) {
      throw new OperoneError(
        "limited",
        `The trash holds ${itemsMax} things and takes no more; empty it with "operone fs trash-empty", or remove for good with --permanent`,
      );
    }
    const id = Buffer.from(random.bytes(8)).toString("hex");
    const { kind, sizeBytes } = entry;
    const facts = { path: place.shown(entry.path), kind, sizeBytes, removedAtMs: clock.nowMs() };
    const folder = join(directory, id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    try {
      await writeFile(join(folder, "facts.json"), JSON.stringify(facts), { flush: true, mode: 0o600 });
      await place.backend.takeOut(place.access, place.path, join(folder, "item"));
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return { id, ...facts };
  }

  /** Those that the caller might have removed, the newest first. */
  async list(authority: Authority): Promise<readonly Trashed[]> {
    const all = await Promise.all((await this.#ids()).map((id) => this.#facts(id)));
    return all
      .filter((one) => one !== undefined)
      .filter(({ path }) => authority.decide(writing, { path }) === "allow")
      .sort((a, b) => b.removedAtMs - a.removedAtMs);
  }

  /** @throws OperoneError `not_found` for what there is not, or is not the caller's */
  async one(id: string, authority: Authority): Promise<Trashed> {
    const facts = /^[0-9a-f]{16}$/.test(id) ? await this.#facts(id) : undefined;
    if (facts !== undefined && authority.decide(writing, { path: facts.path }) === "allow") return facts;
    throw new OperoneError("not_found", `There is nothing "${id}" in the trash; see "operone fs trash-list"`);
  }

  async restore({ id }: Trashed, place: Place): Promise<Entry> {
    const folder = join(this.#ports.directory, id);
    const entry = await place.backend.bringIn(place.access, join(folder, "item"), place.path);
    await rm(folder, { recursive: true, force: true });
    return entry;
  }

  async forget(id: string): Promise<void> {
    await rm(join(this.#ports.directory, id), { recursive: true, force: true });
  }

  /** Forgets what has been there too long. A clock that jumps ahead forgets at the next removal, not before. */
  async prune(): Promise<void> {
    const { clock, keepMs } = this.#ports;
    for (const id of await this.#ids()) {
      const facts = await this.#facts(id);
      if (facts !== undefined && clock.nowMs() - facts.removedAtMs > keepMs) await this.forget(id);
    }
  }

  async #ids(): Promise<readonly string[]> {
    return await readdir(this.#ports.directory).catch(() => []);
  }

  async #facts(id: string): Promise<Trashed | undefined> {
    try {
      const text = await readFile(join(this.#ports.directory, id, "facts.json"), "utf8");
      return { id, ...v.parse(Facts, JSON.parse(text)) };
    } catch {
      return undefined;
    }
  }
}
