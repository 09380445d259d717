import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { channelWrite, muteConsole } from "./child-channel.ts";

const folder = mkdtempSync(join(tmpdir(), "operone-channel-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("what is written to the channel is there to the last byte, and a channel that is shut is an error", async () => {
  const path = join(folder, "out");
  const file = openSync(path, "w");
  await channelWrite(Buffer.alloc(1_000_000, 7), file);
  await channelWrite(Buffer.from("end"), file);
  closeSync(file);
  expect(readFileSync(path).length).toBe(1_000_003);
  await expect(channelWrite(Buffer.from("x"), openSync(path, "r"))).rejects.toThrow("EBADF");
});

test("what a library says does not come between the frames", () => {
  const said: unknown[] = [];
  const log = (...words: unknown[]) => void said.push(words);
  const target = { log, info: log, debug: log, warn: log, error: log };
  muteConsole(target);
  target.log("");
  target.warn("");
  expect(said).toEqual([]);
});
