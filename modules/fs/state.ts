/** What the operations of fs work on. */
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { Entry } from "./backend.ts";
import { reading, writing } from "./scope.ts";
import type { Crew } from "./search/crew.ts";
import type { Trash } from "./trash.ts";
import type { FileTree, Place } from "./tree.ts";
import type { Watches } from "./watch/watching.ts";

export type FsParts = Pick<FsState, "tree" | "trash" | "watches" | "crew" | "clock">;

export class FsState {
  readonly tree: FileTree;
  readonly trash: Trash;
  readonly watches: Watches;
  readonly crew: Crew;
  readonly clock: Clock;

  constructor({ tree, trash, watches, crew, clock }: FsParts) {
    this.tree = tree;
    this.trash = trash;
    this.watches = watches;
    this.crew = crew;
    this.clock = clock;
  }

  /** @throws OperoneError `forbidden`, `not_found` for a mount that there is not */
  reading(authority: Authority, path: string): Promise<Place> {
    return this.tree.place(authority, reading, path);
  }

  /** @throws OperoneError as `reading` */
  writing(authority: Authority, path: string): Promise<Place> {
    return this.tree.place(authority, writing, path);
  }
}

/** What is there, links followed. @throws OperoneError `not_found` */
export async function entryAt(place: Place): Promise<Entry> {
  return await found(place, true);
}

/** What is there, a link being one. @throws OperoneError `not_found` */
export async function entryWhole(place: Place): Promise<Entry> {
  return await found(place, false);
}

async function found(place: Place, follow: boolean): Promise<Entry> {
  const entry = await place.backend.stat(place.access, place.path, { follow });
  if (entry !== undefined) return entry;
  throw new OperoneError("not_found", `There is nothing at "${place.shown(place.path)}"`);
}
