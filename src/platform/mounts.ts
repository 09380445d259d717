/** Where other file systems are mounted. Linux alone. */
import { readFile } from "node:fs/promises";

/** Mount points below the folder, not itself. @param text of /proc/self/mountinfo, for tests */
export async function mountsBelow(folder: string, text?: string): Promise<readonly string[]> {
  const lines = (text ?? (await readFile("/proc/self/mountinfo", "utf8"))).split("\n");
  const start = folder.endsWith("/") ? folder : `${folder}/`;
  return lines.map(mountPoint).filter((path) => path.startsWith(start));
}

/** The fifth field (proc_pid_mountinfo(5)); blanks and line ends in it are written as octal numbers. */
function mountPoint(line: string): string {
  const field = line.split(" ")[4] ?? "";
  return field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
