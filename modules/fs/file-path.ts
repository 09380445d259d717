/**
 * Paths as callers write them. A path is one of the executing node's (`/srv/a`, on Windows `/c/Users`), begins with
 * `~` for the home of the node's user, or is below a mount: `/@name/a`.
 */
import { homedir } from "node:os";
import * as v from "valibot";
import { isNameText } from "./name-text.ts";

const pathLengthMax = 4_096;

export const FilePath = v.pipe(
  v.string(),
  v.maxLength(pathLengthMax),
  v.check((text) => !text.includes("\0") && text.isWellFormed(), "it holds a NUL or half a character"),
  v.regex(
    /^(\/|~$|~\/)/,
    'write an absolute path, one that begins with "~/", or one below a mount: "/@name/"',
  ),
  v.check(
    (text) => !text.split("/").includes(".."),
    'a path with ".." means nothing certain; write it without',
  ),
  v.check(
    isNameText,
    "it spells as bytes (U+F780 to U+F7FF) what are characters; write the characters, as the list of the directory does",
  ),
);

/** Absolute, without `~`, empty names, `.`, and a slash at the end. What is no `FilePath` must not come here. */
export function absolutePath(text: string): string {
  const whole = text === "~" || text.startsWith("~/") ? `${hostHome()}/${text.slice(1)}` : text;
  const names = whole.split("/").filter((name) => name !== "" && name !== ".");
  return `/${names.join("/")}`;
}

function hostHome(): string {
  return hostToPath(homedir());
}

/** `C:\\Users\\me` -> `/c/Users/me`; elsewhere the path is the same. */
function hostToPath(host: string): string {
  const drive = /^([A-Za-z]):[\\/]?(.*)$/s.exec(host);
  if (process.platform !== "win32" || drive === null) return host;
  const [, letter = "", rest = ""] = drive;
  return `/${letter.toLowerCase()}/${rest.replaceAll("\\", "/")}`;
}

/** Whether `path` is `folder` or lies below it; both absolute. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/** Where the mounts are listed. */
export const allMounts = "/@";

/** The mount that a path lies in, and where there. Undefined: it is a path of the machine. */
export function mountOf(path: string): { readonly mount: string; readonly path: string } | undefined {
  const parts = /^\/@([^/]*)(\/.*)?$/s.exec(path);
  return parts === null ? undefined : { mount: parts[1] ?? "", path: parts[2] ?? "/" };
}

export function joined(folder: string, name: string): string {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "/" : path.slice(0, at);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
