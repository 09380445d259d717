/**
 * The processes of a Linux system with what ties them together, from /proc/<pid>/stat (proc(5)). Elsewhere empty.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks between the system's boot and the process's start: with the pid it names one process for ever. */
  readonly startTicks: string;
}

export type ProcessTable = ReadonlyMap<number, ProcessRow>;

/** Living processes; a zombie needs no signal any more. */
export function readProcessTable(): ProcessTable {
  if (process.platform !== "linux") return new Map();
  const rows = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((row) => row !== undefined);
  return new Map(rows.map((row) => [row.pid, row]));
}

/** Undefined when there is no such process, when it is a zombie, and on other systems than Linux. */
export function readProcess(pid: number): ProcessRow | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return rowOf(pid, readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined;
  }
}

function rowOf(pid: number, stat: string): ProcessRow | undefined {
  // The second field is the program's name in brackets and may hold anything, brackets too.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTicks = fields[19];
  if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), startTicks };
}

/**
 * Everything that belongs to a child that leads a session: its session, its group, and all descendants of these.
 * A descendant that left the session and whose parents are dead cannot be told from a stranger.
 *
 * @param leader undefined when its number has passed on to a stranger: then only `known` and their descendants
 */
export function familyOf(
  leader: number | undefined,
  table: ProcessTable,
  known: Iterable<number> = [],
): ProcessRow[] {
  const seeds = new Set(known);
  const family = new Map<number, ProcessRow>();
  for (const row of table.values()) {
    if (row.session === leader || row.group === leader || seeds.has(row.pid)) family.set(row.pid, row);
  }
  const children = Map.groupBy(table.values(), (row) => row.parent);
  const waiting = [...family.keys()];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    for (const row of children.get(pid) ?? []) {
      if (family.has(row.pid)) continue;
      family.set(row.pid, row);
      waiting.push(row.pid);
    }
  }
  return [...family.values()];
}
