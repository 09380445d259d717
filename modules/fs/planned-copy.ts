/** A copy that is checked and told of, and not made. */
import { OperoneError } from "../../src/kernel/error.ts";
import { joined, parentOf } from "./file-path.ts";
import { fileLanding, landing } from "./landing.ts";
import { Plan } from "./plan.ts";
import { entryAt } from "./state.ts";
import { assertDirectoryFits, assertNoDirectory, failuresMax, whyLeft } from "./transfer.ts";
import type { Place } from "./tree.ts";
import { type Walked, walk } from "./walk.ts";

interface CopyTarget {
  readonly reading: Place;
  readonly writing: Place;
}

interface PlanOptions {
  readonly replace: boolean;
  readonly signal: AbortSignal;
  /** Whether the original would go. */
  readonly isMove?: boolean;
}

/** @throws OperoneError as `transfer` */
export async function plannedCopy(from: Place, to: CopyTarget, options: PlanOptions) {
  const copy = new PlannedCopy(to, options);
  const source = await entryAt(from);
  if (source.kind !== "directory") {
    await assertNoDirectory(from, to.writing);
    await copy.file(from, "");
    return copy.result();
  }
  await assertDirectoryFits(from, to.writing, options.replace ? "any" : "create");
  await copy.directory(from, "");
  const passedOver = ({ path }: Walked, why: string) => copy.left(from.shown(path), why);
  for await (const { path, relative, kind } of walk(from, { signal: options.signal, passedOver })) {
    const one = { ...from, path };
    try {
      if (kind === "directory") await copy.directory(one, `/${relative}`);
      else if (kind === "file") await copy.file(one, `/${relative}`);
      else copy.left(from.shown(path), whyLeft(kind));
    } catch (error) {
      if (options.signal.aborted) throw error;
      copy.left(from.shown(path), error instanceof Error ? error.message : String(error));
    }
  }
  return copy.result();
}

class PlannedCopy {
  readonly #to: CopyTarget;
  readonly #options: PlanOptions;
  readonly #plan = new Plan();
  readonly #left: { path: string; why: string }[] = [];
  /** Directories that are not there yet, below the target: to the path that they would really have. */
  readonly #coming = new Map<string, string>();

  constructor(to: CopyTarget, options: PlanOptions) {
    this.#to = to;
    this.#options = options;
  }

  async directory(from: Place, below: string): Promise<void> {
    const to = this.#at(this.#to.writing, below);
    const coming = this.#comingAt(to, below);
    if (coming !== undefined) this.#coming.set(below, coming);
    else {
      const there = await to.backend.stat(to.access, to.path, { follow: true });
      const { real, there: link } = await landing(to);
      if (there?.kind === "directory") return this.#goes(from, "directory");
      if (there !== undefined || link !== undefined)
        throw new OperoneError("conflict", `"${to.shown(to.path)}" is there already, and is no directory`);
      await to.backend.rehearse?.(to.access, to.path, "directory");
      this.#coming.set(below, real);
    }
    this.#plan.counts({ kind: "directory", sizeBytes: 0 });
    this.#plan.names("+", to.shown(to.path), "directory");
    this.#goes(from, "directory");
  }

  async file(from: Place, below: string): Promise<void> {
    const { replace, signal } = this.#options;
    const to = this.#at(this.#to.writing, below);
    await using file = await from.backend.open(from.access, from.path);
    const isComing = this.#comingAt(to, below) !== undefined;
    if (isComing) await to.backend.rehearse?.(to.access, to.path, "file");
    const there = isComing ? undefined : await fileLanding(to, replace);
    this.#plan.counts(file.entry);
    if (there !== undefined) {
      this.#plan.names("-", to.shown(to.path), "file");
      await this.#plan.replaces(this.#at(this.#to.reading, below), from, signal);
    }
    this.#plan.names("+", to.shown(to.path), "file");
    this.#goes(from, "file");
  }

  left(path: string, why: string): void {
    if (this.#left.length < failuresMax) this.#left.push({ path, why });
  }

  result() {
    return { ...this.#plan.result(), left: this.#left };
  }

  #goes(from: Place, kind: "file" | "directory"): void {
    if (this.#options.isMove === true) this.#plan.names("-", from.shown(from.path), kind);
  }

  #at(place: Place, below: string): Place {
    if (below === "") return place;
    return { ...place, path: joined(place.path, below.slice(1)) };
  }

  /** Below a directory that is to come nothing is there, and the right is all that can be asked. */
  #comingAt(to: Place, below: string): string | undefined {
    if (below === "") return undefined;
    const above = this.#coming.get(parentOf(below) === "/" ? "" : parentOf(below));
    if (above === undefined) return undefined;
    const real = joined(above, below.slice(below.lastIndexOf("/") + 1));
    to.access.check(to.path);
    to.access.check(real);
    return real;
  }
}
