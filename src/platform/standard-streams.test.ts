import { expect, test } from "bun:test";
import { Writable } from "node:stream";
import { standardStreams } from "./standard-streams.ts";

/** Takes a chunk only when it is told to. */
function slowOutput() {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  const output = new Writable({
    highWaterMark: 4,
    write(chunk, _encoding, done) {
      taken.push(String(chunk));
      waiting.push(done);
    },
  });
  const go = () => {
    for (const done of waiting.splice(0)) done();
  };
  return { output, taken, go };
}

test("bytes come as they are, until the end", async () => {
  const bytes = [new Uint8Array([0xff, 0x0a]), new Uint8Array([0x00])];
  const { input } = standardStreams(() => new Blob(bytes).stream(), new Writable());
  expect(Buffer.concat(await Array.fromAsync(input))).toEqual(Buffer.concat(bytes));
});

test("nothing more is read when it has ended, although more may come", async () => {
  const { input, end } = standardStreams(() => new ReadableStream<Uint8Array>(), new Writable());
  const read = Array.fromAsync(input);
  end();
  expect(await read).toEqual([]);
});

test("what is written is told to wait, and flushed when it was taken", async () => {
  const { output, taken, go } = slowOutput();
  const { write, unwrittenBytes, flushed } = standardStreams(() => new ReadableStream(), output);
  expect(write("longer than that\n")).toBe(false);
  expect(unwrittenBytes()).toBe(17);
  const done = flushed();
  go();
  await done;
  expect([taken, unwrittenBytes()]).toEqual([["longer than that\n"], 0]);
  await flushed();
});

test("a reader that is gone is no error of its own", () => {
  const output = new Writable();
  standardStreams(() => new ReadableStream(), output);
  expect(() => output.emit("error", new Error("EPIPE"))).not.toThrow();
});
