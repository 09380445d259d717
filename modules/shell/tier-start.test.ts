import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import type { SandboxPolicy } from "./sandbox-policy.ts";
import type { TierName } from "./tier.ts";
import { startOf } from "./tier-start.ts";

const policy: SandboxPolicy = {
  ...{ profile: "read-only", network: "none", workspace: undefined, runAs: undefined },
  ...{ home: "/home/u", workingDirectory: "/home/u", system: ["/usr"], links: [], hidden: [] },
  limits: {
    ...{ cpuSecondsMax: 1, memoryBytesMax: 1, processesMax: 1 },
    ...{ openFilesMax: 1, fileBytesMax: 1, diskBytesMax: 1, scratchBytesMax: 1 },
  },
};

const started = (name: TierName, terminal: boolean) =>
  startOf({ name, launcher: "/launcher", dataDirectory: tmpdir() }, policy, undefined, terminal);

test("a command in namespaces gets the terminal that it was asked for, and no other", async () => {
  expect((await started("namespaces", true)).words).toContain("--terminal");
  expect((await started("namespaces", false)).words).not.toContain("--terminal");
});

test("where the launcher makes no network, a list of domains is refused and never taken for more or less", async () => {
  const network = { domains: ["a.test"], ports: [] };
  for (const name of ["bubblewrap", "lock"] as const) {
    const start = startOf(
      { name, launcher: "/launcher", dataDirectory: tmpdir() },
      { ...policy, network },
      undefined,
    );
    await expect(start).rejects.toMatchObject({ code: "unsupported" });
  }
  const forwards = [{ port: 3_128, target: "/s" }];
  const { words } = await startOf(
    { name: "namespaces", launcher: "/launcher", dataDirectory: tmpdir() },
    { ...policy, network, forwards },
    undefined,
  );
  expect(words.join(" ")).toContain("--network none --forward 3128 /s ");
});

test("where no overlay can be mounted, one is refused and never left out", async () => {
  for (const name of ["bubblewrap", "lock"] as const) {
    const start = startOf(
      { name, launcher: "/launcher", dataDirectory: tmpdir() },
      { ...policy, overlay: "/o" },
      undefined,
    );
    await expect(start).rejects.toMatchObject({ code: "unsupported" });
  }
});

test("bubblewrap is started by the launcher where a terminal has to be let go or a group to be joined", async () => {
  const usual = (await started("bubblewrap", false)).words;
  expect(usual[0]).toBe("bwrap");
  expect(usual).not.toContain("--terminal");
  const before = ["/launcher", "--locked", "outside", "--parent", `${process.pid}`];
  const { words } = await started("bubblewrap", true);
  expect(words.slice(0, 8)).toEqual([...before, "--terminal", "--", "bwrap"]);
  expect(words.lastIndexOf("--terminal")).toBeGreaterThan(words.indexOf("/.launcher"));
  const group = { path: "/groups/1", outOfMemory: () => false, remove: () => {} };
  const grouped = await startOf(
    { name: "bubblewrap", launcher: "/launcher", dataDirectory: tmpdir() },
    policy,
    group,
  );
  expect(grouped.words.slice(0, 9)).toEqual([...before, "--group", "/groups/1", "--", "bwrap"]);
  // Inside, the folder of the group is not there.
  expect(grouped.words.lastIndexOf("--group")).toBe(5);
});

test("under the lock alone a terminal is refused", async () => {
  await expect(started("lock", true)).rejects.toMatchObject({ code: "unsupported" });
});
