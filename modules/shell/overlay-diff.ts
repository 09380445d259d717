/**
 * What a command changed, read from the upper folder of its overlay (Documentation/filesystems/overlayfs.rst): files
 * that are there are new or changed, a character device 0:0 is a removal, a folder with the mark "opaque" hides the
 * one below it.
 */
import { hasAttribute } from "../../src/platform/attribute.ts";
import { codeOf, type EntryFacts, type OpenFolder } from "../../src/platform/open-folder.ts";
import type { Kind } from "./dry-run-shapes.ts";
import { limits } from "./limits.ts";
import { isWhiteout, kindOf, readSignature, type Signature, signatureOf } from "./overlay-entry.ts";

/** One step, in an order in which the steps can be made. */
export interface Step {
  /** From the workspace downwards, at least one. */
  readonly names: readonly string[];
  readonly kind: Kind;
  /** `omit`: not to be made; `note` says why. */
  readonly act: "make" | "replace" | "mode" | "remove" | "omit";
  /** What it is to become; undefined for removals. */
  readonly now: Signature | undefined;
  /** What the workspace had; undefined: nothing. */
  readonly base: Signature | undefined;
  readonly note?: string;
}

export interface Sides {
  readonly upper: OpenFolder;
  readonly base: OpenFolder | undefined;
  /** Nothing of the base shows through. */
  readonly opaque: boolean;
}

/** Whether a name may be changed at all; the reason when it may not. */
export type Guard = (path: string) => string | undefined;

export interface Steps {
  readonly steps: readonly Step[];
  /** Why there are not all. */
  readonly cut: string | undefined;
}

export async function stepsOf(sides: Sides, guard: Guard): Promise<Steps> {
  const walk = new Walk(guard);
  try {
    await walk.folder(sides, []);
    return { steps: walk.steps, cut: undefined };
  } catch (error) {
    if (error instanceof TooMany) return { steps: walk.steps, cut: error.message };
    throw error;
  }
}

class TooMany extends Error {}

