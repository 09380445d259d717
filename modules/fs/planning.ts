/** Removals, moves, copies and new directories that are checked and told of, and not made. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Entry } from "./backend.ts";
import { isWithin, joined, parentOf } from "./file-path.ts";
import { landing } from "./landing.ts";
import { Plan } from "./plan.ts";
import type { Planned } from "./plan-shapes.ts";
import { plannedCopy } from "./planned-copy.ts";
import { assertEmpty } from "./removing.ts";
import { entryWhole } from "./state.ts";
import type { Trash } from "./trash.ts";
import type { Place } from "./tree.ts";
import { walk } from "./walk.ts";

/** One path, with both rights. */
interface Both {
  readonly reading: Place;
  readonly writing: Place;
}

/** @throws OperoneError as the removal itself; `forbidden` for what the caller may not read, as the answer tells of it */
export async function plannedRemoval(
  trash: Trash,
  { reading, writing }: Both,
  input: { readonly recursive: boolean; readonly permanent: boolean; readonly signal: AbortSignal },
): Promise<Planned> {
  const entry = await entryWhole(writing);
  const path = writing.shown(writing.path);
  assertNoRoot(writing);
  if (entry.kind === "directory" && !input.recursive) await assertEmpty(writing, path, input.signal);
  await landing(writing);
  await writing.backend.assertWhole(writing.access, writing.path);
  if (!input.permanent) await trash.assertRoom();
  const plan = new Plan();
  for await (const one of wholeTree(reading, input.signal)) {
    plan.counts(one);
    plan.names("-", reading.shown(one.path), one.kind);
  }
  return { path, ...plan.result() };
}

/** @throws OperoneError as the move itself; `forbidden` as `plannedRemoval` */
export async function plannedMove(
  source: Both,
  target: Both,
  { replace, signal }: { readonly replace: boolean; readonly signal: AbortSignal },
): Promise<Planned> {
  const { reading, writing } = source;
  assertNoRoot(writing);
  await entryWhole(reading);
  await landing(writing);
  await writing.backend.assertWhole(writing.access, writing.path);
  const path = target.writing.shown(target.writing.path);
  if (writing.backend !== target.writing.backend) {
    const { left, ...told } = await plannedCopy(reading, target, { replace, signal, isMove: true });
    const [first] = left;
    if (first === undefined) return { path, ...told };
    throw new OperoneError(
      "conflict",
      `"${reading.shown(reading.path)}" cannot be moved to another file system as a whole: "${first.path}": ${first.why}`,
    );
  }
  const plan = new Plan();
  await planReplaced(plan, source, target, replace, signal);
  const inside = (inner: string) => target.writing.shown(target.writing.path + inner);
  for await (const one of wholeTree(reading, signal)) {
    plan.counts(one);
    plan.names("-", reading.shown(one.path), one.kind);
    plan.names("+", inside(one.below), one.kind);
  }
  return { path, ...plan.result() };
}

/** What a rename would put another thing in the place of. */
async function planReplaced(
  plan: Plan,
  { reading, writing }: Both,
  target: Both,
  replace: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { there, real } = await landing(target.writing);
  const shown = target.writing.shown(target.writing.path);
  const { real: from } = await landing(writing);
  if (real === from) return;
  if (isWithin(real, from))
    throw new OperoneError(
      "conflict",
      `"${shown}" lies in what would be moved there; choose a place outside`,
    );
  if (there === undefined) return;
  if (!replace)
    throw new OperoneError(
      "conflict",
      `Something is at "${shown}" already; choose another name, or say replace`,
    );
  const entry = await entryWhole(reading);
  if ((entry.kind === "directory") !== (there.kind === "directory")) {
    const kinds = `"${shown}" is ${there.kind === "directory" ? "a" : "no"} directory, and what would replace it is ${entry.kind === "directory" ? "one" : "none"}`;
    throw new OperoneError("conflict", kinds);
  }
  if (there.kind === "directory") await assertEmpty(target.writing, shown, signal);
  plan.names("-", shown, there.kind);
  if (entry.kind === "file" && there.kind === "file") await plan.replaces(target.reading, reading, signal);
}

/** @throws OperoneError as `makeDirectory` */
export async function plannedDirectory(place: Place, parents: boolean): Promise<Planned> {
  const plan = new Plan();
  for (const path of await missingDirectories(place, parents)) {
    plan.counts({ kind: "directory", sizeBytes: 0 });
    plan.names("+", place.shown(path), "directory");
  }
  return { path: place.shown(place.path), ...plan.result() };
}

/** From the top down. */
async function missingDirectories(place: Place, parents: boolean): Promise<readonly string[]> {
  const { backend, access, path, shown } = place;
  const there = await backend.stat(access, path, { follow: true });
  if (there !== undefined) {
    if (parents && there.kind === "directory") return [];
    throw new OperoneError("conflict", `Something is at "${shown(path)}" already; choose another name`);
  }
  const above = parentOf(path);
  const isMade = parents && above !== path && access.allows(above);
  const missing = isMade && (await backend.stat(access, above, { follow: true })) === undefined;
  if (missing) return [...(await missingDirectories({ ...place, path: above }, true)), path];
  if ((await landing(place)).there !== undefined)
    throw new OperoneError("conflict", `"${shown(path)}" is a link to what does not exist`);
  return [path];
}

function assertNoRoot({ path, shown }: Place): void {
  if (path === "/") throw new OperoneError("conflict", `"${shown("/")}" stays where it is`);
}

/**
 * What is at the path and all that is in it.
 *
 * @throws OperoneError `forbidden` when a part of it may not be read: a listing that leaves something out would be taken
 *   for the whole
 */
async function* wholeTree(
  reading: Place,
  signal: AbortSignal,
): AsyncGenerator<Entry & { below: string }, void> {
  const top = await entryWhole(reading);
  await assertReadable(reading);
  yield { ...top, below: "" };
  if (top.kind !== "directory") return;
  for await (const { path, relative } of walk(reading, { signal })) {
    const entry = await reading.backend.stat(reading.access, path);
    if (entry !== undefined) yield { ...entry, path, below: joined("/", relative) };
  }
}

/** It does not say which part. */
async function assertReadable({ backend, access, path, shown }: Place): Promise<void> {
  try {
    await backend.assertWhole(access, path);
  } catch (error) {
    if (!(error instanceof OperoneError) || error.code !== "forbidden") throw error;
    throw new OperoneError(
      "forbidden",
      `Not all of "${shown(path)}" is yours to read, so what would change is not told; without dryRun it is done as your rights to write allow`,
    );
  }
}
