import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulatedClock } from "../kernel/simulated.ts";
import { dataBackups } from "../platform/backup.ts";
import type { CommandInput } from "./command.ts";
import { restore } from "./restore.ts";

const root = mkdtempSync(join(tmpdir(), "operone-restore-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function input(directory: string, file: string, json = false): CommandInput & { readonly said: string[] } {
  const said: string[] = [];
  const terminal = { out: (text: string) => void said.push(text), err: () => {}, ask: async () => undefined };
  const none = { flag: () => false, text: () => undefined, texts: () => [] };
  return { directory, json, positional: [file], terminal, ...none, said };
}

async function backupFile(): Promise<string> {
  const source = mkdtempSync(join(root, "source-"));
  writeFileSync(join(source, "owner.token"), "opo_x");
  const backup = dataBackups({ directory: source, version: "1.2.3", clock: simulatedClock(0) }).create();
  const file = join(root, backup.fileName);
  writeFileSync(file, Buffer.concat(await Array.fromAsync(backup.open())));
  return file;
}

test("a backup file becomes a data directory, and the person is told whose it is", async () => {
  const target = join(root, "target");
  const asked = input(target, await backupFile());
  expect(await restore(asked)).toBe(0);
  expect(asked.said.join("")).toContain(
    "1 file, 5 bytes, of 1970-01-01T00:00:00.000Z, made by operone 1.2.3",
  );
  expect(existsSync(join(target, "owner.token"))).toBe(true);
  const again = input(join(root, "target-2"), await backupFile(), true);
  await restore(again);
  expect(JSON.parse(again.said.join(""))).toMatchObject({ version: "1.2.3", files: 1 });
});

test("a file that is not there is named", async () => {
  await expect(restore(input(join(root, "t"), join(root, "absent.tar")))).rejects.toThrow(
    /no file ".*absent.tar"/,
  );
});
