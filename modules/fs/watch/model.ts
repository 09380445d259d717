/** What a watched tree was when its watcher last told of it: a node a name, small enough for a million of them. */
import type { BigIntStats } from "node:fs";
import type { Entry, EntryKind } from "../backend.ts";
import { joined } from "../file-path.ts";
import type { IgnoreRules } from "../ignore-files.ts";
import { entryOf, kindOf } from "../local/entry-facts.ts";

/** What is compared. Numbers alone: what the system gives, with its large integers, is five times as big. */
export interface Facts {
  kind: EntryKind;
  device: number;
  file: number;
  bornMs: number;
  sizeBytes: number;
  modifiedMs: number;
  /** Of the last change to the file or to what is known of it: nobody can set it. */
  touchedMs: number;
  mode: number;
}

/** With what callers are told of it; its path is to be filled in. */
export interface FullFacts extends Facts {
  readonly entry: Entry;
}

export interface Node extends Facts {
  name: string;
  /** Undefined for the root. It may be one that this node is not in any more. */
  parent: Node | undefined;
  /** By name. Undefined for what is no directory, or not watched. */
  children: Map<string, Node> | undefined;
  /** What ignore files say in it; undefined where nobody asked. */
  rules: IgnoreRules | undefined;
}

export function factsOf(stats: BigIntStats): Facts {
  return {
    kind: kindOf(stats),
    device: Number(stats.dev),
    file: Number(stats.ino),
    bornMs: exactMs(stats.birthtimeNs),
    sizeBytes: Number(stats.size),
    modifiedMs: exactMs(stats.mtimeNs),
    touchedMs: exactMs(stats.ctimeNs),
    mode: Number(stats.mode),
  };
}

export function fullFactsOf(stats: BigIntStats): FullFacts {
  return { ...factsOf(stats), entry: entryOf("", stats) };
}

export function nodeOf(name: string, parent: Node | undefined, facts: Facts): Node {
  const { kind, device, file, bornMs, sizeBytes, modifiedMs, touchedMs, mode } = facts;
  return {
    ...{ name, parent, kind, device, file, bornMs, sizeBytes, modifiedMs, touchedMs, mode },
    ...{ children: undefined, rules: undefined },
  };
}

export function learn(node: Node, facts: Facts): void {
  node.kind = facts.kind;
  node.device = facts.device;
  node.file = facts.file;
  node.bornMs = facts.bornMs;
  node.sizeBytes = facts.sizeBytes;
  node.modifiedMs = facts.modifiedMs;
  node.touchedMs = facts.touchedMs;
  node.mode = facts.mode;
}

/** Nanoseconds in a number: a quarter of a microsecond is left. */
function exactMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

export function isSameFile(node: Facts, { file, device, kind }: Facts): boolean {
  return node.file === file && node.device === device && node.kind === kind;
}

/** Of a directory its names are no change: they tell of themselves. */
export function hasChanged(node: Facts, { mode, sizeBytes, modifiedMs, touchedMs }: Facts): boolean {
  if (node.mode !== mode) return true;
  if (node.kind === "directory") return false;
  return node.sizeBytes !== sizeBytes || node.modifiedMs !== modifiedMs || node.touchedMs !== touchedMs;
}

/** By which a moved file is known again: a new one may get the number of one that is gone, but not its birth. */
export function birthOf({ device, file, bornMs, kind }: Facts): string {
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
