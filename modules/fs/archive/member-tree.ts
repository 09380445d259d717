/**
 * The tree that an archive's entries make. Nothing is ever unpacked to a path, so a name here is only a key; yet a name
 * that would lead elsewhere where others unpack it is a sign of a trap, and such an archive is refused as a whole.
 */
import { OperoneError } from "../../../src/kernel/error.ts";
import type { EntryKind } from "../backend.ts";
import { textOfName } from "../name-text.ts";
import type { ArchiveLimits } from "./archive-limits.ts";

/** Where the bytes of a file are. */
export interface Member {
  /** In a zip of its local header, in a tar of its first byte; in the unpacked stream where that is compressed. */
  readonly start: number;
  readonly sizeBytes: number;
  /** In a zip: as it is stored. */
  readonly packed?: PackedMember;
  /** Why nobody can read it, with the next step. */
  readonly unreadable?: string;
}

export interface PackedMember {
  readonly sizeBytes: number;
  readonly method: number;
  readonly crc32: number;
  /** Where the next one begins: behind this nothing is its own. */
  readonly endMax: number;
}

interface Facts {
  readonly modifiedMs: number;
  readonly mode?: number;
}

export interface ArchiveDirectory extends Facts {
  readonly kind: "directory";
  readonly children: Map<string, ArchiveNode>;
}

export type ArchiveLeaf =
  | (Facts & { readonly kind: "file"; readonly member: Member })
  | (Facts & { readonly kind: "link"; readonly target: string })
  | (Facts & { readonly kind: "other" });
export type ArchiveNode = ArchiveDirectory | ArchiveLeaf;

export type NewEntry = ArchiveLeaf | (Facts & { readonly kind: "directory" });

export class MemberTree {
  #root: ArchiveDirectory = { kind: "directory", children: new Map(), modifiedMs: 0 };
  readonly #limits: ArchiveLimits;
  readonly #shown: string;
  #entries = 0;
  #namesBytes = 0;
  #unpackedBytes = 0;

  /** @param shown the archive, as errors name it */
  constructor(limits: ArchiveLimits, shown: string) {
    this.#limits = limits;
    this.#shown = shown;
  }

  get root(): ArchiveDirectory {
    return this.#root;
  }

  /**
   * Of two entries with one name the later counts, as tar and unzip have it.
   *
   * @throws OperoneError `conflict` for a name that leads out or is a file and a directory, `too_large`
   */
  add(path: Uint8Array, entry: NewEntry): void {
    this.#count(path.length + (entry.kind === "link" ? entry.target.length : 0));
    if (entry.kind === "file") this.#countBytes(entry.member.sizeBytes);
    const names = this.namesOf(path);
    const name = names.pop();
    if (name === undefined) {
      if (entry.kind !== "directory") throw this.#refused(path, "has no name");
      this.#root = { ...entry, children: this.#root.children };
      return;
    }
    const folder = this.#folder(names, path, entry.modifiedMs);
    const there = folder.children.get(name);
    if (there !== undefined && (there.kind === "directory") !== (entry.kind === "directory"))
      throw this.#refused(path, "is there as a file and as a directory");
    const children = there?.kind === "directory" ? there.children : new Map<string, ArchiveNode>();
    folder.children.set(name, entry.kind === "directory" ? { ...entry, children } : entry);
  }

  /** What was added under the path. */
  find(path: Uint8Array): ArchiveNode | undefined {
    let node: ArchiveNode | undefined = this.#root;
    for (const name of this.namesOf(path))
      node = node?.kind === "directory" ? node.children.get(name) : undefined;
    return node;
  }

  /** @throws OperoneError `conflict` */
  namesOf(path: Uint8Array): string[] {
    if (path.length > this.#limits.pathBytesMax)
      throw this.#refused(path, `has more than ${this.#limits.pathBytesMax} bytes`);
    if (path.includes(0)) throw this.#refused(path, "holds a NUL");
    if (path[0] === 0x2f) throw this.#refused(path, "is absolute");
    const names: string[] = [];
    for (let at = 0; at <= path.length; ) {
      const slash = path.indexOf(0x2f, at);
      const end = slash === -1 ? path.length : slash;
      const name = textOfName(path.subarray(at, end));
      if (name === "..") throw this.#refused(path, 'leads out of it by ".."');
      if (end - at > this.#limits.nameBytesMax)
        throw this.#refused(path, `holds a name of more than ${this.#limits.nameBytesMax} bytes`);
      if (name !== "" && name !== ".") names.push(name);
      at = end + 1;
    }
    return names;
  }

  /** Made where only the path names it. */
  #folder(names: readonly string[], path: Uint8Array, modifiedMs: number): ArchiveDirectory {
    let folder = this.#root;
    for (const name of names) {
      let next = folder.children.get(name);
      if (next === undefined) {
        this.#count(name.length);
        next = { kind: "directory", children: new Map(), modifiedMs };
        folder.children.set(name, next);
      }
      // Through a link it would be elsewhere: the oldest trap there is.
      if (next.kind !== "directory") throw this.#refused(path, `lies below "${name}", which is no directory`);
      folder = next;
    }
    return folder;
  }

  #count(bytes: number): void {
    this.#entries += 1;
    this.#namesBytes += bytes;
    if (this.#entries > this.#limits.entriesMax)
      throw tooLarge(this.#shown, `it holds more than ${this.#limits.entriesMax} entries`);
    if (this.#namesBytes > this.#limits.namesBytesMax)
      throw tooLarge(this.#shown, `its names take more than ${this.#limits.namesBytesMax} bytes`);
  }

  #countBytes(bytes: number): void {
    this.#unpackedBytes += bytes;
    if (this.#unpackedBytes > this.#limits.unpackedBytesMax)
      throw tooLarge(this.#shown, `it would unpack to more than ${this.#limits.unpackedBytesMax} bytes`);
  }

  #refused(path: Uint8Array, why: string): OperoneError {
    const shown = textOfName(path.subarray(0, 200)).replaceAll("\0", "\\0");
    return new OperoneError(
      "conflict",
      `The archive "${this.#shown}" is refused: the name "${shown}" in it ${why}; make it anew without that entry`,
    );
  }
}

/** A name as others read it: unpacked on Windows, this leads to a drive, or a folder up. */
export function isWindowsPath(path: Uint8Array): boolean {
  return path.includes(0x5c) || (path[1] === 0x3a && /[A-Za-z]/.test(String.fromCharCode(path[0] ?? 0)));
}

const kindsOfMode: ReadonlyMap<number, EntryKind> = new Map([
  [0, "file"],
  [0o100000, "file"],
  // What `zip` makes of its standard input: there are bytes, and no pipe.
  [0o010000, "file"],
  [0o040000, "directory"],
  [0o120000, "link"],
]);

/** What a zip says by the upper bits that Unix keeps with the mode. */
export function kindOfMode(mode: number): EntryKind {
  return kindsOfMode.get(mode & 0o170000) ?? "other";
}

export function tooLarge(shown: string, why: string): OperoneError {
  return new OperoneError(
    "too_large",
    `The archive "${shown}" is refused: ${why}. If you trust it, unpack it yourself and mount the folder`,
  );
}

export function broken(shown: string, why: string): OperoneError {
  return new OperoneError(
    "conflict",
    `The archive "${shown}" cannot be read: ${why}; bring a whole copy of it`,
  );
}
