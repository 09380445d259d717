import { expect, test } from "bun:test";
import { mountsBelow } from "./mounts.ts";

test("mount points below a folder are told, and neither the folder nor one of a longer name", async () => {
  const points = ["/w", "/work", "/w/a\\040b", "/w/c\\134d", "/"];
  const text = points.map((point, at) => `${at} 1 0:1 / ${point} rw - ext4 /dev/vda rw`).join("\n");
  expect(await mountsBelow("/w", `${text}\n`)).toEqual(["/w/a b", "/w/c\\d"]);
  expect(await mountsBelow("/", text)).toHaveLength(5);
});
