/** What goes into the operations on files and comes out of them, as every surface shows it. */
import * as v from "valibot";
import type { Entry } from "./backend.ts";
import { FilePath } from "./file-path.ts";

export const path = v.pipe(
  FilePath,
  v.description(
    'A path of the executing node ("/srv/a", on Windows "/c/Users/me"), one that begins with "~/", or one of a mount: "/@name/a".',
  ),
);

/** Where nothing is named: the home of the node's user. */
export const pathOrHome = v.optional(path, "~");

const milliseconds = v.pipe(v.number(), v.description("Unix time in milliseconds."));

export const EntryShape = v.strictObject({
  path: v.string(),
  kind: v.picklist(["file", "directory", "link", "other"]),
  sizeBytes: v.number(),
  modifiedMs: milliseconds,
  createdMs: v.optional(milliseconds),
  mode: v.optional(
    v.pipe(v.number(), v.description("Permission bits, 420 is 0644. Absent where there are none.")),
  ),
  etag: v.optional(
    v.pipe(v.string(), v.description("Of a file: it changes whenever the bytes may have; for ifMatch.")),
  ),
  target: v.optional(v.pipe(v.string(), v.description("Of a link: what it says."))),
});
export type EntryShape = v.InferOutput<typeof EntryShape>;

/** @param shown a path of the backend, as callers write it */
export function entryShape(entry: Entry, shown: (path: string) => string): EntryShape {
  return { ...entry, path: shown(entry.path) };
}

export function amount(usual: number, most: number, what: string) {
  const schema = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most), v.description(what));
  return v.optional(schema, usual);
}

export const ifMatch = v.optional(
  v.pipe(
    v.string(),
    v.maxLength(200),
    v.description(
      "The etag that the file must have now; if it has another, nothing is done (precondition_failed).",
    ),
  ),
);
