/**
 * The launcher's words name paths of the policy. They are wiped by the first process, beside which the command could
 * already run: here the wiping takes long, in a copy of the sources, so that who wins is no matter of luck.
 */
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtProgram } from "../../src/platform/launcher-build.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

const sources = join(import.meta.dir, "../../modules/shell/launcher");
const wiping = "  memset(memory.begin, 0";
const gate = "    wait_for_silence(gate);\n";

/** The launcher with these changes of first.c, each of which must be one. */
function changedLauncher(folder: string, changes: Readonly<Record<string, string>>): string {
  cpSync(sources, join(folder, "launcher"), { recursive: true });
  const file = join(folder, "launcher/first.c");
  let text = readFileSync(file, "utf8");
  for (const [from, to] of Object.entries(changes)) {
    expect(text.split(from).length).toBe(2);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
  const built = builtProgram(folder, "launcher", process.arch === "arm64" ? "arm64" : "x64");
  if ("why" in built) throw new Error(built.why);
  return built.file;
}

/** What a command reads at once of the first process's words. */
async function wordsSeen(changes: Readonly<Record<string, string>>): Promise<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-silence-")));
  try {
    const system = ["/usr", "/bin", "/lib", "/lib64"].flatMap((path) => ["--read-only", path, path]);
    const account = process.getuid?.() === 0 ? ["--run-as", "1000", "54321", "54321"] : [];
    const argv = [changedLauncher(folder, changes), "--parent", `${process.pid}`, ...account, ...system];
    const child = systemProcesses().spawn({
      argv: [...argv, "--", "sh", "-c", "tr -d '\\0' </proc/1/cmdline"],
      workingDirectory: "/",
      environment: { PATH: "/usr/bin:/bin" },
      stdin: "none",
      report: true,
    });
    const seen = Buffer.concat(await Array.fromAsync(child.stdout)).toString();
    expect((await child.exited).code).toBe(0);
    return seen;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Longer than a command needs to start and look. */
const slowly = { [wiping]: `  poll(NULL, 0, 1000);\n${wiping}` };

test("a command begins when the launcher's words are gone, however long that takes", async () => {
  expect(await wordsSeen(slowly)).toBe("");
}, 60_000);

test("without the gate it would read them, so the test above can fail", async () => {
  const open = {
    ...slowly,
    [gate]: "    (void)wait_for_silence;\n",
    "  if (write(gate[1]": "  if (0 && write(gate[1]",
  };
  expect(await wordsSeen(open)).toContain("--read-only/usr/usr");
}, 60_000);
