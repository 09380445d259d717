/** The hash of a file, computed as it is read. */
import type { Progress } from "../../src/kernel/operation.ts";
import { byteProgress } from "./progress-steps.ts";
import type { Place } from "./tree.ts";

export type HashAlgorithm = "sha256" | "sha512" | "sha1" | "md5" | "blake2b256";

export async function hashed(
  { backend, access, path, shown }: Place,
  { algorithm, firstBytes }: { readonly algorithm: HashAlgorithm; readonly firstBytes?: number | undefined },
  signal: AbortSignal,
  progress: (progress: Progress) => void,
) {
  await using file = await backend.open(access, path);
  const { sizeBytes, etag } = file.entry;
  const told = byteProgress(progress);
  const hasher = new Bun.CryptoHasher(algorithm);
  let done = 0;
  const range = firstBytes === undefined ? undefined : { start: 0, end: Math.min(firstBytes, sizeBytes) };
  for await (const chunk of file.read(signal, range)) {
    hasher.update(chunk);
    done += chunk.length;
    told(done, sizeBytes);
  }
  return {
    ...{ path: shown(path), algorithm, hash: hasher.digest("hex"), sizeBytes: done },
    ...(etag === undefined ? {} : { etag }),
  };
}
