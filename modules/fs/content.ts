/** The bytes of a file as an answer. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { ByteRange, Entry } from "./backend.ts";
import { nameOf } from "./file-path.ts";
import type { Place } from "./tree.ts";

/** Opened when somebody wants the bytes, and then it must still be the file that was told of. */
export function fileBytes(place: Place, entry: Entry, signal: AbortSignal) {
  const shown = place.shown(place.path);
  if (entry.kind !== "file") {
    const what = entry.kind === "directory" ? "a directory" : "a pipe, a socket or a device";
    throw new OperoneError("conflict", `"${shown}" is ${what}, and not a file`);
  }
  const { sizeBytes, etag } = entry;
  return {
    mediaType: mediaTypeOf(nameOf(entry.path)),
    // Files under /proc do not know their size.
    sizeBytes: sizeBytes === 0 ? {} : { sizeBytes },
    etag: etag === undefined ? {} : { etag },
    async *open(range?: ByteRange): AsyncGenerator<Uint8Array, void> {
      await using file = await place.backend.open(place.access, place.path);
      if (file.entry.etag !== etag)
        throw new OperoneError("conflict", `"${shown}" changed since it was asked for; ask again`);
      yield* file.read(signal, range);
    },
  };
}

/** By the ending of the name; what it holds is not looked at. */
function mediaTypeOf(name: string): string {
  return Bun.file(name).type;
}
