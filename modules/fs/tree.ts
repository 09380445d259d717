/** The files that this node gives, and with which right a caller reaches them. */
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { CallContext } from "../../src/kernel/operation.ts";
import type { Access, Backend } from "./backend.ts";
import { absolutePath, allMounts, isWithin, mountOf } from "./file-path.ts";
import { MountList } from "./mount-list.ts";
import { shownIn } from "./mounted-backend.ts";
import type { Mounts } from "./mounts.ts";
import type { reading, writing } from "./scope.ts";

/** Where a caller's path lies, and with which right. */
export interface Place {
  readonly backend: Backend;
  /** The backend's own. */
  readonly path: string;
  readonly access: Access;
  /** A path of the backend as callers write it. */
  shown(path: string): string;
}

/** Whose right it is, and with which it is asked of other nodes what is mounted from there. */
export type PlaceCaller = Pick<CallContext, "authority" | "call">;

type Permission = typeof reading | typeof writing;

export class FileTree {
  readonly #machine: Backend;
  readonly #mounts: Mounts;

  constructor(machine: Backend, mounts: Mounts) {
    this.#machine = machine;
    this.#mounts = mounts;
  }

  /**
   * @param text a `FilePath` as the caller wrote it
   * @throws OperoneError `forbidden`; `not_found` for a mount that there is not; `unavailable` for one that is not there
   */
  async place(caller: PlaceCaller, permission: Permission, text: string): Promise<Place> {
    const { authority } = caller;
    const path = absolutePath(text);
    authority.check(permission, { path });
    const access = accessOf(authority, permission, path);
    const mounted = mountOf(path);
    if (mounted === undefined) return { backend: this.#machine, path, access, shown: (inner) => inner };
    if (mounted.mount === "") return this.#list(caller, mounted.path, access);
    const { mount } = mounted;
    const shown = (inner: string) => shownIn(mount, inner);
    const backend = await this.#mounted(mount, caller);
    return { backend, path: mounted.path, access: seenAs(access, shown), shown };
  }

  /** Why a mount is not there says where it lies, which is for the owner alone. */
  async #mounted(name: string, caller: PlaceCaller): Promise<Backend> {
    try {
      return await this.#mounts.backend(name, caller);
    } catch (error) {
      const isTold = isOwner(caller.authority) || !(error instanceof OperoneError);
      if (isTold || error.code !== "unavailable") throw error;
      throw new OperoneError(
        "unavailable",
        `"/@${name}" is not there now; the owner of this node sees why with "operone fs mounts"`,
        undefined,
        { cause: error },
      );
    }
  }

  #list(caller: PlaceCaller, path: string, access: Access): Place {
    if (path !== "/")
      throw new OperoneError(
        "not_found",
        `A mount has a name: "/@name${path}"; "operone fs mounts" lists them`,
      );
    const backend = new MountList({
      all: () => this.#mounts.all(),
      backend: (name) => this.#mounted(name, caller),
    });
    const shown = (inner: string) => allMounts + inner.slice(1);
    return { backend, path, access: seenAs(access, shown), shown };
  }
}

/** For a backend whose paths are not those of the rights. */
function seenAs({ allows, check, unlimited }: Access, shown: (path: string) => string): Access {
  return { unlimited, allows: (path) => allows(shown(path)), check: (path) => check(shown(path)) };
}

/**
 * What is below a path that a person has approved for this call is approved with it: what they saw was the whole of
 * it. Where its real path lies elsewhere, nothing was approved.
 */
function accessOf(authority: Authority, permission: string, asked: string): Access {
  const allows = (path: string) => {
    const decision = authority.decide(permission, { path });
    if (decision !== "ask") return decision === "allow";
    return isWithin(path, asked) && authority.decide(permission, { path: asked }) === "allow";
  };
  return {
    allows,
    unlimited: isOwner(authority),
    check(path) {
      if (!allows(path)) authority.check(permission, { path });
    },
  };
}

function isOwner({ sets }: Authority): boolean {
  return sets.every((set) => set.owner);
}
