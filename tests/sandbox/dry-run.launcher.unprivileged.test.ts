import { afterAll, setDefaultTimeout } from "bun:test";
import { DryRunStage } from "./dry-run-stage.ts";
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
} from "./dry-runs.ts";

// On a busy machine; nothing waits for it.
setDefaultTimeout(60_000);

const stage = await DryRunStage.for("ordinary");
const bounded = await DryRunStage.for("ordinary", { dryRunBytesMax: 4_000_000, dryRunsPerCallerMax: 2 });
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
