/**
 * A backup is a tar stream: the data directory's files, each readable by its owner alone, and as the last entry a
 * manifest with the SHA-256 of each. Without the manifest the rest is not the whole, and is refused.
 */
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";

export const manifestName = "operone-backup.json";
export const backupFormat = 1;
/** One backup holds at most so many files; their paths have at most so many characters and folders. */
export const backupFilesMax = 1_000_000;
const pathLengthMax = 1_024;
export const pathDepthMax = 16;
export const manifestBytesMax = 512 * 1024 * 1024;

const FileEntry = v.strictObject({
  path: v.string(),
  sizeBytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.hash(["sha256"])),
});

export const BackupManifest = v.strictObject({
  format: v.literal(backupFormat),
  /** The version of operone that made it. */
  version: v.string(),
  createdAtMs: v.number(),
  files: v.pipe(v.array(FileEntry), v.maxLength(backupFilesMax)),
});
export type BackupManifest = v.InferOutput<typeof BackupManifest>;
export type BackupFile = v.InferOutput<typeof FileEntry>;

/**
 * The path, if it stays inside the folder that it is put into.
 *
 * @throws OperoneError `invalid_input` for one that does not, or that another system would read differently
 */
export function safeEntryPath(path: string): string {
  const parts = path.split("/");
  const escapes = parts.some((part) => part === "" || part === "." || part === "..");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (escapes || /[\\:\0-\x1f]/.test(path) || path.length > pathLengthMax || parts.length > pathDepthMax) {
    throw new OperoneError(
      "invalid_input",
      `The backup holds the path ${JSON.stringify(path.slice(0, 200))}, which no backup of Operone holds; nothing was restored`,
    );
  }
  return path;
}
