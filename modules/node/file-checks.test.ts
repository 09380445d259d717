import { expect, test } from "bun:test";
import type { FileFacts, Finding } from "../../src/kernel/ports.ts";
import { simulatedFiles, simulatedHost } from "../../src/kernel/simulated.ts";
import { diskFiles } from "../../src/platform/files.ts";
import { fileChecks } from "./file-checks.ts";
import { processFacts } from "./process-facts.ts";

/** A healthy data directory, with some facts changed. */
async function findings(changed: Readonly<Record<string, Partial<FileFacts>>> = {}, os = "linux") {
  const files = simulatedFiles();
  for (const path of [
    "owner.token",
    "operone.sock",
    "access/access.db",
    "access/secrets.key",
    "log/node.log",
  ]) {
    await files.writePrivate(`/data/${path}`, "x");
  }
  await files.ensureDirectory("/data");
  const use = {
    host: simulatedHost({ os }),
    listeners: { bound: () => [{ kind: "unix", path: "/data/operone.sock" }] as const, warnings: () => [] },
    files: {
      ...files,
      async facts(path: string) {
        const facts = await files.facts(path);
        return facts === undefined ? undefined : { ...facts, ...changed[path] };
      },
    },
  };
  const found: Record<string, Finding | undefined> = {};
  for (const { name, run } of fileChecks(use)) found[name] = await run(new AbortController().signal);
  return found;
}

const failing = (found: Readonly<Record<string, Finding | undefined>>) =>
  Object.keys(found).filter((name) => found[name]?.verdict !== "ok");

test("a healthy data directory has nothing to mend", async () => {
  expect(failing(await findings())).toEqual([]);
});

for (const [what, path, facts, name] of [
  ["a data directory that others may read", "/data", { mode: 0o750 }, "data directory"],
  ["a data directory of another user", "/data", { ownerId: 4_294_000_000 }, "data directory"],
  ["an owner token that others may read", "/data/owner.token", { mode: 0o604 }, "owner token"],
  ["a socket that others may open", "/data/operone.sock", { mode: 0o666 }, "owner socket"],
  ["a secrets key that others may read", "/data/access/secrets.key", { mode: 0o640 }, "module files"],
  ["a database that others may read", "/data/access/access.db", { mode: 0o644 }, "module files"],
  ["a log that has grown large", "/data/log/node.log", { sizeBytes: 65 * 1024 * 1024 }, "log"],
] as const) {
  test(`${what} is found, named and given a fix`, async () => {
    const found = await findings({ [path]: facts });
    expect(failing(found)).toEqual([name]);
    expect(found[name]?.fix).toBeTruthy();
    if (name !== "log") expect(found[name]?.found).toContain(path);
    expect(
      failing(await findings({ [path]: { ...facts, ownerId: process.getuid?.() ?? 0 } }, "win32")),
    ).toEqual(name === "log" ? ["log"] : []);
  });
}

test("what the system tells of this process is read, and on a system without it nothing is", async () => {
  expect(await processFacts(simulatedFiles())).toEqual({});
  if (process.platform !== "linux") return;
  const facts = await processFacts(diskFiles());
  expect(facts.descriptors).toBeGreaterThan(2);
  expect(facts.descriptorsMax).toBeGreaterThanOrEqual(facts.descriptors ?? 0);
  expect(facts.threads).toBeGreaterThan(0);
  expect(facts.virtualBytes).toBeGreaterThan(1_000_000);
});
