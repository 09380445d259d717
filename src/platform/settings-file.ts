/** Settings files of other programs: read through links, and replaced whole without losing their mode or owner. */
import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { OperoneError } from "../kernel/error.ts";
import { reasonOf } from "./paths.ts";

/** Programs keep their history in such files, too; a file that is larger than this is none that a person looks at. */
const fileBytesMax = 32 * 1024 * 1024;
const linksMax = 16;
/** What a program makes when nobody says anything else. */
const usualMode = 0o644;

export interface SettingsFile {
  /** As it was named. */
  readonly path: string;
  /** Where it really lies: the end of its links, there or not. */
  readonly real: string;
  /** Undefined when there is no file. */
  readonly text: string | undefined;
  readonly mode: number | undefined;
}

/** @throws OperoneError `invalid_input` for what is no text file, `too_large`, `unavailable` when it cannot be read */
export function readSettings(path: string): SettingsFile {
  try {
    const real = endOfLinks(path);
    const facts = statSync(real, { throwIfNoEntry: false });
    if (facts === undefined) return { path, real, text: undefined, mode: undefined };
    if (!facts.isFile()) {
      throw new OperoneError("invalid_input", `${real} is no regular file, so it cannot be changed`);
    }
    if (facts.size > fileBytesMax) {
      const { size } = facts;
      throw new OperoneError("too_large", `${real} has ${size} bytes; at most ${fileBytesMax} are read`);
    }
    return { path, real, text: textOf(real, readFileSync(real)), mode: facts.mode & 0o7777 };
  } catch (error) {
    throw explained("read", path, error);
  }
}

/** Follows links by hand, because the last one may lead to what is not there yet. */
function endOfLinks(path: string): string {
  let at = path;
  for (let links = 0; links < linksMax; links++) {
    if (!lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) {
      const folder = dirname(at);
      const isThere = statSync(folder, { throwIfNoEntry: false }) !== undefined;
      return isThere ? join(realpathSync(folder), basename(at)) : at;
    }
    at = resolve(dirname(at), readlinkSync(at));
  }
  throw new OperoneError(
    "invalid_input",
    `${path} is a link that leads through more than ${linksMax} others`,
  );
}

/** A project may come from anybody, with a link to a file of whoever opens it. @throws OperoneError `forbidden` */
export function assertWithin(folder: string, { path, real }: SettingsFile): void {
  const within = relative(realpathSync(folder), real);
  if (!isAbsolute(within) && within.split(sep)[0] !== "..") return;
  throw new OperoneError(
    "forbidden",
    `${path} leads out of the project, to ${real}, so it was left alone; remove the link first`,
  );
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new OperoneError("invalid_input", `${path} is no UTF-8 text, so it was left as it is`);
  }
}

/**
 * After a crash the file holds the old text or the new one, whole.
 *
 * @param mode absent: the file's own, or what new files usually have
 * @returns the outermost folder that had to be made, for whoever undoes this
 * @throws OperoneError `unavailable`
 */
export function writeSettings(
  file: SettingsFile,
  text: string,
  mode = file.mode ?? usualMode,
): string | undefined {
  const folder = dirname(file.real);
  const unique = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
  const temporary = join(folder, `.${basename(file.real)}.${unique}.operone`);
  try {
    const made = mkdirSync(folder, { recursive: true });
    try {
      writeWhole(temporary, text, mode);
      keepOwner(file.real, temporary);
      renameSync(temporary, file.real);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    syncFolder(folder);
    return made;
  } catch (error) {
    throw explained("write", file.real, error);
  }
}

function writeWhole(path: string, text: string, mode: number): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    if (process.platform !== "win32") fchmodSync(fd, mode);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** As root one may change another user's settings, and the file stays that user's. */
function keepOwner(from: string, to: string): void {
  if (process.getuid?.() !== 0) return;
  const facts = statSync(from, { throwIfNoEntry: false }) ?? statSync(dirname(from));
  chownSync(to, facts.uid, facts.gid);
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Removes a file that we made, and from its folder up to `outermost` those that are empty then. */
export function removeSettings(real: string, outermost: string | undefined): void {
  try {
    rmSync(real, { force: true });
    if (outermost === undefined) return;
    for (let folder = dirname(real); folder.startsWith(outermost); folder = dirname(folder)) {
      if (!removedWhenEmpty(folder)) return;
    }
  } catch (error) {
    throw explained("remove", real, error);
  }
}

function removedWhenEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function explained(what: string, path: string, error: unknown): unknown {
  if (error instanceof OperoneError) return error;
  return new OperoneError("unavailable", `Could not ${what} ${path}: ${reasonOf(error)}`, undefined, {
    cause: error,
  });
}
