/**
 * What holds files: the machine's own disk, memory, an archive, a bucket, another node. The tree (tree.ts) puts them
 * together; operations know nothing else. Every implementation passes tests/fs/backend-suite.ts.
 *
 * Paths here are the backend's own: absolute, `/` is its root, names joined by `/`, none of them empty, `.` or `..`
 * (file-path.ts checks them before they come here). A name that is no UTF-8 is written as name-text.ts says.
 *
 * Every method takes an `Access` first and asks it for the path that is really meant, after links were followed: so
 * nothing is reached that the caller has no right to, whatever the path looked like.
 */

/** The right of one call, for one permission, in the backend's own paths. */
export interface Access {
  /** @throws OperoneError `forbidden` */
  check(path: string): void;
  allows(path: string): boolean;
  /** Whether nothing is withheld, so that a directory need not be looked through before it is moved as a whole. */
  readonly unlimited: boolean;
}

export type EntryKind = "file" | "directory" | "link" | "other";

/** What is known of a path. */
export interface Entry {
  readonly path: string;
  readonly kind: EntryKind;
  /** 0 for what is no file. */
  readonly sizeBytes: number;
  /** Unix time in milliseconds. */
  readonly modifiedMs: number;
  readonly createdMs?: number;
  /** Permission bits, e.g. 0o644; absent where there are none. */
  readonly mode?: number;
  /** Of a file: an opaque validator that changes whenever the bytes may have. */
  readonly etag?: string;
  /** Of a link: what it says. */
  readonly target?: string;
}

/** A name in a directory, when no more needs to be known of it. */
export interface Named {
  readonly name: string;
  readonly kind: EntryKind;
}

export interface ByteRange {
  /** Inclusive. */
  readonly start: number;
  /** Exclusive; beyond the end is the end. */
  readonly end: number;
}

/** One file held open: what `entry` says is what `read` gives, even if the name is given to another file meanwhile. */
export interface OpenFile extends AsyncDisposable {
  readonly entry: Entry;
  /**
   * Chunks of at most 256 KiB, each a buffer of its own. May be called more than once.
   *
   * @throws OperoneError `conflict` when the file got shorter meanwhile
   */
  read(signal: AbortSignal, range?: ByteRange): AsyncIterable<Uint8Array>;
}

/** What must hold of the path before it is written. */
export type WriteMode =
  /** Nothing is there yet; else `conflict`. */
  | "create"
  /** A file is there; else `not_found`. */
  | "replace"
  /** Either. */
  | "any";

export interface WriteOptions {
  readonly mode: WriteMode;
  /** The etag that the file must have now; else `precondition_failed`. */
  readonly ifMatch?: string;
  /** Permission bits of a new file; a replaced one keeps its own. */
  readonly permissions?: number;
  /** The time that it shall have been modified at. Absent: now. */
  readonly modifiedMs?: number;
  readonly bytesMax?: number;
}

export interface AppendOptions {
  readonly ifMatch?: string;
  /** What has arrived may stay when the rest does not come, and others may append between. Absent: all of it in one piece, or nothing. */
  readonly partial?: boolean;
  /** The time that it shall have been modified at. Absent: now. */
  readonly modifiedMs?: number;
}

/** What differs between backends; callers look here instead of trying. */
export interface Traits {
  readonly writable: boolean;
  /** Whether `A` and `a` are two names in the given directory. */
  readonly caseSensitive: boolean;
  /** Whether the two spellings of a name with accents (NFC, NFD) are one name. */
  readonly normalizesUnicode: boolean;
  readonly hasModes: boolean;
}

