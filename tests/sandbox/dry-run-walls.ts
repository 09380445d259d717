/** What a dry run must not do, however it ends and whatever is done meanwhile; the same for every account. */
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { GrantSet } from "../../src/kernel/authority.ts";
import { until } from "../shell/processes.ts";
import { type DryRunStage, dry, treeText } from "./dry-run-stage.ts";
import { filled, listed } from "./dry-runs.ts";

const granted = (scope: unknown, decision: "allow" | "ask" = "allow"): readonly GrantSet[] => [
  { holder: "t", owner: false, grants: [{ permission: "shell.run", decision, scope }] },
];

export function dryRunsBelong(stage: () => DryRunStage): void {
  test("a dry run is its caller's and the owner's, and nobody else's", async () => {
    const workspace = filled(stage());
    const sets = granted("*");
    const { dryRun } = await stage().run("echo x >new", workspace, { as: "one", sets });
    const input = { id: dryRun.id };
    for (const operation of ["dry-run-show", "dry-run-apply", "dry-run-discard"])
      expect((await stage().error({ operation, input, as: "two", sets }))?.code).toBe("not_found");
    expect(await listed(stage(), "two")).toEqual({ dryRuns: [] });
    expect(existsSync(join(workspace, "new"))).toBe(false);
    await stage().apply(dryRun.id, { as: "one", sets });
    expect(readFileSync(join(workspace, "new"), "utf8")).toBe("x\n");
  });

  test("who has lost the right to the command, or must ask for it, applies nothing; the owner does", async () => {
    const workspace = filled(stage());
    const { dryRun } = await stage().run("echo x >new", workspace, { as: "one", sets: granted("*") });
    for (const sets of [
      granted({ commands: ["true"], workspaces: [workspace] }),
      granted({ commands: ["sh **"] }),
      granted("*", "ask"),
      [],
    ]) {
      const asked = { operation: "dry-run-apply", input: { id: dryRun.id }, as: "one", sets };
      expect((await stage().error(asked))?.code).toBe("forbidden");
    }
    expect(existsSync(join(workspace, "new"))).toBe(false);
    await stage().apply(dryRun.id);
    expect(existsSync(join(workspace, "new"))).toBe(true);
  });
}

export function dryRunsStayInside(stage: () => DryRunStage): void {
  test("a link that was put in the place of a folder leads nowhere", async () => {
    const workspace = filled(stage());
    const outside = join(stage().folder, "outside");
    mkdirSync(join(outside, "down"), { recursive: true });
    writeFileSync(join(outside, "down/file"), "x\n");
    stage().own(outside);
    const before = treeText(outside, true);
    const { dryRun } = await stage().run("echo new >deep/new; echo y >deep/down/file", workspace);
    renameSync(join(workspace, "deep"), join(workspace, "deep-away"));
    symlinkSync(outside, join(workspace, "deep"));
    const error = await stage().error({ operation: "dry-run-apply", input: { id: dryRun.id } });
    expect(error?.code).toBe("conflict");
    rmSync(workspace, { recursive: true });
    symlinkSync(outside, workspace);
    expect((await stage().error({ operation: "dry-run-apply", input: { id: dryRun.id } }))?.code).toBe(
      "conflict",
    );
    expect(treeText(outside, true)).toBe(before);
    await stage().call({ operation: "dry-run-discard", input: { id: dryRun.id } });
  });

  test("a folder that is swapped for a link again and again while it is applied leads nowhere either", async () => {
    const workspace = filled(stage());
    const outside = join(stage().folder, "elsewhere");
    mkdirSync(join(outside, "down"), { recursive: true });
    stage().own(outside);
    const swapping = Bun.spawn(
      ["sh", "-c", 'while :; do mv deep away; ln -s "$0" deep; rm deep; mv away deep; done', outside],
      { cwd: workspace, stdio: ["ignore", "ignore", "ignore"] },
    );
    try {
      for (let round = 0; round < 5; round++) {
        const script = `for i in 1 2 3 4 5 6 7 8; do echo $i >deep/${round}-$i; done 2>/dev/null; true`;
        const outcome = await stage()
          .run(script, workspace)
          .catch((error: unknown) => {
            // It may change while it is looked at.
            if (!String(error).includes('"conflict"')) throw error;
          });
        if (outcome === undefined || outcome.dryRun.id === null) continue;
        const { dryRun } = outcome;
        await stage().error({ operation: "dry-run-apply", input: { id: dryRun.id } });
        await stage().error({ operation: "dry-run-discard", input: { id: dryRun.id } });
      }
    } finally {
      swapping.kill("SIGKILL");
      await swapping.exited;
    }
    expect(readdirSync(outside)).toEqual(["down"]);
    expect(readdirSync(join(outside, "down"))).toEqual([]);
  });
}

