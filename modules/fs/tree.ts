/** The files that this node gives, and with which right a caller reaches them. */
import type { Authority } from "../../src/kernel/authority.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { Access, Backend } from "./backend.ts";
import { absolutePath, isWithin, mountOf } from "./file-path.ts";
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

export class FileTree {
  readonly #machine: Backend;

  constructor(machine: Backend) {
    this.#machine = machine;
  }

  /**
   * @param text a `FilePath` as the caller wrote it
   * @throws OperoneError `forbidden`; `not_found` for a mount that there is not
   */
  async place(
    authority: Authority,
    permission: typeof reading | typeof writing,
    text: string,
  ): Promise<Place> {
    const path = absolutePath(text);
    authority.check(permission, { path });
    const mounted = mountOf(path);
    if (mounted !== undefined)
      throw new OperoneError("not_found", `There is no mount "/@${mounted.mount}" on this node`);
    return {
      backend: this.#machine,
      path,
      access: accessOf(authority, permission, path),
      shown: (inner) => inner,
    };
  }
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
    unlimited: authority.sets.every((set) => set.owner),
    check(path) {
      if (!allows(path)) authority.check(permission, { path });
    },
  };
}
