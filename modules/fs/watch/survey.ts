/** Looks at what was marked, and finds what is gone, new, or other than the model says. */
import { type BigIntStats, constants } from "node:fs";
import { access, lstat, readdir } from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { IgnoreRules } from "../ignore-files.ts";
import { type HeldPlace, hold } from "../local/place.ts";
import { textOfName } from "../name-text.ts";
import { codeOf } from "../system-error.ts";
import type { Place } from "../tree.ts";
import type { Marks } from "./dirt.ts";
import type { Hints } from "./hints.ts";
import {
  allIn,
  below,
  birthOf,
  type FullFacts,
  factsOf,
  fullFactsOf,
  hasChanged,
  isAttached,
  isSameFile,
  type Node,
  nodeOf,
  relativeOf,
} from "./model.ts";

/** Looked at together. */
const batchMax = 32;
/** Names after which what the system said of them is thrown away at once, and not when the runtime gets round to it. */
const tidyNames = 1_024;
const ignoreFileNames: ReadonlySet<string> = new Set([".gitignore", ".ignore"]);

/** Gone, or closed to the node's user, or on a disk that does not answer: what is in it is not there for a watcher. */
const unreadable: ReadonlySet<string> = new Set([
  ...["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM"],
  ...["EIO", "ESTALE", "ENODEV", "ENXIO", "ETIMEDOUT", "ENOTCONN"],
]);

const entriesMax = 1_000_000;

export interface Fresh {
  readonly node: Node;
  readonly facts: FullFacts;
}

export interface Survey {
  readonly gone: Set<Node>;
  /** A directory before what is in it. */
  readonly fresh: Fresh[];
  readonly changed: Map<Node, FullFacts>;
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
  own(): (facts: BigIntStats) => boolean;
  readonly signal: AbortSignal;
  readonly entriesMax?: number;
}

type See = (name: string, stats: BigIntStats | undefined) => void;

export class Surveyor {
  readonly #ground: Ground;
  readonly #hints: Hints;
  readonly #entriesMax: number;
  /** Of the model and what is new; never fewer than there are. */
  #entries = 0;
  #found: Survey = emptySurvey();
  /** New directories that nobody has looked into. */
  #unread: Node[] = [];
  /** Whether what is new enters the model at once, and nobody is told. */
  #adopts = false;
  #seenNames = 0;

  constructor(ground: Ground, hints: Hints) {
    this.#ground = ground;
    this.#hints = hints;
    this.#entriesMax = ground.entriesMax ?? entriesMax;
  }

  /** Fills an empty model. */
  async adopt(): Promise<Survey> {
    const { root } = this.#ground;
    this.#adopts = true;
    try {
      return await this.look(new Map([[root, { names: new Map(), whole: "yes" }]]));
    } finally {
      this.#adopts = false;
    }
  }

