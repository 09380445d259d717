/** Backends as tests speak of them. */
import type { Access, Backend, Entry, WriteOptions } from "../../modules/fs/backend.ts";
import { isWithin, nameOf } from "../../modules/fs/file-path.ts";
import { OperoneError } from "../../src/kernel/error.ts";

export interface BackendCase {
  readonly name: string;
  /** An empty one. */
  make(): Promise<Backend & AsyncDisposable>;
  /** False where an open file cannot be held: then reading one that was written anew is refused, and never mixed. */
  readonly holdsOpenFiles?: false;
  /** False where files have the time of their writing alone, whatever is asked. */
  readonly keepsTimes?: false;
  /** Of the usual work in each law; for what answers slowly. */
  readonly share?: number;
  /** Entries of a directory that come in more than one batch. */
  readonly many?: number;
}

export const all: Access = { allows: () => true, check: () => {}, unlimited: true };
export const signal = new AbortController().signal;

/** Everything below the folders, and nothing else. */
export function only(...folders: readonly string[]): Access {
  const allows = (path: string) => folders.some((folder) => isWithin(path, folder));
  return {
    allows,
    unlimited: false,
    check(path) {
      if (!allows(path)) throw new OperoneError("forbidden", `"${path}" is not granted`);
    },
  };
}

export async function* pieces(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : part;
}

export async function put(
  backend: Backend,
  path: string,
  text: string | Uint8Array,
  options: Partial<WriteOptions> = {},
): Promise<Entry> {
  return await backend.write(all, path, pieces(text), { mode: "any", ...options });
}

export async function bytesOf(
  backend: Backend,
  path: string,
  range?: { start: number; end: number },
): Promise<Buffer> {
  await using file = await backend.open(all, path);
  return Buffer.concat(await Array.fromAsync(file.read(signal, range)));
}

export async function text(backend: Backend, path: string): Promise<string> {
  return (await bytesOf(backend, path)).toString();
}

export async function names(backend: Backend, path: string, access = all): Promise<readonly string[]> {
  const batches = await Array.fromAsync(backend.list(access, path, signal));
  return batches
    .flat()
    .map((entry) => nameOf(entry.path))
    .sort();
}

export async function code(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => undefined,
    (failure: unknown) => failure,
  );
  if (error instanceof OperoneError) return error.code;
  return error === undefined ? "done" : String(error);
}
