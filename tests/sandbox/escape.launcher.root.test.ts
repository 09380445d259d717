import { afterAll, expect, test } from "bun:test";
import { confinedProfiles, proveConfined, proveControl } from "./escape.ts";
import { stageFor } from "./stage.ts";

const stage = await stageFor("root");
afterAll(() => stage[Symbol.asyncDispose]());

for (const profile of confinedProfiles) {
  test(`nothing gets out of the profile ${profile} on a node that runs as root`, async () => {
    await proveConfined(stage, profile);
  }, 60_000);
}

test("a command of a root node is another user, and its files are those of the workspace's owner", async () => {
  const argv = ["sh", "-c", "id -u; touch made; stat -c %u made; cat /proc/self/uid_map"];
  const [ending] = await stage.run([{ argv, profile: "workspace", workspace: stage.workspace }]);
  expect(ending?.stdout.trim().split(/\s+/)).toEqual(["1000", "1000", "1000", "1879048192", "1"]);
  expect((await Bun.file(`${stage.workspace}/made`).stat()).uid).toBe(0);
});

test("without a sandbox root gets through everywhere, so the suite can fail", async () => {
  await proveControl(stage, "root");
}, 60_000);
