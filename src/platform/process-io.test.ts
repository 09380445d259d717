import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileStream, processIo, roomyWriter } from "./process-io.ts";

const folder = mkdtempSync(join(tmpdir(), "process-io-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const io = processIo(new AbortController().signal);

async function* chunks(count: number, failure?: Error) {
  for (let at = 0; at < count; at++) yield new Uint8Array(64 * 1024).fill(at);
  if (failure !== undefined) throw failure;
}

test("a terminal that was never told its size is not taken for one without columns", () => {
  const { stdout } = process;
  const before = Object.getOwnPropertyDescriptor(stdout, "columns");
  Object.defineProperty(stdout, "columns", { value: 0, configurable: true });
  try {
    expect(processIo(new AbortController().signal).columns).toBeGreaterThan(0);
  } finally {
    if (before === undefined) Reflect.deleteProperty(stdout, "columns");
    else Object.defineProperty(stdout, "columns", before);
  }
});

test("a file is written whole and read back in chunks", async () => {
  const path = join(folder, "whole");
  await io.writeFile(path, chunks(40));
  expect(readFileSync(path).length).toBe(40 * 64 * 1024);
  let sizeBytes = 0;
  for await (const chunk of io.readFile(path)) sizeBytes += chunk.length;
  expect(sizeBytes).toBe(40 * 64 * 1024);
});

test("what breaks in the middle leaves the old file and no half one", async () => {
  const path = join(folder, "old");
  writeFileSync(path, "old");
  await expect(io.writeFile(path, chunks(3, new Error("cut off")))).rejects.toThrow("cut off");
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("a write ends when it was taken, and a missing file is named", async () => {
  await io.stderr.write("");
  expect(() => fileStream(join(folder, "absent"))).toThrow('There is no file "');
  expect(await new Response(fileStream(join(folder, "old"))).text()).toBe("old");
});

test("the first large write asks for a roomy pipe, and no other", async () => {
  const seen: string[] = [];
  const to = { write: async (data: string | Uint8Array) => void seen.push(String(data.length)) };
  const writer = roomyWriter(to, () => seen.push("enlarged"));
  for (const length of [10, 40_000, 50_000]) await writer.write(new Uint8Array(length));
  expect(seen).toEqual(["10", "enlarged", "40000", "50000"]);
});
