/**
 * Copies a large file between nodes to a file beside the target whose name says what it is a part of. When the copy breaks
 * off, the next one of the same file goes on behind what arrived.
 */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Entry, OpenFile, WriteMode, WriteOptions } from "./backend.ts";
import { joined, nameOf, parentOf } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** What is smaller is sent again as a whole. */
export const resumableBytesMin = 32 * 1024 * 1024;
/** What goes in one call, which has an hour. */
const callBytesMax = 1024 * 1024 * 1024;

interface ResumableCopy {
  readonly from: Place;
  readonly to: Place;
  readonly file: OpenFile;
  readonly mode: WriteMode;
  readonly signal: AbortSignal;
  count(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
}

/** @throws OperoneError `conflict` when what arrived is not what was sent; the part is removed then */
export async function copyResumable({ from, to, file, mode, signal, count }: ResumableCopy): Promise<void> {
  await assertFree(to, mode);
  const part = { ...to, path: joined(parentOf(to.path), partName(from, file.entry, nameOf(to.path))) };
  let at = await arrived(from, part, signal);
  const { sizeBytes, modifiedMs } = file.entry;
  const hasher = at === 0 ? new Bun.CryptoHasher("sha256") : undefined;
  const options = { mode: "any", ...writeOptionsOf(file.entry) } as const;
  if (at === 0) await part.backend.write(part.access, part.path, nothing(), options);
  do {
    const end = Math.min(sizeBytes, at + callBytesMax);
    const bytes = count(file.read(signal, { start: at, end }));
    const content = hasher === undefined ? bytes : hashedOn(bytes, hasher);
    await part.backend.append(part.access, part.path, content, { partial: true, modifiedMs });
    at = end;
  } while (at < sizeBytes);
  await assertSame(from, part, hasher?.digest("hex"), signal);
  await part.backend.move(part.access, part.path, to.path, { replace: mode !== "create" });
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}

/** @throws OperoneError `conflict` */
async function assertFree(to: Place, mode: WriteMode): Promise<void> {
  const there = await to.backend.stat(to.access, to.path, { follow: true });
  if (there === undefined || (mode !== "create" && there.kind === "file")) return;
  throw new OperoneError(
    "conflict",
    `Something is at "${to.shown(to.path)}" already; replace it on purpose, or choose another name`,
  );
}

/** How much of the file is there and is right; a part that is not is forgotten. */
async function arrived(from: Place, part: Place, signal: AbortSignal): Promise<number> {
  const there = await part.backend.stat(part.access, part.path);
  if (there === undefined) return 0;
  const { sizeBytes } = there;
  const [sent, kept] = await Promise.all([
    from.backend.hash(from.access, from.path, signal, sizeBytes),
    part.backend.hash(part.access, part.path, signal),
  ]);
  if (there.kind === "file" && sent === kept) return sizeBytes;
  await part.backend.remove(part.access, part.path);
  return 0;
}

/**
 * Another version of the file, or another file, has another name. It is hidden only where the file itself is: who may write
 * what is not hidden must be able to copy a large file, too.
 */
function partName(from: Place, { etag = "", sizeBytes }: Entry, name: string): string {
  const what = JSON.stringify([from.shown(from.path), etag, sizeBytes]);
  const key = new Bun.CryptoHasher("sha256").update(what).digest("hex").slice(0, 16);
  return `${name.slice(0, 150)}.operone-part-${key}`;
}

/** @param sent the hash of what was sent; undefined: the source computes it */
export async function assertSame(
  from: Place,
  to: Place,
  sent: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const isSourceFar = from.backend.kind === "node";
  const [source, target] = await Promise.all([
    sent !== undefined && !isSourceFar ? sent : from.backend.hash(from.access, from.path, signal),
    sent !== undefined && isSourceFar ? sent : to.backend.hash(to.access, to.path, signal),
  ]);
  if (source === target) return;
  await to.backend.remove(to.access, to.path).catch(() => {});
  throw new OperoneError(
    "conflict",
    `What arrived at "${to.shown(to.path)}" is not what "${from.shown(from.path)}" holds; copy it again`,
  );
}

export async function* hashedOn(
  chunks: AsyncIterable<Uint8Array>,
  hasher: Bun.CryptoHasher,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    hasher.update(chunk);
    yield chunk;
  }
}

/** What the copy has of the original beside its bytes. */
export function writeOptionsOf({ modifiedMs, mode }: Entry): Omit<WriteOptions, "mode"> {
  return { modifiedMs, ...(mode === undefined ? {} : { permissions: mode & 0o777 }) };
}
