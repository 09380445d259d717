/**
 * From a path to the place that it means, with every link on the way followed as far as the caller's rights go.
 *
 * Nearly every path has no link in it: then it is held at once and its real path is its own. Else it is walked name by
 * name, and where a link is met, the path that it leads to must be the caller's before anything of it is touched: so a
 * link cannot even tell what exists elsewhere.
 */
import type { BigIntStats } from "node:fs";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { Access } from "../backend.ts";
import { isWithin, joined, nameOf, parentOf } from "../file-path.ts";
import type { OwnFiles } from "./own-files.ts";
import { type HeldPlace, hold, isOfProcesses, linkText, orMissing } from "./place.ts";

/** As many as Linux follows. */
const linksMax = 40;

export interface ResolverOptions {
  /** A real path of the machine, without a slash at its end; "" for the whole machine. */
  readonly root: string;
  /** Real paths of the machine that nobody gets, with what is in them. */
  readonly refused: readonly string[];
  /** The same by what it is, whatever path leads to it. */
  readonly own?: OwnFiles | undefined;
}

export class Resolver {
  readonly #root: string;
  readonly #refused: readonly string[];
  readonly #own: OwnFiles | undefined;

  constructor({ root, refused, own }: ResolverOptions) {
    this.#root = root;
    this.#refused = refused;
    this.#own = own;
  }

  /** What is there, held; the last link is followed too. Undefined when there is nothing. */
  async follow(access: Access, path: string): Promise<Resolved | undefined> {
    return await this.#resolve(access, path, true);
  }

  /** The same, and a link at the end is what is meant. */
  async at(access: Access, path: string): Promise<Resolved | undefined> {
    return await this.#resolve(access, path, false);
  }

  /**
   * The directory that a path's last name is in, and that name; links before it are followed.
   *
   * @throws OperoneError `not_found` when there is no such directory, `conflict` for the root itself
   */
  async parent(access: Access, path: string): Promise<Resolved & { readonly name: string }> {
    if (path === "/") throw new OperoneError("conflict", "The root of the tree cannot be changed itself");
    const folder = parentOf(path);
    // The right is one to the name in it, and not to the directory.
    const found = await this.#resolve(throughTo(access, folder), folder, true);
    if (found === undefined)
      throw new OperoneError("not_found", `There is no directory "${folder}"; make it first`);
    if (!found.place.facts.isDirectory()) {
      await found.place[Symbol.asyncDispose]();
      throw new OperoneError("conflict", `"${folder}" is no directory`);
    }
    const name = nameOf(path);
    try {
      this.#judge(access, joined(found.path, name));
    } catch (error) {
      await found.place[Symbol.asyncDispose]();
      throw error;
    }
    return { ...found, name };
  }

