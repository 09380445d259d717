import { expect, test } from "bun:test";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { closePipe, enlargePipe, openPipe } from "./pipes.ts";

test("a pipe that has more room takes 200 KiB at once, and what is no pipe is left alone", () => {
  const pipe = openPipe() ?? expect.unreachable("no pipe");
  // Opened anew, because this end must not wait when the pipe is full.
  const end = openSync(`/proc/self/fd/${pipe.write}`, constants.O_WRONLY | constants.O_NONBLOCK);
  const large = new Uint8Array(200 * 1024);
  const first = writeSync(end, large);
  expect(first).toBeLessThan(large.length);
  enlargePipe(pipe.write);
  expect(first + writeSync(end, large)).toBeGreaterThanOrEqual(large.length);
  closeSync(end);
  closePipe(pipe);
  const file = openSync(import.meta.path, "r");
  enlargePipe(file);
  closeSync(file);
});
