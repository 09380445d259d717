import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SandboxPolicy, sandboxAccount } from "./sandbox-policy.ts";
import { startOf, withOwner } from "./tier-start.ts";
import { bubblewrapWords, lockWords } from "./tier-words.ts";

let work = "";
let policy: SandboxPolicy;
beforeAll(() => {
  work = realpathSync(mkdtempSync("/var/tmp/operone-words-"));
  mkdirSync(join(work, ".git/hooks"), { recursive: true });
  mkdirSync(join(work, "a/b"), { recursive: true });
  writeFileSync(join(work, ".bashrc"), "");
  writeFileSync(join(work, "token"), "");
  const limits = {
    ...{ cpuSecondsMax: 1, memoryBytesMax: 2, processesMax: 3 },
    ...{ openFilesMax: 4, fileBytesMax: 5, diskBytesMax: 7, scratchBytesMax: 6 },
  };
  policy = {
    ...{ profile: "workspace", network: "none", workspace: work, workingDirectory: work, home: "/home/me" },
    ...{ system: ["/usr"], links: [{ text: "usr/bin", path: "/bin" }], hidden: [], runAs: undefined, limits },
  };
});
afterAll(() => rmSync(work, { recursive: true }));

const bubblewrap = (more: Partial<SandboxPolicy> = {}) =>
  bubblewrapWords({ ...policy, ...more }, { program: "/usr/bin/bwrap", launcher: "/data/launcher" });
/** Whether these words follow each other. */
const has = (words: readonly string[], ...part: readonly string[]) =>
  words.join("\0").includes(part.join("\0"));

test("bubblewrap gets the walls of the policy, and the launcher behind them locks", async () => {
  const words = await bubblewrap();
  expect(words[0]).toBe("/usr/bin/bwrap");
  for (const part of [
    ["--die-with-parent"],
    ["--unshare-pid", "--unshare-ipc", "--unshare-uts"],
    ["--unshare-net"],
    ["--bind", work, work],
    ["--bind", join(work, ".git"), join(work, ".git")],
    ["--ro-bind", join(work, ".git/hooks"), join(work, ".git/hooks")],
    ["--ro-bind", join(work, ".bashrc"), join(work, ".bashrc")],
    ["--size", "6", "--tmpfs", "/home/me"],
    ["--ro-bind", "/proc/sys", "/proc/sys"],
    [
      "--ro-bind",
      "/data/launcher",
      "/.launcher",
      "--remount-ro",
      "/",
      "--",
      "/.launcher",
      "--locked",
      "inside",
    ],
  ]) {
    expect([part, has(words, ...part)]).toEqual([part, true]);
  }
  expect(has(await bubblewrap({ network: "full" }), "--unshare-net")).toBe(false);
  expect(words).not.toContain("--cap-add");
  const reading = await bubblewrap({ profile: "read-only" });
  expect([has(reading, "--ro-bind", work, work), reading.includes("--bind")]).toEqual([true, false]);
});

test("what is hidden is covered, and cannot be moved out of its cover", async () => {
  const hidden = [join(work, "a/b"), join(work, "token"), join(work, "not-there"), "/elsewhere"];
  const words = await bubblewrap({ hidden });
  expect(has(words, "--bind-try", join(work, "a"), join(work, "a"))).toBe(true);
  expect(has(words, "--perms", "0000", "--tmpfs", join(work, "a/b"), "--remount-ro", join(work, "a/b"))).toBe(
    true,
  );
  expect(has(words, "--ro-bind", "/dev/null", join(work, "token"))).toBe(true);
  expect(words).not.toContain("/elsewhere");
});

test("a link in the place of what is protected is refused, for bubblewrap would follow it", async () => {
  symlinkSync("/etc", join(work, ".vscode"));
  await expect(bubblewrap()).rejects.toMatchObject({ code: "invalid_input" });
  rmSync(join(work, ".vscode"));
});

test("the lock alone gives no shared folder for temporary files, and both say who the command is", () => {
  const alone = lockWords({ ...policy, runAs: sandboxAccount, group: "/groups/1" }, "alone", 7);
  expect(alone).not.toContain("/tmp");
  expect(has(alone, "--run-as", "1879048192", "1879048192", "1879048192")).toBe(true);
  expect(has(alone, "--group", "/groups/1")).toBe(true);
  expect(has(lockWords(policy, "inside", 1), "--scratch", "/tmp", "6")).toBe(true);
});

test("the lock alone refuses what it cannot hide", async () => {
  const tier = { name: "lock", launcher: "/l", dataDirectory: work } as const;
  await expect(startOf(tier, { ...policy, hidden: [join(work, "a")] }, undefined)).rejects.toMatchObject({
    code: "unsupported",
  });
});

test("a root node's command is the owner of its workspace, and never root", () => {
  const place = { real: work, kind: "directory", ownerId: 7, groupId: 8 } as const;
  const rooted = { ...policy, runAs: sandboxAccount };
  expect(withOwner(policy, place).runAs).toBeUndefined();
  expect(withOwner(rooted, undefined).runAs).toEqual(sandboxAccount);
  expect(withOwner(rooted, place).runAs).toEqual({ user: 7, group: 8 });
  expect(withOwner(rooted, { ...place, groupId: 0 }).runAs).toEqual({ user: 7, group: sandboxAccount.group });
  expect(() => withOwner(rooted, { ...place, ownerId: 0 })).toThrow("never lends itself");
});
