import { expect, test } from "bun:test";
import { simulatedFiles } from "../kernel/simulated.ts";
import { nodeNames } from "./node-names.ts";

const path = "/data/name";

test("a node is called after its machine, until it is renamed, and keeps that", async () => {
  const files = simulatedFiles();
  const names = await nodeNames({ files, path, configured: "", hostName: "Ada's Laptop.local" });
  expect(names.name()).toBe("ada-s-laptop");
  names.setPeerId("12D3x");
  await names.rename("desk");
  expect([...names.all]).toEqual(["desk", "12D3x"]);
  const again = await nodeNames({ files, path, configured: "", hostName: "other" });
  expect(again.name()).toBe("desk");
});

test("a name in the configuration wins, and cannot be changed behind its back", async () => {
  const files = simulatedFiles();
  await files.writePrivate(path, "old\n");
  const names = await nodeNames({ files, path, configured: "pi", hostName: "other" });
  expect(names.name()).toBe("pi");
  await expect(names.rename("desk")).rejects.toMatchObject({ code: "conflict" });
  expect(names.name()).toBe("pi");
});
