import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DryRunStage, dry } from "./dry-run-stage.ts";
import {
  dryRunsAreBounded,
  dryRunsBelong,
  dryRunsEnd,
  dryRunsProtect,
  dryRunsStayInside,
} from "./dry-run-walls.ts";
import {
  dryRunsApply,
  dryRunsAreRefused,
  dryRunsAreTrue,
  dryRunsConflict,
  dryRunsLeaveOut,
  dryRunsShow,
  filled,
} from "./dry-runs.ts";

// On a busy machine; nothing waits for it.
setDefaultTimeout(60_000);

const stage = await DryRunStage.for("root");
const bounded = await DryRunStage.for("root", { dryRunBytesMax: 4_000_000, dryRunsPerCallerMax: 2 });
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await bounded[Symbol.asyncDispose]();
});

dryRunsShow(() => stage);
dryRunsAreRefused(() => stage);
dryRunsApply(() => stage);
dryRunsConflict(() => stage);
dryRunsLeaveOut(() => stage);
dryRunsAreTrue(() => stage);
dryRunsBelong(() => stage);
dryRunsStayInside(() => stage);
dryRunsProtect(() => stage);
dryRunsEnd(() => stage);
dryRunsAreBounded(() => bounded);

test("a workspace with another file system in it is refused, with the reason", async () => {
  const workspace = stage.workspace();
  mkdirSync(join(workspace, "mounted"));
  await Bun.$`mount -t tmpfs tmpfs ${join(workspace, "mounted")}`.quiet();
  try {
    const error = await stage.error(dry("touch mounted/x", workspace));
    expect([error?.code, error?.message]).toEqual([
      "invalid_input",
      expect.stringContaining("another file system"),
    ]);
    expect(readdirSync(join(workspace, "mounted"))).toEqual([]);
  } finally {
    await Bun.$`umount ${join(workspace, "mounted")}`.quiet();
  }
});

test("a data directory in memory takes dry runs too, or says why it cannot", async () => {
  await using other = await DryRunStage.for("root", {}, true);
  const workspace = filled(other);
  const told = await other.call(dry("rm -rf deep; mkdir deep; echo y >deep/other", workspace));
  if ("error" in told) expect(told.error.code).toBe("unsupported");
  else
    expect("items" in told && told.items).toContainEqual({
      change: expect.objectContaining({ path: "deep/down", status: "removed" }),
    });
});