class Walk {
  readonly steps: Step[] = [];
  readonly #guard: Guard;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  async folder(sides: Sides, above: readonly string[]): Promise<void> {
    const { upper, base, opaque } = sides;
    if (above.length > limits.depthMax) throw new TooMany(`folders are ${limits.depthMax} deep`);
    const names = await upper.names();
    for (const name of names) await this.#name(sides, name, [...above, name]);
    if (!opaque || base === undefined) return;
    const there = new Set(names);
    for (const name of await base.names())
      if (!there.has(name)) await this.#removal(base, name, [...above, name]);
  }

  async #name({ upper, base, opaque }: Sides, name: string, names: readonly string[]): Promise<void> {
    const facts = await upper.facts(name);
    const before = await base?.facts(name);
    const kind = facts === undefined ? "other" : kindOf(facts);
    const refusal = facts === undefined ? "its name is no UTF-8" : this.#refusal(facts, names);
    if (refusal !== undefined) return await this.#omit(upper, names, kind, refusal);
    if (facts === undefined) return;
    if (isWhiteout(facts)) {
      if (base !== undefined && before !== undefined) await this.#removal(base, name, names);
      return;
    }
    if (base !== undefined && before !== undefined && kindOf(before) !== kind) {
      await this.#removal(base, name, names);
      return await this.#present({ upper, base: undefined, opaque: true }, name, names, { facts });
    }
    await this.#present({ upper, base, opaque }, name, names, { facts, before });
  }

  #refusal(facts: EntryFacts, names: readonly string[]): string | undefined {
    const guarded = this.#guard(names.join("/"));
    if (guarded !== undefined) return guarded;
    if (isWhiteout(facts) || kindOf(facts) !== "other") return undefined;
    return facts.isFIFO() ? "it is a pipe" : facts.isSocket() ? "it is a socket" : "it is a device";
  }

  async #present(
    { upper, base, opaque }: Sides,
    name: string,
    names: readonly string[],
    { facts, before }: { readonly facts: EntryFacts; readonly before?: EntryFacts | undefined },
  ): Promise<void> {
    if (facts.isDirectory()) {
      this.#folderItself(names, facts, before);
      await using inner = await readableFolder(upper, name, facts);
      await using below = before === undefined ? undefined : await base?.folder(name);
      const hides = opaque || hasAttribute(inner.path, "user.overlay.opaque");
      return await this.folder({ upper: inner, base: below, opaque: hides }, names);
    }
    if (facts.isFile() && (Number(facts.mode) & 0o400) === 0) await upper.setFileMode(name, 0o600);
    const now = await readSignature(upper, name, facts);
    const old = base === undefined || before === undefined ? undefined : await lookedAt(base, name, before);
    if (old !== undefined && sameContent(old, now) && (old.mode & 0o777) === (now.mode & 0o777)) return;
    const act = old === undefined ? "make" : "replace";
    this.#add({ names, kind: now.kind, act, now, base: old, ...noteOf(now, old) });
  }

  #folderItself(names: readonly string[], facts: EntryFacts, before: EntryFacts | undefined): void {
    const now = signatureOf(facts);
    const base = before === undefined ? undefined : signatureOf(before);
    if (base === undefined) this.#add({ names, kind: "directory", act: "make", now, base });
    else if ((now.mode & 0o777) !== (base.mode & 0o777))
      this.#add({ names, kind: "directory", act: "mode", now, base });
  }

  /** Everything below first. */
  async #removal(folder: OpenFolder, name: string, names: readonly string[]): Promise<void> {
    const facts = await folder.facts(name);
    const kind = facts === undefined ? "other" : kindOf(facts);
    const refusal = facts === undefined ? "its name is no UTF-8" : this.#guard(names.join("/"));
    if (refusal !== undefined) return this.#add(omitted(names, kind, refusal));
    if (facts === undefined) return;
    if (facts.isDirectory()) {
      if (names.length > limits.depthMax) throw new TooMany(`folders are ${limits.depthMax} deep`);
      await using inner = await folder.folder(name);
      for (const below of await inner.names()) await this.#removal(inner, below, [...names, below]);
    }
    const target = facts.isSymbolicLink() ? { target: await folder.linkText(name) } : {};
    this.#add({ names, kind, act: "remove", now: undefined, base: { ...signatureOf(facts), ...target } });
  }

  /** What is made by the sandbox itself, to be protected, is nothing to be told. */
  async #omit(upper: OpenFolder, names: readonly string[], kind: Kind, note: string): Promise<void> {
    if (kind === "directory") {
      await using inner = await upper.folder(names.at(-1) ?? ".");
      if ((await inner.names()).length === 0) return;
    }
    this.#add(omitted(names, kind, note));
  }

  #add(step: Step): void {
    if (this.steps.length >= limits.changesMax)
      throw new TooMany(`more than ${limits.changesMax} paths differ`);
    this.steps.push(step);
  }
}

function noteOf(now: Signature, old: Signature | undefined): { readonly note?: string } {
  const notes = [
    ...((now.mode & 0o7000) === 0 ? [] : ["its set-id bits are left out"]),
    ...(now.kind === "file" && now.names > 1 ? ["it has other names, and is applied as a copy"] : []),
    ...(old?.kind === "file" && old.names > 1 ? ["its other names keep the old content"] : []),
  ];
  return notes.length === 0 ? {} : { note: notes.join("; ") };
}

function omitted(names: readonly string[], kind: Kind, note: string): Step {
  return { names, kind, act: "omit", now: undefined, base: undefined, note };
}

/** The content too, where it can be read and its size does not tell it apart anyway. */
async function lookedAt(folder: OpenFolder, name: string, facts: EntryFacts): Promise<Signature> {
  try {
    return await readSignature(folder, name, facts);
  } catch (error) {
    if (codeOf(error) !== "EACCES") throw error;
    return signatureOf(facts);
  }
}

export function sameContent(one: Signature, other: Signature): boolean {
  if (one.kind !== other.kind) return false;
  if (one.kind === "file") return one.sha256 !== undefined && one.sha256 === other.sha256;
  return one.kind !== "symlink" || one.target === other.target;
}

/** Nobody else uses the upper folder any more; its modes are noted before they are changed. */
async function readableFolder(folder: OpenFolder, name: string, facts: EntryFacts): Promise<OpenFolder> {
  const inner = await folder.folder(name);
  if ((Number(facts.mode) & 0o700) !== 0o700) await inner.setMode(0o700);
  return inner;
}
