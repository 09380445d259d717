import { afterAll, test } from "bun:test";
import { confinedProfiles, proveConfined, proveControl } from "./escape.ts";
import { stageFor } from "./stage.ts";

const stage = await stageFor("ordinary");
afterAll(() => stage[Symbol.asyncDispose]());

for (const profile of confinedProfiles) {
  test(`nothing gets out of the profile ${profile} on a node that runs as an ordinary user`, async () => {
    await proveConfined(stage, profile);
  }, 60_000);
}

test("without a sandbox an ordinary user gets through, so the suite can fail", async () => {
  await proveControl(stage, "ordinary");
}, 60_000);
