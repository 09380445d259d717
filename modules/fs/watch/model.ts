/** What a watched tree was when its watcher last told of it: a node a name, small enough for a million of them. */
import type { BigIntStats } from "node:fs";
import type { EntryKind } from "../backend.ts";
import type { IgnoreRules } from "../ignore-files.ts";
import { joined } from "../file-path.ts";
import { kindOf } from "../local/entry-facts.ts";

export interface Node {
  name: string;
  /** Undefined for the root. It may be one that this node is not in any more. */
  parent: Node | undefined;
  kind: EntryKind;
  device: number;
  file: number;
  bornMs: number;
  sizeBytes: number;
  modifiedMs: number;
  /** Of the last change to the file or to what is known of it: nobody can set it. */
  touchedMs: number;
  mode: number;
  /** By name. Undefined for what is no directory, or not watched. */
  children: Map<string, Node> | undefined;
  /** What ignore files say in it; undefined where nobody asked. */
  rules: IgnoreRules | undefined;
}

export function nodeOf(name: string, parent: Node | undefined, facts: BigIntStats): Node {
  const node: Node = {
    ...{ name, parent, kind: kindOf(facts), children: undefined, rules: undefined },
    ...{ device: 0, file: 0, bornMs: 0, sizeBytes: 0, modifiedMs: 0, touchedMs: 0, mode: 0 },
  };
  learn(node, facts);
  return node;
}

export function learn(node: Node, facts: BigIntStats): void {
  node.kind = kindOf(facts);
  node.device = Number(facts.dev);
  node.file = Number(facts.ino);
  node.bornMs = exactMs(facts.birthtimeNs);
  node.sizeBytes = Number(facts.size);
  node.modifiedMs = exactMs(facts.mtimeNs);
  node.touchedMs = exactMs(facts.ctimeNs);
  node.mode = Number(facts.mode);
}

/** Nanoseconds in a number: a quarter of a microsecond is left. */
function exactMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

export function isSameFile(node: Node, facts: BigIntStats): boolean {
  return (
    node.file === Number(facts.ino) && node.device === Number(facts.dev) && node.kind === kindOf(facts)
  );
}

/** Of a directory its names are no change: they tell of themselves. */
export function hasChanged(node: Node, facts: BigIntStats): boolean {
  if (node.mode !== Number(facts.mode)) return true;
  if (node.kind === "directory") return false;
  return (
    node.sizeBytes !== Number(facts.size) ||
    node.modifiedMs !== exactMs(facts.mtimeNs) ||
    node.touchedMs !== exactMs(facts.ctimeNs)
  );
}

/** By which a moved file is known again: a new one may get the number of one that is gone, but not its birth. */
export function birthOf(facts: BigIntStats): string {
  return `${facts.dev}:${facts.ino}:${exactMs(facts.birthtimeNs)}:${kindOf(facts)}`;
}

export function birthOfNode({ device, file, bornMs, kind }: Node): string {
  return `${device}:${file}:${bornMs}:${kind}`;
}

export function isAttached(node: Node, root: Node): boolean {
  for (let at = node; at !== root; ) {
    const { parent } = at;
    if (parent?.children?.get(at.name) !== at) return false;
    at = parent;
  }
  return true;
}

export function isInside(node: Node | undefined, folder: Node): boolean {
  for (let at = node; at !== undefined; at = at.parent) if (at === folder) return true;
  return false;
}

/** Below the root, without a slash in front; "" for the root. */
export function relativeOf(node: Node): string {
  const names: string[] = [];
  for (let at = node; at.parent !== undefined; at = at.parent) names.push(at.name);
  return names.toReversed().join("/");
}

export function below(folder: string, relative: string): string {
  return relative === "" ? folder : joined(folder, relative);
}

/** With the node itself, each before what is in it. */
export function* allIn(node: Node): Generator<Node> {
  const waiting = [node];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    if (next.children !== undefined) waiting.push(...next.children.values());
  }
}
