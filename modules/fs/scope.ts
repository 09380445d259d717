/** The permissions on files: what a grant's scope says, and what a call asks for. */
import * as v from "valibot";
import type { Permission, ScopeRequest } from "../../src/kernel/authority.ts";
import { absolutePath, allMounts, FilePath, isWithin, mountOf } from "./file-path.ts";

export const reading = "fs.read";
export const writing = "fs.write";

const pathsMax = 256;

export const FileScope = v.strictObject({
  paths: v.pipe(
    v.array(FilePath),
    v.minLength(1),
    v.maxLength(pathsMax),
    v.description(
      'Files and folders, with all that is in them: "/srv/data", "~/notes", "/@docs". "/" is the machine\'s own files, without mounts, and "/@" all mounts. What counts is where a path really leads: a link that leads out of them is refused.',
    ),
  ),
  hidden: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        "Whether what is hidden in these folders (a name in the path begins with a dot) belongs to them. Absent: yes. Without it an allow or an ask does not reach keys, settings and what programs obey; a deny that says no holds for what is not hidden.",
      ),
    ),
  ),
});
type FileScope = v.InferOutput<typeof FileScope>;

const FileRequest = v.strictObject({ path: v.string() });

function covers(scope: unknown, request: unknown): boolean {
  const { path } = v.parse(FileRequest, request);
  const { paths, hidden = true } = scope as FileScope;
  return paths.some((text) => holds(absolutePath(text), path, hidden));
}

/** Both absolute. The root of the machine holds no mounts, these are other places; `/@` holds all of them. */
function holds(folder: string, path: string, hidden: boolean): boolean {
  if (folder === "/" && mountOf(path) !== undefined) return false;
  if (folder === allMounts) return mountOf(path) !== undefined && (hidden || !path.includes("/."));
  const below = folder === "/" ? path : path.slice(folder.length);
  return isWithin(path, folder) && (hidden || !below.includes("/."));
}

export const readPermission: Permission = {
  summary: "Read and list these files and folders",
  scope: FileScope,
  covers,
};

export const writePermission: Permission = {
  summary:
    "Change, make and remove these files and folders; whoever may change a home, or files that programs obey, can do what their user can",
  scope: FileScope,
  covers,
};

export function readRequest(path: string): ScopeRequest {
  return { permission: reading, request: { path: absolutePath(path) } };
}

export function writeRequest(path: string): ScopeRequest {
  return { permission: writing, request: { path: absolutePath(path) } };
}
