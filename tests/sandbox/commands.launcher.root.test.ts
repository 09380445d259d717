import { afterAll, expect, test } from "bun:test";
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  commandsAreAlone,
  commandsEnd,
  commandsWork,
  profilesGive,
  workspacesAreChecked,
} from "./commands.ts";
import { roomyLimits, stageFor } from "./stage.ts";

const stage = await stageFor("root", roomyLimits);
afterAll(() => stage[Symbol.asyncDispose]());

commandsWork(() => stage);
commandsAreAlone(() => stage);
commandsEnd(() => stage);
profilesGive(() => stage);
workspacesAreChecked(() => stage);

test("where files cannot be shown as another's, the command is their owner, and root's are refused", async () => {
  const workspace = join(stage.workspace, "other-disk");
  mkdirSync(workspace);
  // A file system of memory that has no id-mapped mounts.
  await Bun.$`mount -t ramfs ramfs ${workspace}`.quiet();
  try {
    const job = {
      argv: ["sh", "-c", "touch made && stat -c %u made && id -u"],
      profile: "workspace",
      workspace,
    } as const;
    const [refused] = await stage.run([job]);
    expect(refused?.refused).toStartWith("unsupported: The file system of");
    chownSync(workspace, 54_321, 54_321);
    const [ending] = await stage.run([job]);
    expect(ending).toMatchObject({ code: 0, stdout: "1000\n1000\n" });
    expect((await Bun.file(join(workspace, "made")).stat()).uid).toBe(54_321);
  } finally {
    await Bun.$`umount ${workspace}`.quiet();
  }
});