export interface Backend extends AsyncDisposable {
  readonly kind: "local" | "memory" | "archive" | "s3" | "node";
  /** Of the directory at the path. */
  traits(access: Access, path: string): Promise<Traits>;
  /** Undefined when there is nothing. `follow`: of what a link leads to, `path` being the real one then. */
  stat(access: Access, path: string, options?: { readonly follow?: boolean }): Promise<Entry | undefined>;
  /**
   * The entries of a directory, unsorted, in batches, so that a large one needs no memory. What the caller has no
   * right to is left out. Links are not followed.
   *
   * @throws OperoneError `not_found`, `conflict` (no directory)
   */
  list(access: Access, path: string, signal: AbortSignal): AsyncIterable<readonly Entry[]>;
  /** The same, and cheaper: for walking a tree. */
  names(access: Access, path: string, signal: AbortSignal): AsyncIterable<readonly Named[]>;
  /** A regular file, through links. @throws OperoneError `not_found`, `conflict` (a directory, a pipe, a device) */
  open(access: Access, path: string): Promise<OpenFile>;
  /**
   * The whole file or nothing: others see the old bytes or the new ones, also after a crash at any moment. It is on
   * the disk when this resolves. A link to a file that may be written is followed, and stays a link.
   *
   * @throws OperoneError `conflict`, `not_found` (of the directory too), `precondition_failed`, `too_large`,
   *   `unavailable` (disk full, read-only), `unsupported` (backend is read-only)
   */
  write(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry>;
  /** At the end of the file, durable when this resolves. A file that is not there is made. */
  append(
    access: Access,
    path: string,
    content: AsyncIterable<Uint8Array>,
    options?: AppendOptions,
  ): Promise<Entry>;
  /** @throws OperoneError `conflict` when something is there already, `not_found` when its parent is not */
  makeDirectory(access: Access, path: string, options?: { readonly permissions?: number }): Promise<Entry>;
  /** Both within this backend; a link is moved itself. @throws OperoneError `conflict` when `to` is there and not `replace` */
  move(access: Access, from: string, to: string, options: { readonly replace: boolean }): Promise<Entry>;
  /** A file, a link, or an empty directory. @throws OperoneError `not_found`, `conflict` (not empty) */
  remove(access: Access, path: string): Promise<void>;
  /** The path of the machine, where there is one: for threads that read for themselves. */
  hostPath?(path: string): string;
  /** With `hostPath`: whether the caller gets what has this real path, of which nothing was touched yet. */
  gives?(access: Access, path: string): boolean;
  /** The same for every file right in the directory, whatever its name: then none has to be asked for by itself. */
  givesFilesIn?(access: Access, path: string): boolean;
  /** With `hostPath`: device and inode, joined by ":", of what is nobody's, whatever it is called here. */
  ownKeys?(): readonly string[];
  /** SHA-256 in hexadecimal digits, of the file or of its beginning: where the bytes are, so that they need not travel. */
  hash(access: Access, path: string, signal: AbortSignal, firstBytes?: number): Promise<string>;
  /**
   * Whether a directory may be moved or removed as a whole.
   *
   * @throws OperoneError `forbidden` when a part of it is not the caller's, or nobody's
   */
  assertWhole(access: Access, path: string): Promise<void>;
  /**
   * Moves a file, a link, or a directory with all that is in it to a place of the machine that only the node knows, where
   * nothing is yet. By a copy where that is another file system.
   *
   * @throws OperoneError `not_found`; `forbidden` when a part of it is not the caller's
   */
  takeOut(access: Access, path: string, host: string): Promise<Entry>;
  /**
   * What a stat does not tell: whether another node would let the caller write a file, or make a directory, at the path.
   * Absent where the access alone says so.
   *
   * @throws OperoneError `forbidden`, `unsupported`
   */
  rehearse?(access: Access, path: string, kind: "file" | "directory"): Promise<void>;
  /** The way back. @throws OperoneError `conflict` when something is at the path, `not_found` (its directory) */
  bringIn(access: Access, host: string, path: string): Promise<Entry>;
  /**
   * A directory, through links, whose changes the system tells of. Absent where nothing does.
   *
   * @throws OperoneError `not_found`, `conflict` (no directory)
   */
  watched?(access: Access, path: string): Promise<WatchedFolder>;
}

export interface WatchedFolder {
  /** Its real one, the backend's. */
  readonly path: string;
  /** The same on the machine. */
  readonly host: string;
  /** Whether the caller may hear of it. @param path the backend's */
  gives(path: string): boolean;
  /** Tells what is the node's own at this moment, whatever it is called here. */
  own(): (facts: { readonly dev: bigint; readonly ino: bigint }) => boolean;
}
