/** What a dry run shows, what it leaves alone, and what applying it does; the same for every account. */
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { until } from "../shell/processes.ts";
import { attributesOf, type DryRunStage, dry, treeText } from "./dry-run-stage.ts";

export function filled(stage: DryRunStage): string {
  const workspace = stage.workspace();
  writeFileSync(join(workspace, "a.txt"), "one\ntwo\nthree\n");
  writeFileSync(join(workspace, "old-name"), "moved as it is\n");
  writeFileSync(join(workspace, "binary"), Uint8Array.of(0, 1, 2));
  mkdirSync(join(workspace, "deep/down"), { recursive: true });
  writeFileSync(join(workspace, "deep/down/file"), "x\n");
  symlinkSync("a.txt", join(workspace, "link"));
  mkdirSync(join(workspace, ".git/hooks"), { recursive: true });
  writeFileSync(join(workspace, ".git/config"), "[core]\n");
  stage.own(workspace);
  return workspace;
}

const everything = [
  "sed -i s/two/2/ a.txt",
  "mv old-name new-name",
  "printf '\\000\\001' >binary",
  "rm -rf deep; mkdir deep; echo y >deep/other",
  "ln -sfn new-name link",
  "echo new >new; chmod 600 new",
  "mkdir -p folder/in; chmod 700 folder",
  "ln -s /etc/passwd outside",
].join("; ");

export function dryRunsShow(stage: () => DryRunStage): void {
  test("the command sees its changes, the answer tells them, and the workspace is untouched", async () => {
    const workspace = filled(stage());
    const [before, attributes] = [treeText(workspace, true), attributesOf(workspace)];
    const outcome = await stage().run(`${everything}; cat a.txt; ls deep; readlink link; exit 3`, workspace);
    expect(treeText(workspace, true)).toBe(before);
    expect(attributesOf(workspace)).toBe(attributes);
    expect(outcome.stdout).toBe("one\n2\nthree\nother\nnew-name\n");
    expect(outcome.exit).toMatchObject({ code: 3, reason: "exited" });
    const told = outcome.changes.map(({ status, path, from }) => [
      status,
      path,
      ...(from === undefined ? [] : [from]),
    ]);
    expect(told).toEqual([
      ["changed", "a.txt"],
      ["changed", "binary"],
      ["added", "deep/other"],
      ["removed", "deep/down/file"],
      ["removed", "deep/down"],
      ["added", "folder"],
      ["added", "folder/in"],
      ["changed", "link"],
      ["added", "new"],
      ["renamed", "new-name", "old-name"],
      ["added", "outside"],
    ]);
    expect(outcome.changes[0]?.diff).toBe(
      "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
    );
    expect(outcome.changes[1]).toMatchObject({
      sizeBytesBefore: 3,
      sizeBytes: 2,
      sha256: expect.any(String),
    });
    expect(outcome.changes[5]).toMatchObject({ mode: "700" });
    expect(outcome.changes[7]).toMatchObject({ targetBefore: "a.txt", target: "new-name" });
    expect(await stage().show(outcome.dryRun.id)).toEqual({
      dryRun: outcome.dryRun,
      changes: [...outcome.changes],
    });
  });

  test("what was only touched is no change, and a dry run of nothing is not kept", async () => {
    const workspace = filled(stage());
    const { changes, dryRun } = await stage().run(
      "touch a.txt; cat a.txt >/dev/null; cp a.txt t; rm t",
      workspace,
    );
    expect([changes, dryRun.id, dryRun.changes]).toEqual([[], null, 0]);
  });
}

export function dryRunsAreRefused(stage: () => DryRunStage): void {
  test("there is no dry run without something to protect", async () => {
    const workspace = filled(stage());
    for (const input of [{ profile: "read-only" }, { profile: "unconfined" }, { workspace: undefined }]) {
      const error = await stage().error(dry("true", workspace, input));
      expect([error?.code, error?.message]).toEqual(["invalid_input", expect.stringContaining("no dry run")]);
    }
    mkdirSync(join(stage().dataDirectory, "work"), { recursive: true });
    const holding = await stage().error(dry("true", join(stage().dataDirectory, "work")));
    expect(holding?.code).toBe("invalid_input");
  });
}

export function dryRunsApply(stage: () => DryRunStage): void {
  test("applied, the workspace is as if the command had run in it", async () => {
    const [workspace, real] = [filled(stage()), filled(stage())];
    const { dryRun } = await stage().run(everything, workspace);
    stage().reallyRun(everything, real);
    const modified = statSync(join(workspace, "deep/down")).mtimeMs;
    await stage().apply(dryRun.id);
    expect(treeText(workspace, false)).toBe(treeText(real, false));
    expect(modified).toBeLessThan(Date.now());
    expect((await stage().error({ operation: "dry-run-show", input: { id: dryRun.id } }))?.code).toBe(
      "not_found",
    );
  });
}

