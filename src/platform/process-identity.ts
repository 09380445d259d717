/** Tells a process from a later one that got the same number. */
import { readFileSync } from "node:fs";

/**
 * When the process started, as an opaque text; undefined when there is no such process. On Linux the clock ticks
 * since boot (field 22 of /proc/<pid>/stat, proc(5)); elsewhere what `ps` says, in seconds.
 */
export function startMarkOf(pid: number): string | undefined {
  if (process.platform === "linux") return linuxStartMark(pid);
  if (process.platform === "win32") return windowsAlive(pid);
  const asked = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)], { timeout: 5_000 });
  const text = asked.stdout.toString().trim();
  return text === "" ? undefined : text;
}

function linuxStartMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the program's name in brackets and may hold anything, brackets too.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie holds neither files nor locks any more.
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function windowsAlive(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return "alive";
  } catch {
    return undefined;
  }
}
