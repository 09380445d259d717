/** What the launcher says when it could not start a command (modules/shell/launcher/report.h). */
import { constants } from "node:os";
import { type ErrorCode, OperoneError } from "../../src/kernel/error.ts";

/** Three short lines; a subject may be a path. */
export const reportBytesMax = 8_192;

export interface LauncherReport {
  readonly stage: string;
  /** ENOENT. */
  readonly reason: string;
  readonly subject: string;
}

/** Undefined when it is empty: the command has started. */
export function parseReport(bytes: Uint8Array): LauncherReport | undefined {
  if (bytes.length === 0) return undefined;
  const [stage = "", number = "", ...subject] = new TextDecoder().decode(bytes).split("\n");
  const found = Object.entries(constants.errno).find(([, value]) => value === Number(number));
  return { stage, reason: found?.[0] ?? number, subject: subject.join("\n") };
}

const lockedWord = "locked\n";

/** Where the launcher only locks: it says that it has, and whether the command started then. */
export function parseLocked(bytes: Uint8Array): LauncherReport | undefined {
  const text = new TextDecoder().decode(bytes);
  return parseReport(text.startsWith(lockedWord) ? bytes.subarray(lockedWord.length) : bytes);
}

/** Why the sandbox cannot be, rather than this command in it. */
const ofTheSystem: Readonly<Record<string, string>> = {
  namespaces: "the kernel gives this user no namespaces",
  identity: "the kernel does not map users",
  mount: "the kernel does not let a root be built",
  lock: "the kernel does not lock a process",
  network: "the kernel does not give an own network",
  bubblewrap: "bubblewrap failed",
};

/** What is wrong with the machine, and what helps; undefined when the report is about one command. */
export function systemFault({ stage, reason, subject }: LauncherReport) {
  const what = Object.hasOwn(ofTheSystem, stage) ? ofTheSystem[stage] : undefined;
  if (what === undefined) return undefined;
  return { why: `${what} (${stage}: ${reason} ${subject})`, fix: fixes[stage] ?? generalFix };
}

const generalFix = "use Linux 5.12 or later, outside of containers that forbid namespaces";
const fixes: Readonly<Record<string, string>> = {
  namespaces:
    "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0, kernel.unprivileged_userns_clone=1, user.max_user_namespaces=10000), or run the node as root",
  lock: "use a kernel with seccomp and Landlock (Linux 5.13 or later, with landlock in its list of lsm)",
  bubblewrap:
    "allow user namespaces to it (Ubuntu: an AppArmor profile for bwrap, or sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
  identity:
    "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0), or run the node as root",
};

export function reportError(report: LauncherReport): OperoneError {
  const { stage, reason, subject } = report;
  const quoted = JSON.stringify(subject);
  const fault = systemFault(report);
  if (fault !== undefined) return unsupported(fault);
  const [code, text] = ofTheCommand(stage, reason, quoted);
  return new OperoneError(code, text);
}

export function unsupported({ why, fix }: { readonly why: string; readonly fix: string }): OperoneError {
  return new OperoneError(
    "unsupported",
    `This node cannot confine commands: ${why}; ${fix}, or ask for the profile "unconfined" with shell.unconfined`,
  );
}

function ofTheCommand(stage: string, reason: string, quoted: string): readonly [ErrorCode, string] {
  switch (`${stage} ${reason}`) {
    case "exec ENOENT":
      return [
        "not_found",
        `Could not start ${quoted}: in the sandbox there is no such program; it holds the system and the workspace, and no other part of the home`,
      ];
    case "exec EACCES":
      return ["forbidden", `Could not start ${quoted}: the file is not executable; see its mode (chmod +x)`];
    case "exec E2BIG":
      return [
        "too_large",
        `Could not start ${quoted}: the arguments and variables are too large; give data by stdin`,
      ];
    case "workspace ELOOP":
      return ["invalid_input", `The workspace ${quoted} is or holds a link; name its real path`];
  }
  switch (stage) {
    case "exec":
      return [
        "invalid_input",
        `Could not start ${quoted} (${reason}); see whether it is a program for this system`,
      ];
    case "folder":
      return [
        reason === "ENOENT" ? "not_found" : "forbidden",
        `The working directory ${quoted} is not to be entered in the sandbox (${reason}); name the workspace or a folder in it`,
      ];
    case "workspace":
      return [
        reason === "ENOENT" ? "not_found" : "forbidden",
        `The workspace ${quoted} cannot be opened (${reason})`,
      ];
    case "share":
      return [
        reason === "ENOENT" ? "not_found" : "forbidden",
        `The profile names the path ${quoted}, which cannot be opened (${reason}), for example because a part of it is a link; mend it, or the profile`,
      ];
    case "shield":
      return [
        "invalid_input",
        `${quoted} in the workspace cannot be protected from the command (${reason}), for example because it is a link; replace it, or ask for the profile "read-only"`,
      ];
    case "overlay":
      return [
        "unsupported",
        `The kernel cannot put an overlay for a dry run above the workspace (${reason} ${quoted}): it takes Linux 5.19 or later (5.11 for a node of an ordinary user), and for the node's data directory one with extended attributes, such as ext4, xfs or btrfs; use another place for one of them, or run the command without a dry run`,
      ];
    case "idmap":
      return [
        "unsupported",
        `The file system of ${quoted} cannot show files as another user's (${reason}), and a node that runs as root never lends itself to a command; give the folder to another user, or run the node as an ordinary user`,
      ];
  }
  return ["internal", `The sandbox failed (${stage}: ${reason} ${quoted})`];
}
