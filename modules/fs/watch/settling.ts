/**
 * Brings the model to what a survey found, step by step, and tells each step: whoever does the same steps in the same
 * order to a copy of the tree has the tree.
 */
import {
  allIn,
  birthOf,
  type FullFacts,
  isAttached,
  isInside,
  learn,
  type Node,
  relativeOf,
} from "./model.ts";
import type { Fresh, Survey } from "./survey.ts";

/** `inside`: what is in a directory, below it, each with a slash in front; empty unless it was asked for. */
export type Step =
  /** `changed` too where another file took the name. */
  | { readonly kind: "created" | "changed"; readonly path: string; readonly facts: FullFacts }
  /** With all that was in it. */
  | { readonly kind: "removed"; readonly path: string; readonly inside: readonly string[] }
  /** With all that is in it; a file that had the name is gone. */
  | {
      readonly kind: "renamed";
      readonly path: string;
      readonly from: string;
      readonly inside: readonly string[];
      readonly facts: FullFacts;
    };

interface Rename extends Fresh {
  readonly moved: Node;
}

export class Settling {
  readonly #root: Node;
  readonly #survey: Survey;
  readonly #release: (directory: Node) => void;
  readonly steps: Step[] = [];
  /** Directories whose names were not all looked at, or mean something else at their new place. */
  readonly again: Node[] = [];
  #creations: Fresh[] = [];
  #renames: Rename[] = [];
  readonly #removals: Set<Node>;

  readonly #listsInside: boolean;

  constructor(root: Node, survey: Survey, listsInside: boolean, release: (directory: Node) => void) {
    this.#listsInside = listsInside;
    this.#root = root;
    this.#survey = survey;
    this.#release = release;
    this.#removals = new Set(survey.gone);
  }

  run(): void {
    this.#pair();
    for (let moved = true; moved; ) {
      moved = this.#tryRenames();
      moved = this.#tryCreations() || moved;
      moved = this.#tryRemovals() || moved;
      // What trades places: one of them is told of as gone and new.
      if (!moved) moved = this.#breakCircle();
    }
    for (const [node, facts] of this.#survey.changed) {
      if (!isAttached(node, this.#root)) continue;
      learn(node, facts);
      this.steps.push({ kind: "changed", path: relativeOf(node), facts });
    }
    this.again.push(...this.#survey.missed);
  }

  #pair(): void {
    const known = new Map([...this.#survey.gone].map((node) => [birthOf(node), node]));
    for (const one of this.#survey.fresh) {
      const birth = birthOf(one.facts);
      const moved = known.get(birth);
      if (moved === undefined) {
        this.#creations.push(one);
        continue;
      }
      known.delete(birth);
      this.#removals.delete(moved);
      this.#renames.push({ ...one, moved });
    }
  }

  /** Whether the name can be taken now; the file that has it and is gone goes without a word. */
  #takes({ node: { parent, name, kind } }: Fresh): { readonly replaces: boolean } | undefined {
    if (parent === undefined || !isAttached(parent, this.#root)) return undefined;
    const there = parent.children?.get(name);
    if (there === undefined) return { replaces: false };
    if (!this.#removals.has(there) || there.kind === "directory" || kind === "directory") return undefined;
    this.#removals.delete(there);
    parent.children?.delete(name);
    return { replaces: true };
  }

  #tryRenames(): boolean {
    const left = this.#renames.filter((one) => !this.#rename(one));
    const moved = left.length < this.#renames.length;
    this.#renames = left;
    return moved;
  }

  #rename(one: Rename): boolean {
    const { node, moved, facts } = one;
    if (isInside(node.parent, moved) || this.#takes(one) === undefined) return false;
    const from = relativeOf(moved);
    const hasOtherBytes = moved.kind === "file" && moved.modifiedMs !== facts.modifiedMs;
    moved.parent?.children?.delete(moved.name);
    moved.parent = node.parent;
    moved.name = node.name;
    node.parent?.children?.set(node.name, moved);
    learn(moved, facts);
    const path = relativeOf(moved);
    this.steps.push({ kind: "renamed", path, from, inside: this.#inside(moved), facts });
    if (hasOtherBytes) this.steps.push({ kind: "changed", path, facts });
    if (moved.children !== undefined) this.again.push(moved);
    return true;
  }

  #tryCreations(): boolean {
    const left = this.#creations.filter((one) => !this.#create(one));
    const moved = left.length < this.#creations.length;
    this.#creations = left;
    return moved;
  }

  #create(one: Fresh): boolean {
    const { node, facts } = one;
    const taken = this.#takes(one);
    if (taken === undefined) return false;
    node.parent?.children?.set(node.name, node);
    this.steps.push({ kind: taken.replaces ? "changed" : "created", path: relativeOf(node), facts });
    return true;
  }

  #tryRemovals(): boolean {
    const blocked = new Set<Node>();
    for (const { moved } of this.#renames)
      for (let at: Node | undefined = moved; at !== undefined; at = at.parent) blocked.add(at);
    let moved = false;
    for (const node of this.#removals) {
      if (blocked.has(node)) continue;
      this.#remove(node);
      moved = true;
    }
    return moved;
  }

  #remove(node: Node): void {
    this.#removals.delete(node);
    if (!isAttached(node, this.#root)) return;
    this.steps.push({ kind: "removed", path: relativeOf(node), inside: this.#inside(node) });
    node.parent?.children?.delete(node.name);
    for (const one of allIn(node)) if (one.children !== undefined) this.#release(one);
  }

  #inside(node: Node): readonly string[] {
    if (!this.#listsInside || node.children === undefined) return [];
    const { length } = relativeOf(node);
    return [...allIn(node)].slice(1).map((one) => relativeOf(one).slice(length));
  }

  #breakCircle(): boolean {
    const one = this.#renames.pop();
    if (one === undefined) return false;
    this.#removals.add(one.moved);
    // Its place is looked at again when the rest has settled.
    const { parent } = one.node;
    if (parent !== undefined) this.again.push(parent);
    return true;
  }
}
