/** Looks once through a tar, from header to header. What the files hold is passed over. */
import { textOfName } from "../name-text.ts";
import type { ArchiveLimits } from "./archive-limits.ts";
import type { ForwardBytes } from "./byte-window.ts";
import { broken, type Member, MemberTree, tooLarge } from "./member-tree.ts";
import {
  blockBytes,
  isZero,
  kindOf,
  longName,
  paxExtras,
  type TarExtras,
  type TarHeader,
  tarHeader,
} from "./tar-header.ts";

/** Of one extended header: names and their like. */
const extrasBytesMax = 1024 * 1024;

interface TarSource {
  readonly bytes: ForwardBytes;
  readonly shown: string;
  readonly limits: ArchiveLimits;
  readonly signal: AbortSignal;
  /** Of the tar itself, where it is known: bytes behind it are not there. */
  readonly sizeBytes?: number;
}

/** @throws OperoneError `conflict` for what is broken or cut off, `too_large` */
export async function tarTree(source: TarSource): Promise<MemberTree> {
  const tree = new MemberTree(source.limits, source.shown);
  let always: TarExtras = {};
  let next: TarExtras = {};
  let headers = 0;
  for (let at = 0; ; ) {
    source.signal.throwIfAborted();
    const header = await headerAt(source, at);
    if (header === undefined) return tree;
    headers += 1;
    // Extended headers alone make no entry, and would go on for ever.
    if (headers > source.limits.entriesMax * 4) throw tooLarge(source.shown, "it holds too many headers");
    at += blockBytes;
    const found = await extrasOf(source, header, at);
    if (found === undefined) {
      const { sizeBytes, ...rest } = { ...always, ...next };
      const size = sizeBytes ?? header.sizeBytes;
      if (!Number.isSafeInteger(size) || size < 0) throw broken(source.shown, "a size in it is none");
      add(tree, source, { ...header, ...rest, sizeBytes: size }, at);
      next = {};
      at += padded(hasBytes(header) ? size : 0);
    } else {
      if (header.type === "g") always = { ...always, ...found };
      else next = { ...next, ...found };
      at += padded(header.sizeBytes);
    }
    if (source.sizeBytes !== undefined && at - blockBytes >= source.sizeBytes)
      throw broken(source.shown, "it is cut off");
  }
}

/** Undefined: there is nothing more. */
async function headerAt({ bytes, shown }: TarSource, at: number): Promise<TarHeader | undefined> {
  const block = await bytes.at(at, blockBytes);
  if (block.length === 0 && at > 0) return undefined;
  if (block.length === blockBytes && isZero(block)) return undefined;
  const header = tarHeader(block);
  if (header === undefined)
    throw broken(shown, at === 0 ? "it is no zip and no tar" : "it is damaged or cut off");
  return header;
}

/** Undefined for an entry of its own. */
async function extrasOf(
  { bytes, shown }: TarSource,
  header: TarHeader,
  at: number,
): Promise<TarExtras | undefined> {
  if (!"xgLK".includes(header.type)) return undefined;
  if (header.sizeBytes > extrasBytesMax)
    throw tooLarge(shown, `a header in it has ${header.sizeBytes} bytes`);
  const body = await bytes.at(at, header.sizeBytes);
  if (body.length < header.sizeBytes) throw broken(shown, "it is cut off");
  if (header.type === "L") return { name: longName(body) };
  if (header.type === "K") return { link: longName(body) };
  const extras = paxExtras(body);
  if (extras === undefined) throw broken(shown, "a header in it is damaged");
  return extras;
}

function add(tree: MemberTree, { shown }: TarSource, header: TarHeader & TarExtras, start: number): void {
  const kind = kindOf(header);
  // Rights beyond these would make a program of another user out of what came from anywhere.
  const facts = { modifiedMs: header.modifiedMs, mode: header.mode & 0o777 };
  if (kind === "hard link") {
    const target = tree.find(header.link);
    if (target === undefined || target.kind === "directory")
      throw broken(
        shown,
        `"${textOfName(header.name.subarray(0, 200))}" in it is a hard link to what is not in it`,
      );
    tree.add(header.name, target);
  } else if (kind === "file") tree.add(header.name, { kind, ...facts, member: memberOf(header, start) });
  else if (kind === "link") tree.add(header.name, { kind, ...facts, target: textOfName(header.link) });
  else tree.add(header.name, { kind, ...facts });
}

function memberOf(header: TarHeader & TarExtras, start: number): Member {
  const member = { start, sizeBytes: header.sizeBytes };
  if (header.isSparse !== true) return member;
  return {
    ...member,
    unreadable: "it is kept with holes, as only GNU tar reads it; pack it without --sparse",
  };
}

/** Links, directories and devices have none, whatever size they name. */
function hasBytes({ type }: TarHeader): boolean {
  return !"123456".includes(type);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}