export function dryRunsProtect(stage: () => DryRunStage): void {
  test("what is protected in a workspace is protected in a dry run, and so is what comes of it", async () => {
    const workspace = filled(stage());
    const before = treeText(workspace, true);
    const script = "echo x >.git/hooks/pre-commit; echo x >>.git/config; mv .git git2; echo fine >fine";
    const { changes, dryRun } = await stage().run(`(${script}) 2>/dev/null`, workspace);
    expect(changes.map(({ path }) => path)).toEqual(["fine"]);
    expect(treeText(workspace, true)).toBe(before);
    await stage().apply(dryRun.id);
    expect(readdirSync(join(workspace, ".git/hooks"))).toEqual([]);
    expect(readFileSync(join(workspace, ".git/config"), "utf8")).toBe("[core]\n");
  });
}

export function dryRunsEnd(stage: () => DryRunStage): void {
  const endless = "echo x >>a.txt; rm -rf deep; touch running; exec sleep 3600";

  test("kill -9 of a command's launcher leaves the workspace as it was", async () => {
    const workspace = filled(stage());
    const before = treeText(workspace, true);
    stage().send(dry(endless, workspace));
    await until(() => stage().upper("running") !== undefined);
    process.kill(launcherOf(workspace), "SIGKILL");
    const told = await stage().answer();
    expect("items" in told && told.items.at(-1)).toMatchObject({ exit: { code: null, signal: "SIGKILL" } });
    expect(treeText(workspace, true)).toBe(before);
  });

  test("kill -9 of the node leaves the workspace as it was, and the next node nothing of the dry run", async () => {
    const workspace = filled(stage());
    const before = treeText(workspace, true);
    stage().send(dry(endless, workspace));
    await until(() => stage().upper("running") !== undefined && stage().upper("a.txt") !== undefined);
    await stage().kill();
    expect(treeText(workspace, true)).toBe(before);
    stage().start();
    expect(await listed(stage())).toEqual({ dryRuns: [] });
    expect(readdirSync(join(stage().dataDirectory, "shell"))).toEqual(["launcher"]);
    expect(treeText(workspace, true)).toBe(before);
  });
}

/** The process outside of the sandbox whose words name the workspace. */
function launcherOf(workspace: string): number {
  const found = readdirSync("/proc").filter((name) => {
    try {
      const words = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0") : [];
      return (
        words[0]?.endsWith("/launcher") === true && words.includes(workspace) && words.includes("--overlay")
      );
    } catch {
      return false;
    }
  });
  return Math.min(...found.map(Number));
}

export function dryRunsAreBounded(stage: () => DryRunStage): void {
  test("one that writes more than it may is ended, and leaves nothing", async () => {
    const workspace = filled(stage());
    const before = treeText(workspace, true);
    for (const script of [
      "head -c 9000000 /dev/zero >big; sleep 3600",
      "head -c 9000000 /dev/zero >big",
      "i=0; while [ $i -lt 200 ]; do mkdir d; cd d; i=$((i+1)); done",
    ])
      expect((await stage().error(dry(script, workspace)))?.code).toBe("too_large");
    expect(treeText(workspace, true)).toBe(before);
    await until(() => readdirSync(join(stage().dataDirectory, "shell/dry-runs")).length === 0);
  });

  test("a caller has so many and no more, until one is discarded", async () => {
    const workspace = filled(stage());
    const ids: (string | null)[] = [];
    for (let count = 0; count < 2; count++) ids.push((await stage().run("touch x", workspace)).dryRun.id);
    const error = await stage().error(dry("touch x", workspace));
    expect([error?.code, error?.message]).toEqual(["limited", expect.stringContaining("apply or discard")]);
    await stage().call({ operation: "dry-run-discard", input: { id: ids[0] } });
    ids.push((await stage().run("touch x", workspace)).dryRun.id);
    for (const id of ids.slice(1)) await stage().call({ operation: "dry-run-discard", input: { id } });
  });
}
