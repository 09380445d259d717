import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Checks } from "../../src/kernel/ports.ts";
import { simulatedHost } from "../../src/kernel/simulated.ts";
import { systemProcesses } from "../../src/platform/processes.ts";
import { makeScratch } from "../../src/platform/scratch.ts";
import { shellNode } from "../../tests/shell/shell-node.ts";

test("the diagnosis says whether commands can be confined here, and what to do where they cannot", async () => {
  const host = simulatedHost({ dataDirectory: "/proc/no-folder" });
  await using node = await shellNode({}, {}, { host });
  const check = node.kernel
    .service(Checks)
    .all()
    .find(({ name }) => name === "commands");
  expect(await check?.run(new AbortController().signal)).toEqual({
    verdict: "warning",
    found: expect.stringContaining("confined commands are refused"),
    fix: expect.any(String),
  });
});

test("what a killed node left running is ended before the first command starts, and told", async () => {
  const processes = systemProcesses();
  const order: string[] = [];
  const leftovers = Promise.withResolvers<number>();
  await using node = await shellNode(
    {},
    {},
    {
      processes: {
        ...processes,
        endLeftovers: () => leftovers.promise,
        spawn: (options) => {
          order.push("spawn");
          return processes.spawn(options);
        },
      },
    },
  );
  const running = node.run({ argv: ["true"] });
  await Bun.sleep(20);
  order.push("ended");
  leftovers.resolve(2);
  expect((await running).exit.code).toBe(0);
  expect(order).toEqual(["ended", "spawn"]);
  expect(node.log.entries).toContainEqual(
    expect.objectContaining({ level: "warn", fields: expect.objectContaining({ ended: 2 }) }),
  );
});

test("folders of commands that a killed node left are removed at the next start, and told", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "op-start-"));
  try {
    const left = makeScratch(dataDirectory).path;
    await using node = await shellNode({}, {}, { host: simulatedHost({ dataDirectory }) });
    await node.run({ argv: ["true"] });
    expect(existsSync(left)).toBe(false);
    expect(node.log.entries).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ removed: 1 }) }),
    );
  } finally {
    rmSync(dataDirectory, { recursive: true });
  }
});
