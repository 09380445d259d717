/** The steps of a dry run as people and programs see them: with hunks, and with renames instead of two steps. */
import type { OpenFolder } from "../../src/platform/open-folder.ts";
import type { Change } from "./dry-run-shapes.ts";
import { limits } from "./limits.ts";
import type { Step } from "./overlay-diff.ts";
import { contentOf, hashOf, type Signature } from "./overlay-entry.ts";
import { hunkBytesMax, textBytesMax, textDiff } from "./text-diff.ts";

interface Sides {
  readonly upper: OpenFolder;
  readonly base: OpenFolder;
}

/** At most `changesShownMax`, of all that there are. */
export async function changesOf(
  steps: readonly Step[],
  sides: Sides,
): Promise<{ readonly changes: readonly Change[]; readonly count: number }> {
  const renames = await renamesOf(steps, sides.base);
  const gone = new Set(renames.values());
  const told = steps.filter((step) => !gone.has(step));
  const changes: Change[] = [];
  let bytesLeft: number = limits.diffBytesMax;
  for (const step of told.slice(0, limits.changesShownMax)) {
    const from = renames.get(step);
    const change = from === undefined ? plainChange(step) : renamedChange(step, from);
    const text = from === undefined ? await textOf(step, sides, bytesLeft) : {};
    // What was too much to be shown has cost the most work.
    bytesLeft -= text.diff?.length ?? (text.note === undefined ? 0 : hunkBytesMax);
    changes.push(
      withNote({ ...change, ...("diff" in text ? { diff: text.diff } : {}) }, text.note, step.note),
    );
  }
  return { changes, count: told.length };
}

function withNote(change: Change, ...notes: readonly (string | undefined)[]): Change {
  const said = notes.filter((note) => note !== undefined);
  return said.length === 0 ? change : { ...change, note: said.join("; ") };
}

const statusOf = {
  make: "added",
  replace: "changed",
  mode: "changed",
  remove: "removed",
  omit: "left_out",
} as const;

function plainChange({ act, kind, names, now, base }: Step): Change {
  const path = names.join("/");
  const change: Change = { status: statusOf[act], kind, path };
  if (now !== undefined) Object.assign(change, factsOf(now));
  if (base === undefined) return change;
  const { mode, sizeBytes, sha256, target } = factsOf(base);
  return {
    ...change,
    ...(mode === undefined ? {} : { modeBefore: mode }),
    ...(sizeBytes === undefined ? {} : { sizeBytesBefore: sizeBytes }),
    ...(sha256 === undefined ? {} : { sha256Before: sha256 }),
    ...(target === undefined ? {} : { targetBefore: target }),
  };
}

function renamedChange(step: Step, from: Step): Change {
  return { ...plainChange(step), status: "renamed", from: from.names.join("/") };
}

function factsOf(signature: Signature): Pick<Change, "mode" | "sizeBytes" | "sha256" | "target"> {
  const { kind, mode, sizeBytes, sha256, target } = signature;
  return {
    ...(kind === "symlink" ? {} : { mode: (mode & 0o777).toString(8) }),
    ...(kind === "file" ? { sizeBytes } : {}),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(target === undefined ? {} : { target }),
  };
}

type Text = { readonly diff?: string; readonly note?: string };

async function textOf({ act, kind, names, now, base }: Step, sides: Sides, bytesLeft: number): Promise<Text> {
  if (kind !== "file" || act === "omit" || act === "mode") return {};
  if (now !== undefined && base !== undefined && now.sha256 === base.sha256) return {};
  if (bytesLeft <= 0) return { note: "the hunks of all are too long to be shown" };
  if ([now, base].some((one) => one !== undefined && one.sizeBytes > textBytesMax)) return {};
  const before = base === undefined ? null : await readAt(sides.base, names);
  const after = now === undefined ? null : await readAt(sides.upper, names);
  if (before === undefined || after === undefined) return {};
  return textDiff(names.join("/"), before, after) ?? {};
}

/** Undefined for what cannot be read, or is longer than it was. */
async function readAt(root: OpenFolder, names: readonly string[]): Promise<Uint8Array | undefined> {
  await using folder = await root.below(names.slice(0, -1));
  if (folder === undefined) return undefined;
  return await contentOf(folder, names.at(-1) ?? ".", textBytesMax).catch(() => undefined);
}

const renamesMax = 1_000;

/** Files that are gone here and are there elsewhere with the same bytes, each found by its size first. */
async function renamesOf(steps: readonly Step[], base: OpenFolder): Promise<ReadonlyMap<Step, Step>> {
  const made = steps.filter(
    ({ act, kind, now }) => act === "make" && kind === "file" && (now?.sizeBytes ?? 0) > 0,
  );
  const sizes = new Set(made.map(({ now }) => now?.sizeBytes));
  const removed = steps.filter(
    ({ act, kind, base: old }) => act === "remove" && kind === "file" && sizes.has(old?.sizeBytes),
  );
  const renames = new Map<Step, Step>();
  if (removed.length > renamesMax) return renames;
  const byHash = new Map<string, Step>();
  for (const step of removed) {
    await using folder = await base.below(step.names.slice(0, -1));
    const hash = await (folder === undefined
      ? undefined
      : hashOf(folder, step.names.at(-1) ?? ".").catch(() => undefined));
    if (hash !== undefined) byHash.set(hash, step);
  }
  for (const step of made) {
    const from = byHash.get(step.now?.sha256 ?? "");
    if (from === undefined) continue;
    renames.set(step, from);
    byHash.delete(step.now?.sha256 ?? "");
  }
  return renames;
}
