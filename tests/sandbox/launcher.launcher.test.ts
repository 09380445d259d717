/** The launcher alone: it takes no words that it does not know, and says so on its own descriptor. */
import { expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { builtLauncher } from "../../src/platform/launcher-build.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

const built = builtLauncher(join(import.meta.dir, "../.."), process.arch === "arm64" ? "arm64" : "x64");
const launcher = "file" in built ? built.file : "";
const parent = ["--parent", `${process.pid}`];
const asOther = process.getuid?.() === 0 ? ["--run-as", "1000", "54321", "54321"] : [];

async function ran(argv: readonly string[]) {
  const environment = { PATH: "/usr/bin:/bin" };
  const options = { workingDirectory: "/", environment, stdin: "none", report: true } as const;
  const child = systemProcesses().spawn({ ...options, argv });
  const text = async (pipe: AsyncIterable<Uint8Array> | undefined) =>
    Buffer.concat(await Array.fromAsync(pipe ?? [])).toString();
  const [report, stdout] = await Promise.all([text(child.report), text(child.stdout)]);
  return { code: (await child.exited).code, report: report.split("\n"), stdout };
}

async function refused(words: readonly string[]): Promise<readonly string[]> {
  const { code, report } = await ran([launcher, ...words]);
  return [`${code}`, ...report];
}

test("words that are not exactly the policy's are refused, and nothing runs", async () => {
  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[...parent, ...asOther, "--unknown", "--", "true"], "--unknown"],
    [[...parent, ...asOther, "--read-only", "/usr"], "--read-only"],
    [[...parent, ...asOther, "--read-only", "usr", "/usr", "--", "true"], "usr"],
    [[...parent, ...asOther, "--scratch", "/tmp", "1k", "--", "true"], "1k"],
    [[...parent, ...asOther, "--scratch", "/tmp", "-1", "--", "true"], "-1"],
    [[...parent, ...asOther, "--network", "some", "--", "true"], "some"],
    [[...parent, ...asOther, "--workspace", "/", "rw", "--", "true"], "/"],
    [[...parent, ...asOther, "--workspace", "/srv", "w", "--", "true"], "w"],
    [[...parent, ...asOther, "--limit", "stack", "1", "--", "true"], "stack"],
    [[...parent, ...asOther, "--share", "/", "ro", "--", "true"], "/"],
    [[...parent, ...asOther, "--share", "srv", "ro", "--", "true"], "srv"],
    [[...parent, ...asOther, "--share", "/srv", "w", "--", "true"], "w"],
    [[...parent, ...asOther, "--locked", "free", "--", "true"], "free"],
    [[...parent, ...asOther], "--"],
    [[...parent, ...asOther, "--"], "--"],
    [["true"], "true"],
    [[...asOther, "--", "true"], "--parent"],
    [[...parent, "--run-as", "1000", "0", "0", "--", "true"], "0"],
    [[...parent, "--run-as", "0", "54321", "54321", "--", "true"], "54321"],
    [[...parent, "--run-as", "1000", "54321", "0", "--", "true"], "54321"],
  ];
  for (const [words, subject] of wrong) {
    expect([words, await refused(words)]).toEqual([
      words,
      ["125", "policy", `${constants.errno.EINVAL}`, subject],
    ]);
  }
});

test("where it only locks, it says so before the command runs, and refuses another parent too", async () => {
  const words = [...asOther, "--read-only", "/usr", "/usr", "--locked", "alone", "--", "/usr/bin/true"];
  expect(await refused([...parent, ...words])).toEqual(["0", "locked", ""]);
  expect(await refused(["--parent", "1", ...words])).toEqual(["125", ""]);
});

const system = ["/usr", "/bin", "/lib", "/lib64"].flatMap((path) => ["--read-only", path, path]);

test("what the node left open by mistake does not reach the command", async () => {
  const words = [launcher, ...parent, ...asOther, ...system, "--", "sh", "-c", "ls /proc/self/fd"];
  const { code, stdout } = await ran(["sh", "-c", 'exec 9</etc/passwd 4>&1; exec "$0" "$@"', ...words]);
  // The last is that of ls itself, of the folder.
  expect([code, stdout]).toEqual([0, "0\n1\n2\n3\n"]);
});

test("the launcher joins the control group before anything runs, or says that it cannot", async () => {
  const folder = mkdtempSync(join(tmpdir(), "operone-group-"));
  // A plain file in the place of the kernel's: "0" there means whoever writes it.
  writeFileSync(join(folder, "cgroup.procs"), "");
  const words = [...parent, ...asOther, ...system];
  expect((await ran([launcher, ...words, "--group", folder, "--", "true"])).code).toBe(0);
  expect(readFileSync(join(folder, "cgroup.procs"), "utf8")).toBe("0");
  expect((await refused([...words, "--group", `${folder}/none`, "--", "true"])).slice(0, 2)).toEqual([
    "125",
    "group",
  ]);
  rmSync(folder, { recursive: true });
});

test("a workspace that became a link after it was looked at is not followed", async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "operone-link-")));
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "link"));
  const workspace = ["--workspace", join(folder, "link"), "rw"];
  expect(await refused([...parent, ...asOther, ...system, ...workspace, "--", "true"])).toEqual([
    "125",
    "workspace",
    `${constants.errno.ELOOP}`,
    join(folder, "link"),
  ]);
  rmSync(folder, { recursive: true });
});

test("a launcher whose parent is another than was said starts nothing", async () => {
  expect(await refused(["--parent", "1", ...asOther, "--", "true"])).toEqual(["125", ""]);
});
