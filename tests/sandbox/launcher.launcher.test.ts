/** The launcher alone: it takes no words that it does not know, and says so on its own descriptor. */
import { expect, test } from "bun:test";
import { constants } from "node:os";
import { join } from "node:path";
import { builtLauncher } from "../../src/platform/launcher-build.ts";
import { systemProcesses } from "../../src/platform/processes.ts";

const built = builtLauncher(join(import.meta.dir, "../.."), process.arch === "arm64" ? "arm64" : "x64");
const launcher = "file" in built ? built.file : "";
const parent = ["--parent", `${process.pid}`];
const asOther = process.getuid?.() === 0 ? ["--run-as", "1000", "54321", "54321"] : [];

async function refused(words: readonly string[]): Promise<readonly string[]> {
  const options = { workingDirectory: "/", environment: {}, stdin: "none", report: true } as const;
  const child = systemProcesses().spawn({ ...options, argv: [launcher, ...words] });
  const report = Buffer.concat(await Array.fromAsync(child.report ?? [])).toString();
  const { code } = await child.exited;
  return [`${code}`, ...report.split("\n")];
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

test("a launcher whose parent is another than was said starts nothing", async () => {
  expect(await refused(["--parent", "1", ...asOther, "--", "true"])).toEqual(["125", ""]);
});
