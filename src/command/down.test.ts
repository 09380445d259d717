import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHolder } from "../platform/lock.ts";
import { type DataPaths, dataPaths } from "../platform/paths.ts";
import { stopNode } from "./down.ts";

const made: string[] = [];
const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A process that holds the lock of a new folder, and does `more`. */
async function holding(more: string): Promise<{ paths: DataPaths; pid: number }> {
  const directory = mkdtempSync(join(tmpdir(), "down-"));
  made.push(directory);
  const file = (name: string) => JSON.stringify(join(import.meta.dir, "../platform", name));
  const program = `
    const { takeLock } = await import(${file("lock.ts")});
    const { dataPaths } = await import(${file("paths.ts")});
    takeLock(dataPaths(${JSON.stringify(directory)}), "1", Date.now());
    ${more}
    console.log("held");
    setInterval(() => {}, 1000);
  `;
  const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit" });
  children.push(child);
  await child.stdout.getReader().read();
  return { paths: dataPaths(directory), pid: child.pid };
}

test("a node is asked to stop, and this returns when it has ended", async () => {
  const { paths, pid } = await holding("");
  expect(await stopNode(paths, 20_000)).toEqual({ outcome: "stopped", pid });
  expect(await stopNode(paths, 20_000)).toEqual({ outcome: "not_running" });
});

test("one that does not listen is killed when its time is over", async () => {
  const { paths, pid } = await holding(`process.on("SIGTERM", () => {});`);
  expect(await stopNode(paths, 100)).toEqual({ outcome: "killed", pid });
});

test("a holder that cannot be seen from here is left alone", async () => {
  const { paths } = await holding("");
  const holder = readHolder(paths);
  const bystander = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
  children.push(bystander);
  writeFileSync(paths.holder, JSON.stringify({ ...holder, pid: bystander.pid }));
  await expect(stopNode(paths, 100)).rejects.toThrow("cannot be seen from here");
  expect(bystander.exitCode).toBeNull();
});
