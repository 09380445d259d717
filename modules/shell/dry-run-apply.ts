/**
 * Makes the steps of a dry run in the workspace: first all are looked at, and nothing is done when one does not fit any
 * more; then each is made so that its name holds the old thing or the new one at every moment. Folders on the way are
 * held open and no link is followed, so nothing outside of the workspace can be reached by what others put there
 * meanwhile. A try that broke off can be repeated: what is already as it is to be counts as done.
 */
import { codeOf, type OpenFolder } from "../../src/platform/open-folder.ts";
import { type Step, sameContent } from "./overlay-diff.ts";
import { chunksOf, kindOf, readSignature, type Signature, signatureOf } from "./overlay-entry.ts";

export interface ApplySides {
  readonly upper: OpenFolder;
  readonly workspace: OpenFolder;
  /** For root, whose files these would be otherwise. */
  readonly owner: { readonly user: number; readonly group: number } | undefined;
  /** What is newer was changed while the command ran: it may not have seen that. */
  readonly startedNs: bigint;
  /** For names of files that are being written. */
  readonly unique: () => string;
}

type State = "ready" | "done" | "changed";

/** The paths that do not fit, and the steps that are still to be made. */
export async function checkSteps(
  steps: readonly Step[],
  sides: ApplySides,
): Promise<{ readonly conflicts: readonly string[]; readonly left: readonly Step[] }> {
  const conflicts: string[] = [];
  const left: Step[] = [];
  const madeAbove = new Set<string>();
  const freed = new Set<string>();
  const removed = new Set(steps.filter(({ act }) => act === "remove").map(({ names }) => names.join("/")));
  for (const step of steps.filter(({ act }) => act !== "omit")) {
    const path = step.names.join("/");
    const inNew = madeAbove.has(step.names.slice(0, -1).join("/"));
    const state = inNew || freed.has(path) ? "ready" : await stateOf(step, sides);
    if (state === "changed") conflicts.push(path);
    if (state === "ready" && step.act === "remove") conflicts.push(...(await newBelow(step, removed, sides)));
    if (state === "ready") {
      left.push(step);
      if (step.act === "make" && step.kind === "directory") madeAbove.add(path);
      if (step.act === "remove") freed.add(path);
    }
  }
  return { conflicts, left };
}

/** What has come into a folder that is to be removed. */
async function newBelow(
  { kind, names }: Step,
  removed: ReadonlySet<string>,
  { workspace }: ApplySides,
): Promise<readonly string[]> {
  if (kind !== "directory") return [];
  await using folder = await workspace.below(names);
  const paths = (await folder?.names())?.map((name) => [...names, name].join("/")) ?? [];
  return paths.filter((path) => !removed.has(path));
}

async function stateOf(step: Step, { workspace, startedNs }: ApplySides): Promise<State> {
  const { names, act, now, base } = step;
  const name = names.at(-1) ?? ".";
  await using folder = await workspace.below(names.slice(0, -1));
  // What was to be removed may be gone with the folder that held it.
  if (folder === undefined) return act === "remove" ? "done" : "changed";
  const facts = await folder.facts(name);
  if (facts === undefined) return base === undefined ? "ready" : act === "remove" ? "done" : "changed";
  const there = signatureOf(facts);
  if (base !== undefined && base.kind !== "directory" && base.changedNs > startedNs) return "changed";
  if (base !== undefined && sameFacts(there, base)) return "ready";
  const read = await readSignature(folder, name, facts).catch(() => there);
  if (now !== undefined && isAs(read, now)) return "done";
  return base !== undefined && isAs(read, base) ? "ready" : "changed";
}

/** Of a folder only that it is one: what is in it is looked at by its own name, or keeps it from being removed. */
function sameFacts(there: Signature, base: Signature): boolean {
  if (there.kind !== base.kind || there.mode !== base.mode) return false;
  if (there.kind === "directory") return true;
  return (
    there.device === base.device &&
    there.inode === base.inode &&
    there.sizeBytes === base.sizeBytes &&
    there.modifiedNs === base.modifiedNs &&
    there.changedNs === base.changedNs
  );
}

function isAs(there: Signature, wanted: Signature): boolean {
  const modes = there.kind === "symlink" || (there.mode & 0o777) === (wanted.mode & 0o777);
  return modes && sameContent(there, wanted);
}

/** The workspace has changed since it was looked at, or refuses. */
export class StepRefused extends Error {}

