/** The sandbox launcher: in the program, or compiled from its sources; and its copy from which it runs. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Gzip and base64, put in by the build. */
declare const OPERONE_LAUNCHER: string | undefined;

const mode = 0o500;

/**
 * Puts the launcher into the folder, where it is made anew when it is not exactly ours: readable and executable by the
 * owner alone.
 *
 * @returns its path, or why there is none and what would help
 */
export async function installLauncher(
  folder: string,
): Promise<{ readonly path: string } | { readonly why: string; readonly fix: string }> {
  if (process.platform !== "linux") {
    return { why: "commands are confined on Linux alone", fix: "run them on a node with Linux (--node)" };
  }
  const found = await launcherBytes();
  if ("why" in found) return found;
  const path = join(folder, "launcher");
  try {
    if (!isThere(path, found.bytes)) put(path, found.bytes);
    return { path };
  } catch (error) {
    return { why: `${path} cannot be written: ${String(error)}`, fix: `free or repair ${folder}` };
  }
}

async function launcherBytes(): Promise<
  { readonly bytes: Uint8Array } | { readonly why: string; readonly fix: string }
> {
  if (typeof OPERONE_LAUNCHER === "string" && OPERONE_LAUNCHER !== "") {
    return { bytes: Bun.gunzipSync(Uint8Array.fromBase64(OPERONE_LAUNCHER)) };
  }
  const missing = "this program has no sandbox launcher";
  if (typeof OPERONE_LAUNCHER === "string") {
    return {
      why: missing,
      fix: "build it where a C compiler with musl is installed, or take a released one",
    };
  }
  const { builtLauncher } = await import("./launcher-build.ts");
  const built = builtLauncher(join(import.meta.dir, "../.."), process.arch === "arm64" ? "arm64" : "x64");
  if ("why" in built)
    return { why: `${missing}: ${built.why}`, fix: "install the compiler and start the node again" };
  return { bytes: new Uint8Array(readFileSync(built.file)) };
}

/** The mode too: a copy of the data directory may have lost it. */
function isThere(path: string, bytes: Uint8Array): boolean {
  try {
    return (statSync(path).mode & 0o777) === mode && readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

/** By another name first: the old one may be running, and is then not to be written to. */
function put(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, bytes, { mode });
  chmodSync(draft, mode);
  renameSync(draft, path);
}
