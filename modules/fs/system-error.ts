/** What the operating system says when it cannot do something with a file, as an error of ours. */
import { type ErrorCode, OperoneError } from "../../src/kernel/error.ts";

interface Meaning {
  readonly code: ErrorCode;
  /** After "Could not read "/a/b": ". With the next step where there is one. */
  readonly why: string;
}

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: "not_found", why: "it does not exist" },
  ENOTDIR: { code: "not_found", why: "a part of the path is no directory" },
  EEXIST: { code: "conflict", why: "something is there already" },
  EISDIR: { code: "conflict", why: "it is a directory" },
  ENOTEMPTY: { code: "conflict", why: "the directory is not empty" },
  ELOOP: { code: "conflict", why: "its links lead in a circle, or through too many" },
  EBUSY: { code: "conflict", why: "the system uses it" },
  ETXTBSY: { code: "conflict", why: "it is a program that runs" },
  ENAMETOOLONG: { code: "invalid_input", why: "the name is longer than the file system takes" },
  EINVAL: { code: "invalid_input", why: "the file system takes no such name" },
  EILSEQ: { code: "invalid_input", why: "the file system takes no such name" },
  EACCES: {
    code: "forbidden",
    why: "the operating system does not let the node's user; see its owner and mode",
  },
  EPERM: {
    code: "forbidden",
    why: "the operating system does not let the node's user; see its owner and mode",
  },
  ENOSPC: { code: "unavailable", why: "the disk is full; make room and try again" },
  EDQUOT: { code: "unavailable", why: "the disk quota is used up; make room and try again" },
  EROFS: { code: "unavailable", why: "the file system is read-only" },
  EFBIG: { code: "too_large", why: "the file system takes no file of that size" },
  EMFILE: { code: "limited", why: "the node has too many files open; try again when fewer calls run" },
  ENFILE: { code: "limited", why: "the system has too many files open; try again later" },
  EIO: { code: "unavailable", why: "the disk failed; the system's log says more" },
  ESTALE: { code: "unavailable", why: "the network disk does not know it any more" },
  ENODEV: { code: "unavailable", why: "the device is gone" },
  ENXIO: { code: "unavailable", why: "the device is gone" },
  ETIMEDOUT: { code: "unavailable", why: "the network disk does not answer" },
  EXDEV: { code: "unsupported", why: "it would lead to another file system" },
  ENOTSUP: { code: "unsupported", why: "the file system cannot do that" },
  EOPNOTSUPP: { code: "unsupported", why: "the file system cannot do that" },
};

/** ENOENT and its like; undefined for what is no error of the system. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** @param what the verb: "read" @param path as callers write it */
function systemError(error: unknown, what: string, path: string): unknown {
  const meaning = error instanceof OperoneError ? undefined : meanings[codeOf(error) ?? ""];
  if (meaning === undefined) return error;
  return new OperoneError(meaning.code, `Could not ${what} "${path}": ${meaning.why}`, undefined, {
    cause: error,
  });
}

/** Runs the work, and says in our words how the system failed. */
export async function explained<T>(what: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw systemError(error, what, path);
  }
}