/** @throws StepRefused, or the system's error such as ENOSPC */
export async function makeStep(step: Step, sides: ApplySides): Promise<void> {
  await using folder = await sides.workspace.below(step.names.slice(0, -1));
  if (folder === undefined) throw new StepRefused("its folder is gone");
  const name = step.names.at(-1) ?? ".";
  try {
    if (step.act === "remove") await remove(step, folder, name);
    else if (step.act === "mode") await changeMode(step, folder, name);
    else if (step.kind === "directory") await makeFolder(step, folder, name, sides);
    else await put(step, folder, name, sides);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") throw new StepRefused("there is something of that name now");
    if (code === "ENOTEMPTY") throw new StepRefused("there is something in it that was not there");
    if (code === "ENOTDIR" || code === "ELOOP" || code === "ENOENT") throw new StepRefused("it has changed");
    throw error;
  }
}

async function remove({ base }: Step, folder: OpenFolder, name: string): Promise<void> {
  await assertStill(base, folder, name);
  if (base?.kind === "directory") await folder.removeFolder(name);
  else await folder.unlink(name);
}

async function changeMode({ now, base }: Step, folder: OpenFolder, name: string): Promise<void> {
  await assertStill(base, folder, name);
  await using inner = await folder.folder(name);
  await inner.setMode(((base?.mode ?? 0) & 0o7000) | ((now?.mode ?? 0) & 0o777) | whileWorking);
}

/** Files are still to be put into a folder, which its mode may forbid. */
const whileWorking = 0o300;

/** Gives folders the modes that they were to have, after all that is in them. */
export async function finishFolders(steps: readonly Step[], { workspace }: ApplySides): Promise<void> {
  for (const { act, kind, names, now, base } of steps.toReversed()) {
    if (kind !== "directory" || now === undefined || act === "remove") continue;
    if ((now.mode & whileWorking) === whileWorking) continue;
    await using folder = await workspace.below(names);
    await folder?.setMode(((base?.mode ?? 0) & 0o7000) | (now.mode & 0o777));
  }
}

async function makeFolder({ now }: Step, folder: OpenFolder, name: string, sides: ApplySides): Promise<void> {
  await folder.makeFolder(name, 0o700);
  await using inner = await folder.folder(name);
  if (sides.owner !== undefined) await inner.setOwner(sides.owner.user, sides.owner.group);
  await inner.setMode(((now?.mode ?? 0) & 0o777) | whileWorking);
}

async function put(step: Step, folder: OpenFolder, name: string, sides: ApplySides): Promise<void> {
  const draft = `.${sides.unique()}.tmp`;
  try {
    if (step.kind === "symlink") await draftLink(step, folder, draft, sides);
    else await draftFile(step, folder, draft, sides);
    if (step.act === "make") await nameAnew(folder, draft, name);
    else {
      await assertStill(step.base, folder, name);
      await folder.replace(draft, name);
    }
  } finally {
    await folder.unlink(draft).catch(() => {});
  }
}

/** Fails where there is something. A file system without second names gets the check and the move one after the other. */
async function nameAnew(folder: OpenFolder, draft: string, name: string): Promise<void> {
  try {
    await folder.addName(draft, name);
  } catch (error) {
    if (!["EPERM", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
    if ((await folder.facts(name)) !== undefined)
      throw new StepRefused("there is something of that name now");
    await folder.replace(draft, name);
  }
}

async function draftLink(
  { now }: Step,
  folder: OpenFolder,
  draft: string,
  { owner }: ApplySides,
): Promise<void> {
  await folder.makeLink(now?.target ?? "", draft);
  if (owner !== undefined) await folder.setLinkOwner(draft, owner.user, owner.group);
}

async function draftFile(
  { names, now }: Step,
  folder: OpenFolder,
  draft: string,
  sides: ApplySides,
): Promise<void> {
  await using source = await sides.upper.below(names.slice(0, -1));
  if (source === undefined || now === undefined) throw new StepRefused("the dry run has lost it");
  await using from = await source.file(names.at(-1) ?? ".");
  await using to = await folder.newFile(draft);
  const hash = new Bun.CryptoHasher("sha256");
  for await (const bytes of chunksOf(from)) {
    hash.update(bytes);
    for (let at = 0; at < bytes.length; ) at += (await to.write(bytes, at, bytes.length - at)).bytesWritten;
  }
  if (hash.digest("hex") !== now.sha256) throw new StepRefused("the dry run has lost its content");
  if (sides.owner !== undefined) await to.chown(sides.owner.user, sides.owner.group);
  await to.chmod(now.mode & 0o777);
  const modified = Number(now.modifiedNs) / 1e9;
  await to.utimes(modified, modified);
  await to.datasync();
}

async function assertStill(base: Signature | undefined, folder: OpenFolder, name: string): Promise<void> {
  const facts = await folder.facts(name);
  if (facts === undefined || base === undefined || kindOf(facts) !== base.kind)
    throw new StepRefused("it has changed");
  if (sameFacts(signatureOf(facts), base)) return;
  const there = await readSignature(folder, name, facts);
  if (!isAs(there, base)) throw new StepRefused("it has changed");
}
