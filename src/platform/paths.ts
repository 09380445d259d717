/** Where the node's own files lie, and whether a folder is such a place. */
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { OperoneError } from "../kernel/error.ts";

export interface DataPaths {
  readonly directory: string;
  readonly config: string;
  readonly lock: string;
  readonly socket: string;
  readonly ownerToken: string;
  /** Who runs here now: `Holder` as JSON. */
  readonly holder: string;
  /** What a detached node says on stdout and stderr. */
  readonly output: string;
}

export function dataPaths(directory: string): DataPaths {
  const file = (name: string) => join(directory, name);
  return {
    directory,
    config: file("config.toml"),
    lock: file("lock"),
    socket: file("operone.sock"),
    ownerToken: file("owner.token"),
    holder: file("running.json"),
    output: file("output.log"),
  };
}

/** `--data`, else `OPERONE_HOME`, else `~/.operone`; absolute. */
export function dataDirectory(
  flag: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const named = flag ?? environment.OPERONE_HOME;
  if (named === "") {
    throw new OperoneError(
      "invalid_input",
      "The data directory is named by an empty text; name a folder or nothing",
    );
  }
  if (named === undefined) return join(homedir(), ".operone");
  return resolve(named);
}

/** In the file's header, at the place that SQLite reserves for it: "OPRN". The lock marks the folder as ours. */
export const lockApplicationId = 0x4f50524e;

/**
 * Whether a node has run in this folder: its lock is there. Follows no link. Not for the process that holds the
 * lock: see lock.ts.
 */
export function isDataDirectory(directory: string): boolean {
  try {
    return hasOurLock(directory);
  } catch (error) {
    throw new OperoneError(
      "forbidden",
      `The data directory ${directory} cannot be looked at: ${reasonOf(error)}; use the user that runs its node`,
    );
  }
}

function hasOurLock(directory: string): boolean {
  const { lock } = dataPaths(directory);
  if (!lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) return false;
  if (!lstatSync(lock, { throwIfNoEntry: false })?.isFile()) return false;
  const header = Buffer.alloc(72);
  const fd = openSync(lock, "r");
  try {
    readSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
  return header.readUInt32BE(68) === lockApplicationId;
}

/**
 * Makes the folder, for its owner alone, before anything is written or bound in it.
 *
 * @throws OperoneError `conflict` for a folder that holds other people's files: `uninstall` would remove them.
 */
export function prepareDataDirectory(directory: string, isOurs: (name: string) => boolean): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (!isDataDirectory(directory)) {
      const foreign = readdirSync(directory).find((name) => !isOurs(name));
      if (foreign !== undefined) {
        throw new OperoneError(
          "conflict",
          `${directory} holds other files ("${foreign}") and was never a data directory of Operone; ` +
            "name an empty or a new folder with --data or OPERONE_HOME",
        );
      }
    }
    chmodSync(directory, 0o700);
  } catch (error) {
    if (error instanceof OperoneError) throw error;
    throw new OperoneError(
      "unavailable",
      `The data directory ${directory} cannot be used: ${reasonOf(error)}; name another with --data or OPERONE_HOME`,
    );
  }
}

/** Largest configuration file that is read. */
const configBytesMax = 1024 * 1024;

/** The text of config.toml, or undefined when there is none. */
export function readConfigText(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const facts = statSync(file);
    if (!facts.isFile()) {
      throw new OperoneError(
        "invalid_input",
        `${file} is no regular file; put the configuration itself there`,
      );
    }
    const { size } = facts;
    if (size > configBytesMax) {
      throw new OperoneError("too_large", `${file} has ${size} bytes; at most ${configBytesMax} are read`);
    }
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof OperoneError) throw error;
    throw new OperoneError("unavailable", `${file} cannot be read: ${reasonOf(error)}`);
  }
}

/** The system's own words, without its repetition of the path. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/, \w+ '.*$/s, "");
}