export function dryRunsConflict(stage: () => DryRunStage): void {
  test("a file that has changed since refuses all, and names it", async () => {
    const edits: readonly (readonly [string, (workspace: string) => void])[] = [
      ["a.txt", (workspace) => writeFileSync(join(workspace, "a.txt"), "ONE\ntwo\nthree\n")],
      ["new", (workspace) => writeFileSync(join(workspace, "new"), "mine")],
      ["deep/down/file", (workspace) => writeFileSync(join(workspace, "deep/down/file"), "z\n")],
      ["deep/down/unseen", (workspace) => writeFileSync(join(workspace, "deep/down/unseen"), "z\n")],
      ["a.txt", (workspace) => chmodSync(join(workspace, "a.txt"), 0o640)],
    ];
    for (const [path, edit] of edits) {
      const workspace = filled(stage());
      const { dryRun } = await stage().run(everything, workspace);
      edit(workspace);
      const before = treeText(workspace, true);
      const error = await stage().error({ operation: "dry-run-apply", input: { id: dryRun.id } });
      expect([error?.code, error?.details]).toEqual(["conflict", { paths: [path] }]);
      expect(treeText(workspace, true)).toBe(before);
      await stage().call({ operation: "dry-run-discard", input: { id: dryRun.id } });
    }
  });

  test("a file that was written again with the same content is no conflict", async () => {
    const workspace = filled(stage());
    const { dryRun } = await stage().run("echo more >>a.txt", workspace);
    writeFileSync(join(workspace, "a.txt"), "one\ntwo\nthree\n");
    await stage().apply(dryRun.id);
    expect(readFileSync(join(workspace, "a.txt"), "utf8")).toEndWith("more\n");
  });

  test("what changes while the command runs is a conflict", async () => {
    const workspace = filled(stage());
    const go = join(stage().folder, "go");
    stage().send({ ...dry("echo mine >>a.txt; touch running; cat", workspace), stdinUntil: go });
    await until(() => stage().upper("running") !== undefined);
    writeFileSync(join(workspace, "a.txt"), "theirs\n");
    writeFileSync(go, "");
    await stage().answer();
    const { dryRuns } = await listed(stage());
    const id = dryRuns.find((run) => run.workspace === workspace)?.id;
    const error = await stage().error({ operation: "dry-run-apply", input: { id } });
    expect(error?.code).toBe("conflict");
    expect(readFileSync(join(workspace, "a.txt"), "utf8")).toBe("theirs\n");
    await stage().call({ operation: "dry-run-discard", input: { id } });
  });
}

export function dryRunsLeaveOut(stage: () => DryRunStage): void {
  test("pipes are left out, and hard links become copies", async () => {
    const workspace = filled(stage());
    const script = "mkfifo pipe; echo h >h1; ln h1 h2";
    const { dryRun, changes } = await stage().run(script, workspace);
    expect(changes.find(({ path }) => path === "pipe")).toMatchObject({
      status: "left_out",
      note: "it is a pipe",
    });
    expect(changes.find(({ path }) => path === "h1")?.note).toContain("applied as a copy");
    const { leftOut } = await stage().apply(dryRun.id);
    expect(leftOut.map(({ path }) => path)).toContain("pipe");
    expect(existsSync(join(workspace, "pipe"))).toBe(false);
    expect(statSync(join(workspace, "h1")).nlink).toBe(1);
    expect(readFileSync(join(workspace, "h2"), "utf8")).toBe("h\n");
  });

  test("modes that forbid to look or to write are shown, applied and removed", async () => {
    const workspace = filled(stage());
    const script =
      "mkdir shut; echo s >shut/s; chmod 000 shut/s; chmod 000 shut; mkdir still; echo t >still/t; chmod 555 still";
    const { dryRun } = await stage().run(script, workspace);
    await stage().apply(dryRun.id);
    expect(statSync(join(workspace, "shut")).mode & 0o777).toBe(0);
    expect(statSync(join(workspace, "still")).mode & 0o777).toBe(0o555);
    expect(readFileSync(join(workspace, "still/t"), "utf8")).toBe("t\n");
    expect(existsSync(join(stage().dataDirectory, "shell/dry-runs", dryRun.id ?? ""))).toBe(false);
  });
}

export async function listed(stage: DryRunStage, as?: string) {
  const told = await stage.call({
    operation: "dry-run-list",
    input: {},
    ...(as === undefined ? {} : { as }),
  });
  if (!("value" in told)) throw new Error(JSON.stringify(told));
  return told.value as { readonly dryRuns: readonly { readonly id: string; readonly workspace: string }[] };
}

const names = ["a.txt", "deep", "deep/down", "deep/down/file", "new", "new/er", "link", "binary"] as const;
const name = fc.constantFrom(...names);
const command = fc.oneof(
  fc.tuple(name, fc.stringMatching(/^[a-z ]{0,12}$/)).map(([path, text]) => `echo '${text}' >${path}`),
  name.map((path) => `echo more >>${path}`),
  name.map((path) => `rm -rf ${path}`),
  name.map((path) => `mkdir -p ${path}`),
  fc.tuple(name, name).map(([from, to]) => `mv -T ${from} ${to}`),
  fc.tuple(name, name).map(([from, to]) => `[ -d ${from} ] || cp ${from} ${to}`),
  // To a place of its own: what a folder that is copied into itself becomes, the order of its entries decides.
  name.map((from) => `rm -rf copy; cp -r ${from} copy`),
  fc.tuple(name, name).map(([text, path]) => `ln -s ${text} ${path}`),
  fc
    .tuple(fc.constantFrom("700", "750", "777"), name)
    .map(([mode, path]) => `[ -L ${path} ] || chmod ${mode} ${path}`),
);

export function dryRunsAreTrue(stage: () => DryRunStage): void {
  test("for any commands: applied is as if they had run, and unapplied as if they had not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 8 }), async (commands) => {
        const script = `exec 2>/dev/null; ${commands.join("; ")}; true`;
        const [workspace, real] = [filled(stage()), filled(stage())];
        const before = treeText(workspace, true);
        const { dryRun } = await stage().run(script, workspace);
        expect(treeText(workspace, true)).toBe(before);
        stage().reallyRun(script, real);
        if (dryRun.id !== null) await stage().apply(dryRun.id);
        expect(treeText(workspace, false)).toBe(treeText(real, false));
      }),
      { numRuns: 40 },
    );
  });
}
