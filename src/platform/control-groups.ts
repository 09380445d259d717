/**
 * Control groups (version 2) below the node's own, where the system has given it that branch: a service of systemd with
 * `Delegate=yes`, for example. Anywhere else the node shares its group, and leaves it alone.
 */
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

export interface GroupLimits {
  readonly memoryBytesMax: number;
  readonly processesMax: number;
}

export interface ControlGroup {
  readonly path: string;
  /** Whether the system has ended it for want of memory. */
  outOfMemory(): boolean;
  /** Once nobody is in it. What cannot be removed yet is removed at the node's next start. */
  remove(): void;
}

export interface ControlGroups {
  create(limits: GroupLimits): ControlGroup;
}

/** Where the system tells of groups; given in tests. */
export interface GroupSystem {
  readonly mount: string;
  /** `0::/system.slice/operone.service` */
  readonly self: string;
  readonly pid: number;
}

const needed = ["memory", "pids"];
/** The node's own processes: a group with processes of its own can have no limited groups below it. */
const nodeGroup = "node";
const prefix = "command-";
const ownProcesses = 2;

/** Undefined where no branch was given. */
export function delegatedGroups(system: GroupSystem | undefined = thisSystem()): ControlGroups | undefined {
  try {
    const folder = system === undefined ? undefined : branchOf(system);
    if (folder === undefined) return undefined;
    let count = 0;
    return { create: (limits) => createGroup(join(folder, `${prefix}${++count}`), limits) };
  } catch {
    // Not ours to change.
    return undefined;
  }
}

function thisSystem(): GroupSystem | undefined {
  if (process.platform !== "linux") return undefined;
  return { mount: "/sys/fs/cgroup", self: readFileSync("/proc/self/cgroup", "utf8"), pid: process.pid };
}

/** The node's folder, with the node moved into a part of its own, and those of an earlier run removed. */
function branchOf({ mount, self, pid }: GroupSystem): string | undefined {
  const own = /^0::(\/.*)$/m.exec(self)?.[1];
  if (own === undefined || own === "/") return undefined;
  const folder = own.endsWith(`/${nodeGroup}`) ? join(mount, own, "..") : join(mount, own);
  const words = (name: string) =>
    readFileSync(join(folder, name), "utf8")
      .split(/\s+/)
      .filter((one) => one !== "");
  if (!needed.every((controller) => words("cgroup.controllers").includes(controller))) return undefined;
  accessSync(join(folder, "cgroup.subtree_control"), constants.W_OK);
  // Another's process in the group means that the branch is not the node's alone.
  if (words("cgroup.procs").some((one) => one !== `${pid}`)) return undefined;
  mkdirSync(join(folder, nodeGroup), { recursive: true });
  writeFileSync(join(folder, nodeGroup, "cgroup.procs"), `${pid}`);
  writeFileSync(join(folder, "cgroup.subtree_control"), needed.map((one) => `+${one}`).join(" "));
  for (const name of readdirSync(folder)) if (name.startsWith(prefix)) tryRemove(join(folder, name));
  return folder;
}

function createGroup(path: string, { memoryBytesMax, processesMax }: GroupLimits): ControlGroup {
  mkdirSync(path);
  writeFileSync(join(path, "memory.max"), `${memoryBytesMax}`);
  // Out of memory ends the command as a whole, and not a process of it that happens to be large.
  writeFileSync(join(path, "memory.oom.group"), "1");
  writeFileSync(join(path, "pids.max"), `${processesMax + ownProcesses}`);
  return { path, outOfMemory: () => wasOutOfMemory(path), remove: () => tryRemove(path) };
}

function wasOutOfMemory(path: string): boolean {
  try {
    return /^oom_kill [1-9]/m.test(readFileSync(join(path, "memory.events"), "utf8"));
  } catch {
    // Gone, and what happened in it with it.
    return false;
  }
}

function tryRemove(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Somebody is still ending in it.
  }
}