  /** Changes nothing in the model. @throws OperoneError `limited` */
  async look(marks: ReadonlyMap<Node, Marks>): Promise<Survey> {
    this.#found = emptySurvey();
    this.#unread = [];
    const waiting: (readonly [Node, Marks])[] = [...marks];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      this.#ground.signal.throwIfAborted();
      const [directory, { names, whole }] = next;
      if (!isAttached(directory, this.#ground.root) || directory.children === undefined) continue;
      const rulesMoved =
        this.#ground.ignoreFiles && [...names.keys()].some((one) => ignoreFileNames.has(one));
      const depth = rulesMoved ? "deep" : whole;
      const deeper = await this.#directory(directory, names, depth);
      if (depth !== "deep") continue;
      // What was heard of by name keeps its word about the bytes.
      for (const one of deeper)
        waiting.push([one, { names: marks.get(one)?.names ?? new Map(), whole: "deep" }]);
    }
    await this.#enterFresh();
    this.#tidy(tidyNames / 2);
    return this.#found;
  }

  /** @returns the directories in it that stayed */
  async #directory(directory: Node, names: Marks["names"], whole: Marks["whole"]): Promise<readonly Node[]> {
    const { gone, changed, missed } = this.#found;
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
    await this.#see(directory, place, all, (name, stats) => {
      const child = children.get(name);
      const facts = stats === undefined ? undefined : factsOf(stats);
      if (child !== undefined && stats !== undefined && facts !== undefined && isSameFile(child, facts)) {
        if (hasChanged(child, facts) || (names.get(name) === true && child.kind === "file"))
          changed.set(child, fullFactsOf(stats));
        if (child.children !== undefined) deeper.push(child);
        return;
      }
      if (child !== undefined) gone.add(child);
      if (stats !== undefined) this.#enter(name, directory, stats);
    });
    return deeper;
  }

  #enter(name: string, directory: Node, stats: BigIntStats): void {
    this.#assertRoom();
    const node = nodeOf(name, directory, factsOf(stats));
    if (node.kind === "directory" && this.#ground.recursive) this.#unread.push(node);
    if (this.#adopts) directory.children?.set(name, node);
    else this.#found.fresh.push({ node, facts: fullFactsOf(stats) });
  }

  #assertRoom(): void {
    this.#entries += 1;
    if (this.#entries <= this.#entriesMax) return;
    this.#entries = this.#found.fresh.length + [...allIn(this.#ground.root)].length;
    if (this.#entries > this.#entriesMax) throw tooMany(this.#entriesMax);
  }

  /** Directories that are new, and not just moved here, are read to their ground. */
  async #enterFresh(): Promise<void> {
    const births = new Set([...this.#found.gone].map(birthOf));
    for (let node = this.#unread.pop(); node !== undefined; node = this.#unread.pop()) {
      if (births.has(birthOf(node))) continue;
      const directory = node;
      directory.children = new Map();
      const held = await this.#hold(directory);
      if (held === undefined) continue;
      await using place = held;
      const names = await this.#names(directory, place);
      await this.#see(directory, place, names, (name, stats) => {
        if (stats !== undefined) this.#enter(name, directory, stats);
      });
    }
  }

  /** The directory itself, and nothing that was put in its place or leads there by a link. */
  async #hold(directory: Node): Promise<HeldPlace | undefined> {
    const path = below(this.#ground.host, relativeOf(directory));
    try {
      const place = await hold(path);
      if (place.real === path && isSameFile(directory, factsOf(place.facts))) return place;
      await place[Symbol.asyncDispose]();
      return undefined;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
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
      if (isUnreadable(error)) return [];
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

  async #see(directory: Node, held: HeldPlace, names: readonly string[], see: See): Promise<void> {
    const relative = relativeOf(directory);
    const folder = below(this.#ground.place.path, relative);
    const { signal } = this.#ground;
    const isOwn = this.#ground.own();
    const statsOf = async (name: string) =>
      this.#ground.gives(below(folder, name)) ? await statsAt(held, name) : undefined;
    for (let at = 0; at < names.length; at += batchMax) {
      signal.throwIfAborted();
      const batch = names.slice(at, at + batchMax);
      const found = await Promise.all(batch.map(statsOf));
      for (const [index, name] of batch.entries()) {
        const stats = found[index];
        const inner = relative === "" ? name : `${relative}/${name}`;
        const isOut =
          stats !== undefined &&
          (directory.rules?.ignores(inner, stats.isDirectory()) === true || isOwn(stats));
        see(name, isOut ? undefined : stats);
      }
      this.#seenNames += batch.length;
      this.#tidy(tidyNames);
    }
  }

  #tidy(most: number): void {
    if (this.#seenNames < most) return;
    this.#seenNames = 0;
    Bun.gc(false);
  }
}

/** Undefined for what is not there, or of which the system says nothing to this user. */
async function statsAt(held: HeldPlace, name: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(held.child(name), { bigint: true });
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return unreadable.has(codeOf(error) ?? "");
}

function emptySurvey(): Survey {
  return { gone: new Set(), fresh: [], changed: new Map(), missed: [], rootGone: false };
}

function tooMany(most: number): OperoneError {
  return new OperoneError(
    "limited",
    `There are more than ${most} names below; watch a smaller folder, or leave some out by an ignore file`,
  );
}
