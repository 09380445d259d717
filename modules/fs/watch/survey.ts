/** Looks at what was marked, and finds what is gone, new, or other than the model says. It changes nothing in the model. */
import { type BigIntStats, constants } from "node:fs";
import { access, lstat, readdir } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { IgnoreRules } from "../ignore-files.ts";
import { type HeldPlace, hold, orMissing } from "../local/place.ts";
import { textOfName } from "../name-text.ts";
import { codeOf } from "../system-error.ts";
import type { Place } from "../tree.ts";
import type { Marks } from "./dirt.ts";
import type { Hints } from "./hints.ts";
import { below, birthOf, birthOfNode, hasChanged, isAttached, isSameFile, type Node, nodeOf, relativeOf } from "./model.ts";

/** Looked at together. */
const batchMax = 64;
const directoriesMax = 200_000;
const ignoreFileNames: ReadonlySet<string> = new Set([".gitignore", ".ignore"]);

export interface Fresh {
  readonly node: Node;
  readonly facts: BigIntStats;
}

export interface Survey {
  readonly gone: Set<Node>;
  /** A directory before what is in it. */
  readonly fresh: Fresh[];
  readonly changed: Map<Node, BigIntStats>;
  /** Not where the model says now; to be looked at again when the model has moved on. */
  readonly missed: Node[];
  /** The root is not there any more. */
  rootGone: boolean;
}

export interface Ground {
  readonly root: Node;
  /** The root's path on the machine. */
  readonly host: string;
  /** The root as the caller may read it. */
  readonly place: Place;
  readonly recursive: boolean;
  readonly ignoreFiles: boolean;
  /** @param path the backend's */
  gives(path: string): boolean;
  readonly signal: AbortSignal;
}

export class Surveyor {
  readonly #ground: Ground;
  readonly #hints: Hints;
  #found: Survey = emptySurvey();

  constructor(ground: Ground, hints: Hints) {
    this.#ground = ground;
    this.#hints = hints;
  }

  async look(marks: ReadonlyMap<Node, Marks>): Promise<Survey> {
    this.#found = emptySurvey();
    const waiting: (readonly [Node, Marks])[] = [...marks];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#ground.signal.throwIfAborted();
      const [directory, { names, whole }] = next;
      if (!isAttached(directory, this.#ground.root) || directory.children === undefined) continue;
      const rulesMoved = this.#ground.ignoreFiles && [...names.keys()].some((one) => ignoreFileNames.has(one));
      const depth = rulesMoved ? "deep" : whole;
      const deeper = await this.#directory(directory, names, depth);
      if (depth !== "deep") continue;
      // What was heard of by name keeps its word about the bytes.
      for (const one of deeper) waiting.push([one, { names: marks.get(one)?.names ?? new Map(), whole: "deep" }]);
    }
    await this.#enterFresh();
    return this.#found;
  }

  /** @returns the directories in it that stayed */
  async #directory(directory: Node, names: Marks["names"], whole: Marks["whole"]): Promise<readonly Node[]> {
    const { gone, changed, missed, fresh } = this.#found;
    const held = await this.#hold(directory);
    if (held === undefined) {
      if (directory === this.#ground.root) this.#found.rootGone = true;
      else missed.push(directory);
      return [];
    }
    await using place = held;
    const children = directory.children ?? new Map<string, Node>();
    const wanted = whole === "no" ? [...names.keys()] : await this.#names(directory, place);
    const all = whole === "no" ? wanted : [...new Set([...wanted, ...children.keys()])];
    const deeper: Node[] = [];
    for await (const [name, facts] of this.#seen(directory, place, all)) {
      const child = children.get(name);
      if (child !== undefined && facts !== undefined && isSameFile(child, facts)) {
        if (hasChanged(child, facts) || (names.get(name) === true && child.kind === "file"))
          changed.set(child, facts);
        if (child.children !== undefined) deeper.push(child);
        continue;
      }
      if (child !== undefined) gone.add(child);
      if (facts !== undefined) fresh.push({ node: nodeOf(name, directory, facts), facts });
    }
    return deeper;
  }

  /** Directories that are new, and not just moved here, are read to their ground. */
  async #enterFresh(): Promise<void> {
    const { fresh, gone } = this.#found;
    const { recursive } = this.#ground;
    const births = new Set([...gone].map(birthOfNode));
    let directories = 0;
    // It grows while it is read.
    for (const { node, facts } of fresh) {
      if (node.kind !== "directory" || !recursive || births.has(birthOf(facts))) continue;
      if (++directories > directoriesMax) throw tooMany(directoriesMax);
      node.children = new Map();
      const held = await this.#hold(node);
      if (held === undefined) continue;
      await using place = held;
      const names = await this.#names(node, place);
      for await (const [name, found] of this.#seen(node, place, names)) {
        if (found !== undefined) fresh.push({ node: nodeOf(name, node, found), facts: found });
      }
    }
  }

  /** The directory itself, and nothing that was put in its place or leads there by a link. */
  async #hold(directory: Node): Promise<HeldPlace | undefined> {
    const path = below(this.#ground.host, relativeOf(directory));
    try {
      const place = await hold(path);
      if (place.real === path && isSameFile(directory, place.facts)) return place;
      await place[Symbol.asyncDispose]();
      return undefined;
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ESTALE", "EIO"].includes(codeOf(error) ?? ""))
        return undefined;
      throw error;
    }
  }

  /** Watched first and read then, so that nothing happens between the two. None where the system lets nobody read. */
  async #names(directory: Node, held: HeldPlace): Promise<readonly string[]> {
    try {
      const path = String(held.path);
      await access(path, constants.R_OK);
      this.#hints.cover(directory, path);
      const names = (await readdir(path, { encoding: "buffer" })).map(textOfName);
      if (this.#ground.ignoreFiles) await this.#readRules(directory, new Set(names));
      return names;
    } catch (error) {
      if (error instanceof OperoneError) throw error;
      if (["EACCES", "EPERM", "ENOENT", "EIO", "ESTALE"].includes(codeOf(error) ?? "")) return [];
      throw error;
    }
  }

  async #readRules(directory: Node, names: ReadonlySet<string>): Promise<void> {
    const { place, signal } = this.#ground;
    const above = directory.parent?.rules ?? new IgnoreRules();
    const relative = relativeOf(directory);
    const path = below(place.path, relative);
    directory.rules = await above.within(place, path, relative, names, signal);
  }

  async *#seen(
    directory: Node,
    held: HeldPlace,
    names: readonly string[],
  ): AsyncGenerator<readonly [string, BigIntStats | undefined]> {
    const relative = relativeOf(directory);
    const folder = below(this.#ground.place.path, relative);
    for (let at = 0; at < names.length; at += batchMax) {
      this.#ground.signal.throwIfAborted();
      yield* await Promise.all(
        names.slice(at, at + batchMax).map(async (name) => {
          if (!this.#ground.gives(below(folder, name))) return [name, undefined] as const;
          const facts = await orMissing(() => lstat(held.child(name), { bigint: true }));
          const inner = relative === "" ? name : `${relative}/${name}`;
          const isOut = facts !== undefined && directory.rules?.ignores(inner, facts.isDirectory()) === true;
          return [name, isOut ? undefined : facts] as const;
        }),
      );
    }
  }
}

function emptySurvey(): Survey {
  return { gone: new Set(), fresh: [], changed: new Map(), missed: [], rootGone: false };
}

function tooMany(most: number): OperoneError {
  return new OperoneError(
    "limited",
    `There are more than ${most} directories below; watch a smaller folder, or leave some out by an ignore file`,
  );
}
