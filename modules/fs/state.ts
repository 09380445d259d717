/** What the operations of fs work on. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { ContainedChildren } from "../shell/contract.ts";
import type { Entry } from "./backend.ts";
import type { Mounts } from "./mounts.ts";
import { reading, writing } from "./scope.ts";
import type { Crew } from "./search/crew.ts";
import type { Trash } from "./trash.ts";
import type { FileTree, Place, PlaceCaller } from "./tree.ts";
import type { Watches } from "./watch/watching.ts";

export type FsParts = Pick<FsState, "tree" | "trash" | "mounts" | "watches" | "crew" | "clock" | "children">;

export class FsState {
  readonly tree: FileTree;
  readonly trash: Trash;
  readonly mounts: Mounts;
  readonly watches: Watches;
  readonly crew: Crew;
  readonly clock: Clock;
  readonly children: ContainedChildren;

  constructor({ tree, trash, mounts, watches, crew, clock, children }: FsParts) {
    this.tree = tree;
    this.trash = trash;
    this.mounts = mounts;
    this.watches = watches;
    this.crew = crew;
    this.clock = clock;
    this.children = children;
  }

  /** @throws OperoneError `forbidden`, `not_found` for a mount that there is not, `unavailable` for one that is not there */
  reading(caller: PlaceCaller, path: string): Promise<Place> {
    return this.tree.place(caller, reading, path);
  }

  /** @throws OperoneError as `reading` */
  writing(caller: PlaceCaller, path: string): Promise<Place> {
    return this.tree.place(caller, writing, path);
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
