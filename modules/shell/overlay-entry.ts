/** One name in a folder of the overlay or of the workspace: what it is, and what it holds. */
import type { EntryFacts, OpenFile, OpenFolder } from "../../src/platform/open-folder.ts";
import type { Kind } from "./dry-run-shapes.ts";

/** What tells whether it is still the same. */
export interface Signature {
  readonly kind: Kind;
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly modifiedNs: bigint;
  /** No program can set it. */
  readonly changedNs: bigint;
  /** With the special bits. */
  readonly mode: number;
  readonly names: number;
  /** Of a file that was read. */
  readonly sha256?: string;
  readonly target?: string;
}

export function kindOf(facts: EntryFacts): Kind {
  if (facts.isFile()) return "file";
  if (facts.isDirectory()) return "directory";
  return facts.isSymbolicLink() ? "symlink" : "other";
}

/** The mark of the overlay for a name that was removed. */
export function isWhiteout(facts: EntryFacts): boolean {
  return facts.isCharacterDevice() && facts.rdev === 0n;
}

export function signatureOf(facts: EntryFacts): Signature {
  return {
    kind: kindOf(facts),
    device: facts.dev,
    inode: facts.ino,
    sizeBytes: Number(facts.size),
    modifiedNs: facts.mtimeNs,
    changedNs: facts.ctimeNs,
    mode: Number(facts.mode) & 0o7777,
    names: Number(facts.nlink),
  };
}

/** The same with its content. @throws the system's error, such as EACCES */
export async function readSignature(folder: OpenFolder, name: string, facts: EntryFacts): Promise<Signature> {
  const signature = signatureOf(facts);
  if (signature.kind === "symlink") return { ...signature, target: await folder.linkText(name) };
  if (signature.kind !== "file") return signature;
  return { ...signature, sha256: await hashOf(folder, name) };
}

const chunkBytes = 256 * 1024;

export async function hashOf(folder: OpenFolder, name: string): Promise<string> {
  await using file = await folder.file(name);
  const hash = new Bun.CryptoHasher("sha256");
  for await (const bytes of chunksOf(file)) hash.update(bytes);
  return hash.digest("hex");
}

export async function* chunksOf(file: OpenFile): AsyncGenerator<Uint8Array, void> {
  const chunk = new Uint8Array(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return;
    yield chunk.subarray(0, bytesRead);
  }
}

/** Undefined when it is longer. */
export async function contentOf(
  folder: OpenFolder,
  name: string,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  await using file = await folder.file(name);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of chunksOf(file)) {
    bytes += part.length;
    if (bytes > bytesMax) return undefined;
    parts.push(part.slice());
  }
  return Buffer.concat(parts);
}
