/**
 * Carries a file or a directory with all that is in it to another place of the machine, also to another file system. What
 * is copied is held while it is copied, so nothing that is put in its place meanwhile is taken; the copy is on the disk
 * before anything of the original goes; and what changed after it was copied stays where it is.
 */
import { type BigIntStats, constants } from "node:fs";
import {
  access,
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  lstat,
  mkdir,
  open,
  rename,
  rmdir,
  symlink,
  unlink,
  utimes,
} from "node:fs/promises";
import { OperoneError } from "../../../src/kernel/error.ts";
import { joined } from "../file-path.ts";
import { codeOf } from "../system-error.ts";
import { type HeldPlace, hold, linkText, namesOf, openHeld, orMissing, type SystemPath } from "./place.ts";

const chunkBytes = 256 * 1024;
/** Directories in directories: each is held open. */
const depthMax = 256;

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A name in a directory that is held. */
export interface Spot {
  readonly place: HeldPlace;
  readonly name: string;
  /** Of the directory, as callers know it. */
  readonly path: string;
}

interface CarryOptions {
  /** In the directory that it comes to, while it is not whole. */
  readonly partName: string;
  /** @throws OperoneError for what is nobody's to be read */
  assertReadable(path: string, facts: BigIntStats): void;
}

/**
 * @throws OperoneError `conflict` when something is at `to`, or when a part of the original changed meanwhile (then the
 *   copy is whole and stays), `unsupported` for pipes and devices to another file system
 */
export async function carry(from: Spot, to: Spot, options: CarryOptions): Promise<void> {
  const facts = await lstat(from.place.child(from.name), { bigint: true });
  if (facts.isDirectory() && (await isTaken(to))) throw occupied(to);
  try {
    await named(from, to, facts);
  } catch (error) {
    if (codeOf(error) !== "EXDEV") throw error;
    await carryAcross(from, to, facts, options);
  }
  await syncDirectory(to.place.path);
  await syncDirectory(from.place.path);
}

async function carryAcross(from: Spot, to: Spot, facts: BigIntStats, options: CarryOptions): Promise<void> {
  if (await isTaken(to)) throw occupied(to);
  // Where it cannot go from, there is no use in a copy.
  await access(from.place.path, constants.W_OK);
  const part = { ...to, name: options.partName };
  try {
    await copyTree(from, part, options, depthMax);
    await named(part, to, facts);
    await syncDirectory(to.place.path);
  } catch (error) {
    await removeTree(part).catch(() => {});
    throw error;
  }
  if (await removeSame(from, to)) return;
  throw new OperoneError(
    "conflict",
    `A part of "${joined(from.path, from.name)}" changed while it was copied to another file system; that part is still there, and the copy has it as it was before`,
  );
}

async function named(from: Spot, to: Spot, facts: BigIntStats): Promise<void> {
  const [source, target] = [from.place.child(from.name), to.place.child(to.name)];
  // A directory comes to the place of an empty directory at most.
  if (facts.isDirectory()) await rename(source, target);
  else await renameNew(source, target, to);
}

/** A second name can be given only where there is none, so nothing is lost that came meanwhile. */
export async function renameNew(from: SystemPath, to: SystemPath, target: Spot): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") throw occupied(target);
    // The file system has no second names; that nothing was there has just been seen.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "EOPNOTSUPP" && code !== "EMLINK") throw error;
    if (await isTaken(target)) throw occupied(target);
    await rename(from, to);
    return;
  }
  await unlink(from);
}

async function isTaken({ place, name }: Spot): Promise<boolean> {
  return (await orMissing(() => lstat(place.child(name)))) !== undefined;
}

export function occupied(target: Spot): OperoneError {
  return new OperoneError(
    "conflict",
    `Something is at "${joined(target.path, target.name)}" already; replace it on purpose, or choose another name`,
  );
}