  /** @throws OperoneError `forbidden` for what nobody gets, and what the caller has no right to */
  #judge(access: Access, path: string): void {
    this.assertOpen(path);
    access.check(path);
  }

  /** @throws OperoneError `forbidden` for what nobody gets */
  assertOpen(path: string): void {
    if (this.isRefused(path)) throw nobodys(path);
  }

  /** By what it is. @throws OperoneError `forbidden` for what nobody gets */
  assertNotOwn(path: string, facts: BigIntStats): void {
    if (this.#own?.holds(facts) === true) throw nobodys(path);
  }

  /** @throws OperoneError `forbidden` for what nobody gets, and for what holds it */
  assertMovable(path: string, facts: BigIntStats): void {
    this.assertNotOwn(path, facts);
    if (!this.#holdsRefused(path) && !(facts.isDirectory() && this.#own?.isBelow(facts) === true)) return;
    throw new OperoneError("forbidden", `"${path}" holds the node's own files, which stay where they are`);
  }

  ownKeys(): readonly string[] {
    return this.#own?.keys() ?? [];
  }

  /** Tells what is the node's own at this moment, by what it is and not by its name. */
  own(): ReturnType<OwnFiles["now"]> {
    return this.#own?.now() ?? (() => false);
  }

  isRefused(path: string): boolean {
    const host = this.host(path);
    return isProcess(host) || this.#refused.some((one) => isWithin(host, one));
  }

  /** Whether something that nobody gets lies below. */
  #holdsRefused(path: string): boolean {
    const host = this.host(path);
    return this.#refused.some((one) => isWithin(one, host));
  }

  /** Whether something that nobody gets lies right in the directory. */
  holdsRefusedItself(path: string): boolean {
    const host = this.host(path);
    return this.#refused.some((one) => parentOf(one) === host);
  }

  /** The path of the machine. */
  host(path: string): string {
    return this.#root === "" ? path : path === "/" ? this.#root : this.#root + path;
  }

  /** The backend's path; undefined for one that lies outside. */
  #inside(host: string): string | undefined {
    if (this.#root === "") return host;
    if (host === this.#root) return "/";
    return host.startsWith(`${this.#root}/`) ? host.slice(this.#root.length) : undefined;
  }

  async #resolve(access: Access, path: string, follow: boolean): Promise<Resolved | undefined> {
    const host = this.host(path);
    const place = await orSlow(() => hold(host));
    if (place !== undefined) {
      const plain = place.real === host && !(follow && place.facts.isSymbolicLink());
      if (plain) return await this.#judged(access, path, place);
      await place[Symbol.asyncDispose]();
    }
    return await this.#walk(access, path, follow, 0);
  }

  async #judged(access: Access, path: string, place: HeldPlace): Promise<Resolved> {
    try {
      this.#judge(access, path);
      this.assertNotOwn(path, place.facts);
      if (await isOfProcesses(place, this.host(path))) throw nobodys(path);
      return { path, place };
    } catch (error) {
      await place[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Name by name, each in the directory that is held. `path` is the caller's, or it would not be touched. */
  async #walk(access: Access, path: string, follow: boolean, links: number): Promise<Resolved | undefined> {
    const names = path.split("/").filter((name) => name !== "");
    let at = "/";
    let held: HeldPlace | undefined = await this.#holdRoot();
    try {
      for (const [index, name] of names.entries()) {
        const folder: HeldPlace = held;
        const next = await orMissing(() => hold(folder.child(name)));
        if (next === undefined) return this.#nothing(access, path);
        held = next;
        await using _ = folder;
        at = joined(at, name);
        const last = index === names.length - 1;
        if (!next.facts.isSymbolicLink() || (last && !follow)) continue;
        const text = await orMissing(() => linkText(folder.child(name)));
        if (text === undefined) return this.#nothing(access, path);
        const step = { link: at, folder: parentOf(at), text, rest: names.slice(index + 1) };
        return await this.#through(access, step, follow, links + 1);
      }
      if (held.real !== this.host(path)) throw moved(path);
      const place: HeldPlace = held;
      held = undefined;
      return await this.#judged(access, path, place);
    } finally {
      await held?.[Symbol.asyncDispose]();
    }
  }

  /** That nothing is there is told only to who would be told what is. */
  #nothing(access: Access, path: string): undefined {
    this.#judge(access, path);
    return undefined;
  }

  async #holdRoot(): Promise<HeldPlace> {
    const root = this.#root === "" ? "/" : this.#root;
    const place = await orMissing(() => hold(root));
    if (place?.real === root && place.facts.isDirectory()) return place;
    await place?.[Symbol.asyncDispose]();
    // Where it was is for nobody but the owner to know.
    throw new OperoneError(
      "unavailable",
      'The directory that is given here is not there any more; bring it back, or unmount it ("operone fs mounts" names it)',
    );
  }

  async #through(
    access: Access,
    { link, folder, text, rest }: Step,
    follow: boolean,
    links: number,
  ): Promise<Resolved | undefined> {
    if (links > linksMax) throw circle(link);
    const host = normal(text.startsWith("/") ? text : `${this.host(folder)}/${text}`);
    const target = this.#inside(host);
    if (target === undefined) {
      throw new OperoneError(
        "forbidden",
        `The link "${link}" leads out of what is given here; name its target`,
      );
    }
    const path = rest.reduce(joined, target);
    this.#judge(access, path);
    return await this.#walk(access, path, follow, links);
  }
}

export interface Resolved {
  /** The backend's own, without links. */
  readonly path: string;
  readonly place: HeldPlace;
}

interface Step {
  readonly link: string;
  /** In which the link lies: a real path. */
  readonly folder: string;
  readonly text: string;
  /** Names behind it. */
  readonly rest: readonly string[];
}

/** Undefined: the quick way does not know, and the slow one tells; what fails behind a link is nothing to tell of. */
async function orSlow(work: () => Promise<HeldPlace>): Promise<HeldPlace | undefined> {
  return await work().catch(() => undefined);
}

/** As the text says: `..` takes back the name before it, even where that is a link itself. */
function normal(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === "..") names.pop();
    else names.push(name);
  }
  return `/${names.join("/")}`;
}

/** Of a process, and so of the node itself: its memory, its variables, its descriptors. */
function isProcess(host: string): boolean {
  return process.platform === "linux" && processPaths.test(host);
}

/** And the memory of the whole machine. */
const processPaths = /^\/proc\/(\d+|self|thread-self|kcore|kmsg)(\/|$)/;

function nobodys(path: string): OperoneError {
  return new OperoneError(
    "forbidden",
    `"${path}" holds what belongs to the node or to a running process, and is given to nobody`,
  );
}

function moved(path: string): OperoneError {
  return new OperoneError("conflict", `"${path}" was moved while it was looked for; try again`);
}

function circle(path: string): OperoneError {
  return new OperoneError("conflict", `"${path}" leads through too many links, or in a circle`);
}

/** A directory on the way to what a caller has a right to may be passed, and nothing else beside. */
function throughTo(access: Access, folder: string): Access {
  return {
    unlimited: access.unlimited,
    allows: (path) => path === folder || access.allows(path),
    check(path) {
      if (path !== folder) access.check(path);
    },
  };
}
