/** Mounts as callers see them: where one really lies is for the owner alone. */

import * as v from "valibot";
import type { Authority } from "../../src/kernel/authority.ts";
import { absolutePath, allMounts, isWithin } from "./file-path.ts";
import type { Mount, Mounts } from "./mounts.ts";
import { FileScope, reading } from "./scope.ts";
import type { PlaceCaller } from "./tree.ts";

/** Those of which the caller may read something, and for the owner how they are made. */
export async function mountsSeen(mounts: Mounts, caller: PlaceCaller) {
  const { authority } = caller;
  const isOwner = authority.decide("access.admin") === "allow";
  const seen = (await mounts.all()).filter(({ name }) => isOwner || seesSome(authority, `/@${name}`));
  return await Promise.all(seen.map((mount) => shownMount(mounts, mount, caller, isOwner)));
}

async function shownMount(mounts: Mounts, mount: Mount, caller: PlaceCaller, isOwner: boolean) {
  const { name, kind, readOnly, settings } = mount;
  const problem = await mounts.problem(name, caller);
  const state = problem === undefined ? ("ready" as const) : ("unavailable" as const);
  const reason = isOwner ? problem?.message : problem && "the owner of the node sees why";
  return {
    ...{ name, path: `/@${name}`, kind, readOnly, state },
    ...(reason === undefined ? {} : { reason }),
    ...(isOwner ? { settings } : {}),
  };
}

/** Grants name folders: one of them in the mount, or around it, must be the caller's in the end. */
function seesSome(authority: Authority, mount: string): boolean {
  const scopes = authority.sets.flatMap(({ grants }) => grants.map(({ scope }) => scope));
  const folders = scopes.flatMap((scope) => (v.is(FileScope, scope) ? scope.paths.map(absolutePath) : []));
  const inside = folders.filter((folder) => folder === allMounts || isWithin(folder, mount));
  return [mount, ...inside].some((path) => authority.decide(reading, { path }) === "allow");
}