async function copyTree(from: Spot, to: Spot, options: CarryOptions, depth: number): Promise<void> {
  const path = joined(from.path, from.name);
  if (depth === 0)
    throw new OperoneError("unsupported", `"${path}" lies more than ${depthMax} directories deep`);
  await using held = await hold(from.place.child(from.name));
  const { facts } = held;
  options.assertReadable(path, facts);
  if (facts.isFile()) await copyFile(held, to, path);
  else if (facts.isDirectory()) {
    await mkdir(to.place.child(to.name), 0o700);
    await using made = await hold(to.place.child(to.name));
    for (const name of await namesOf(held)) {
      const target = { place: made, name, path: joined(to.path, to.name) };
      await copyTree({ place: held, name, path }, target, options, depth - 1);
    }
    if (process.getuid?.() === 0) await chown(made.path, Number(facts.uid), Number(facts.gid));
    await utimes(made.path, seconds(facts.atimeNs), seconds(facts.mtimeNs));
    if (process.platform !== "win32") await chmod(made.path, Number(facts.mode & 0o7777n));
    await syncDirectory(made.path);
  } else if (facts.isSymbolicLink()) {
    const target = to.place.child(to.name);
    await symlink(await linkText(from.place.child(from.name)), target);
    if (process.getuid?.() === 0) await lchown(target, Number(facts.uid), Number(facts.gid));
  } else {
    throw new OperoneError(
      "unsupported",
      `"${path}" is a pipe, a socket or a device, which cannot be copied to another file system; remove it for good with --permanent`,
    );
  }
}

async function copyFile(held: HeldPlace, to: Spot, path: string): Promise<void> {
  const { facts } = held;
  await using source = await openHeld(held, path);
  await using target = await open(to.place.child(to.name), newFile, 0o600);
  await copyBytes(source, target);
  if (process.getuid?.() === 0) await target.chown(Number(facts.uid), Number(facts.gid));
  if (process.platform !== "win32") await target.chmod(Number(facts.mode & 0o7777n));
  await target.utimes(seconds(facts.atimeNs), seconds(facts.mtimeNs));
  await target.sync();
}

async function copyBytes(source: FileHandle, target: FileHandle): Promise<void> {
  const chunk = new Uint8Array(chunkBytes);
  for (let from = 0; ; ) {
    const { bytesRead } = await source.read(chunk, 0, chunk.length, from);
    if (bytesRead === 0) return;
    from += bytesRead;
    for (let at = 0; at < bytesRead; )
      at += (await target.write(chunk, at, bytesRead - at, from - bytesRead + at)).bytesWritten;
  }
}

function seconds(ns: bigint): number {
  return Number(ns / 1_000_000n) / 1_000;
}

/** What is no other than its copy. Answers whether that was all. */
async function removeSame(from: Spot, copy: Spot): Promise<boolean> {
  const [source, target] = [from.place.child(from.name), copy.place.child(copy.name)];
  const held = await orMissing(() => hold(source));
  const other = await orMissing(() => hold(target));
  await using _ = held;
  await using __ = other;
  if (held === undefined) return true;
  if (other === undefined) return false;
  if (!held.facts.isDirectory() || !other.facts.isDirectory()) {
    if (!(await isSame(held.facts, other.facts, source, target))) return false;
    await unlink(source);
    return true;
  }
  let all = true;
  for (const name of await namesOf(held)) {
    const inside = { place: held, name, path: joined(from.path, from.name) };
    if (!(await removeSame(inside, { place: other, name, path: copy.path }))) all = false;
  }
  if (all) await rmdir(source);
  return all;
}

async function isSame(
  a: BigIntStats,
  b: BigIntStats,
  source: SystemPath,
  target: SystemPath,
): Promise<boolean> {
  if (a.isSymbolicLink() && b.isSymbolicLink()) return (await linkText(source)) === (await linkText(target));
  if (!a.isFile() || !b.isFile() || a.size !== b.size) return false;
  const apartMs = Number(a.mtimeNs / 1_000_000n - b.mtimeNs / 1_000_000n);
  // A file system that keeps whole or even seconds gives the copy such a time.
  const isRough = b.mtimeNs % 1_000_000_000n === 0n;
  return Math.abs(apartMs) <= (isRough ? 2_000 : 1);
}

/** All of it, and through no link. */
async function removeTree({ place, name, path }: Spot): Promise<void> {
  const child = place.child(name);
  const held = await orMissing(() => hold(child));
  if (held === undefined) return;
  await using _ = held;
  if (!held.facts.isDirectory()) return await unlink(child);
  for (const inner of await namesOf(held))
    await removeTree({ place: held, name: inner, path: joined(path, name) });
  await rmdir(child);
}

/** So that the name is on the disk. Windows cannot, and keeps names without it. */
export async function syncDirectory(path: SystemPath): Promise<void> {
  if (process.platform === "win32") return;
  await using directory = await open(path, "r");
  await directory.sync();
}
