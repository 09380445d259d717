import { expect, test } from "bun:test";
import type { SandboxPolicy } from "./sandbox-policy.ts";
import type { TierName } from "./tier.ts";
import { startOf } from "./tier-start.ts";

const policy: SandboxPolicy = {
  ...{ profile: "read-only", network: "none", workspace: undefined, runAs: undefined },
  ...{ home: "/home/u", workingDirectory: "/home/u", system: ["/usr"], links: [], hidden: [] },
  limits: {
    ...{ cpuSecondsMax: 1, memoryBytesMax: 1, processesMax: 1 },
    ...{ openFilesMax: 1, fileBytesMax: 1, scratchBytesMax: 1 },
  },
};

const started = (name: TierName, terminal: boolean) =>
  startOf({ name, launcher: "/launcher" }, policy, undefined, terminal);

test("a command in namespaces gets the terminal that it was asked for, and no other", async () => {
  expect((await started("namespaces", true)).words).toContain("--terminal");
  expect((await started("namespaces", false)).words).not.toContain("--terminal");
});

test("where no overlay can be mounted, one is refused and never left out", async () => {
  for (const name of ["bubblewrap", "lock"] as const) {
    const start = startOf({ name, launcher: "/launcher" }, { ...policy, overlay: "/o" }, undefined);
    await expect(start).rejects.toMatchObject({ code: "unsupported" });
  }
});

test("where no session can begin inside, a terminal is refused and nothing is made", async () => {
  for (const name of ["bubblewrap", "lock"] as const) {
    await expect(started(name, true)).rejects.toMatchObject({ code: "unsupported" });
  }
});
