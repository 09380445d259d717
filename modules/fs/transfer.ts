/** Copies files and directories from one place to another, whatever holds them. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Progress } from "../../src/kernel/operation.ts";
import type { EntryKind, WriteMode } from "./backend.ts";
import { isWithin, joined, nameOf } from "./file-path.ts";
import { byteProgress } from "./progress-steps.ts";
import { assertSame, copyResumable, hashedOn, resumableBytesMin, writeOptionsOf } from "./resumable-copy.ts";
import { entryAt } from "./state.ts";
import type { Place } from "./tree.ts";
import { type Walked, walk } from "./walk.ts";

/** Of what could not be copied; more are counted and not named. */
export const failuresMax = 100;

export interface TransferOptions {
  readonly mode: WriteMode;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
  /** A directory comes before what is in it. Absent: nobody needs to know. */
  copied?(one: Copied): void;
}

export interface Copied {
  /** The backend's own, of the original. */
  readonly path: string;
  /** Of the file as it was copied; a directory has none. */
  readonly etag?: string | undefined;
}

export interface Transferred {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  /** What was not copied, and why: links and devices, and what failed in a directory, a directory that cannot be listed too. */
  readonly left: readonly { readonly path: string; readonly why: string }[];
}

/** @throws OperoneError for a file that cannot be copied, and for a directory that would lie in itself */
export async function transfer(from: Place, to: Place, options: TransferOptions): Promise<Transferred> {
  const source = await entryAt(from);
  if (source.kind === "directory") return await directory(from, to, options);
  await assertNoDirectory(from, to);
  const copier = new Copier(options, source.sizeBytes);
  await copier.file(from, to);
  return copier.result();
}

/** Whoever writes a folder wants the file in it, and a copy takes no name by itself. @throws OperoneError `conflict` */
export async function assertNoDirectory(from: Place, to: Place): Promise<void> {
  const there = await to.backend.stat(to.access, to.path, { follow: true });
  if (there?.kind !== "directory") return;
  throw new OperoneError(
    "conflict",
    `"${to.shown(to.path)}" is a directory; write the name that the copy is to have: "${to.shown(joined(to.path, nameOf(from.path)))}"`,
  );
}

class Copier {
  readonly #options: TransferOptions;
  readonly #told: (done: number) => void;
  readonly #left: { path: string; why: string }[] = [];
  #files = 0;
  #directories = 0;
  #bytes = 0;

  /** @param total bytes, where it is known before */
  constructor(options: TransferOptions, total?: number) {
    this.#options = options;
    const told = byteProgress(options.progress);
    this.#told = (done) => told(done, total);
  }

  async file(from: Place, to: Place): Promise<void> {
    const { signal, mode } = this.#options;
    await using file = await from.backend.open(from.access, from.path);
    const isFar = from.backend.kind === "node" || to.backend.kind === "node";
    const count = (chunks: AsyncIterable<Uint8Array>) => this.#counted(chunks);
    if (isFar && file.entry.sizeBytes > resumableBytesMin) {
      await copyResumable({ from, to, file, mode, signal, count });
    } else {
      const hasher = new Bun.CryptoHasher("sha256");
      const content = hashedOn(count(file.read(signal)), hasher);
      await to.backend.write(to.access, to.path, content, { mode, ...writeOptionsOf(file.entry) });
      if (isFar) await assertSame(from, to, hasher.digest("hex"), signal);
    }
    this.#files += 1;
    this.#options.copied?.({ path: from.path, etag: file.entry.etag });
  }

  async make(from: Place, to: Place): Promise<void> {
    await this.#made(to);
    this.#options.copied?.({ path: from.path });
  }

  async #made(to: Place): Promise<void> {
    const there = await to.backend.stat(to.access, to.path, { follow: true });
    if (there?.kind === "directory") return;
    await to.backend.makeDirectory(to.access, to.path);
    this.#directories += 1;
  }

  left(path: string, why: string): void {
    if (this.#left.length < failuresMax) this.#left.push({ path, why });
  }

  result(): Transferred {
    return { files: this.#files, directories: this.#directories, bytes: this.#bytes, left: this.#left };
  }

  async *#counted(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunks) {
      this.#bytes += chunk.length;
      this.#told(this.#bytes);
      yield chunk;
    }
  }
}

/** @throws OperoneError `conflict` for a directory that would lie in itself, or has no room */
export async function assertDirectoryFits(from: Place, to: Place, mode: WriteMode): Promise<void> {
  if (liesIn(to, from)) {
    throw new OperoneError(
      "conflict",
      `"${to.shown(to.path)}" lies in "${from.shown(from.path)}", so it cannot take a copy of it; choose a place outside`,
    );
  }
  if (mode === "create" && (await to.backend.stat(to.access, to.path)) !== undefined) {
    throw new OperoneError(
      "conflict",
      `Something is at "${to.shown(to.path)}" already; choose another name, or say replace to copy into it`,
    );
  }
}

async function directory(from: Place, to: Place, options: TransferOptions): Promise<Transferred> {
  await assertDirectoryFits(from, to, options.mode);
  const copier = new Copier(options);
  await copier.make(from, to);
  const passedOver = ({ path }: Walked, why: string) => copier.left(from.shown(path), why);
  for await (const one of walk(from, { signal: options.signal, passedOver })) {
    await copyOne(copier, from, to, one).catch((error: unknown) => {
      if (options.signal.aborted) throw error;
      copier.left(from.shown(one.path), error instanceof Error ? error.message : String(error));
    });
  }
  return copier.result();
}

/** Also when two mounts, or a mount and the machine's own path, lead to one place of the disk. */
function liesIn(inner: Place, outer: Place): boolean {
  if (inner.backend === outer.backend) return isWithin(inner.path, outer.path);
  const [hostInner, hostOuter] = [inner, outer].map(({ backend, path }) => backend.hostPath?.(path));
  return hostInner !== undefined && hostOuter !== undefined && isWithin(hostInner, hostOuter);
}

async function copyOne(
  copier: Copier,
  from: Place,
  to: Place,
  { path, relative, kind }: Walked,
): Promise<void> {
  const source = { ...from, path };
  const target = { ...to, path: joined(to.path, relative) };
  if (kind === "directory") await copier.make(source, target);
  else if (kind === "file") await copier.file(source, target);
  else copier.left(from.shown(path), whyLeft(kind));
}

export function whyLeft(kind: EntryKind): string {
  return kind === "link" ? "links are not copied" : "it is no file";
}
