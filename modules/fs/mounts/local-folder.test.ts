import { expect, test } from "bun:test";
import { lstatSync, realpathSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { parentOf } from "../file-path.ts";
import { assertDisk, diskOf } from "./local-folder.ts";

const deviceOf = (path: string) => lstatSync(path).dev;

test("the disk of a folder is the topmost one above it of the same device", async () => {
  for (const path of [
    "/",
    ...[tmpdir(), homedir(), import.meta.dir, process.cwd()].map((one) => realpathSync(one)),
  ]) {
    const disk = (await diskOf(path)) ?? "";
    expect(deviceOf(disk)).toBe(deviceOf(path));
    expect(disk === "/" || deviceOf(parentOf(disk)) !== deviceOf(disk)).toBe(true);
    await assertDisk(path, disk);
  }
  expect(await diskOf("/not/there")).toBeUndefined();
});

test("a folder on another disk than it was is not used, and one that is missing is another's to tell", async () => {
  const path = realpathSync(import.meta.dir);
  const disk = await diskOf(path);
  const other = disk === path ? "/" : path;
  await expect(assertDisk(path, other)).rejects.toMatchObject({ code: "unavailable" });
  await assertDisk("/not/there", "/");
  await assertDisk(path, undefined);
});
