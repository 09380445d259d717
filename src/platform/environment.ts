/** What a child may know of the node's environment: named, never everything but a few. */
import { existsSync, readFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { delimiter, isAbsolute } from "node:path";

const passed =
  process.platform === "win32"
    ? /^(systemroot|systemdrive|windir|comspec|pathext|userprofile|appdata|localappdata|programdata|programfiles.*|username|userdomain|computername|number_of_processors|os)$/i
    : /^(LANG|LANGUAGE|LC_[A-Z]+|TZ)$/;
const passwords = "/etc/passwd";
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** PATH, home, user, language, time zone and the folder for temporary files; no BUN_*, NODE_*, LD_* or OPERONE_*. */
export function cleanEnvironment(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const kept = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && passed.test(pair[0]),
  );
  const username = environment.USER ?? environment.LOGNAME ?? accountName();
  const own =
    process.platform === "win32"
      ? { TEMP: tmpdir(), TMP: tmpdir() }
      : { USER: username, LOGNAME: username, HOME: homedir(), TMPDIR: tmpdir() };
  return { ...Object.fromEntries(kept), ...own, PATH: cleanPath(environment.PATH) };
}

/** As the system knows this user. Bun's `userInfo` says "unknown" without USER, whatever the account. */
function accountName(): string {
  const { username, uid } = userInfo();
  if (username !== "unknown" || process.platform === "win32") return username;
  const lines = existsSync(passwords) ? readFileSync(passwords, "utf8").split("\n") : [];
  const own = lines.map((line) => line.split(":")).find(([, , id]) => id === String(uid));
  return own?.[0] ?? String(uid);
}

/** Without entries that depend on the current folder: there a stranger's `ls` could lie. */
function cleanPath(path: string | undefined): string {
  const entries = (path ?? "").split(delimiter).filter((entry) => isAbsolute(entry));
  return entries.length === 0 ? defaultPath : entries.join(delimiter);
}

/** Those of the node's own variables that have these names; what is not set is left out. */
export function ownVariables(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const pairs = names.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
}
