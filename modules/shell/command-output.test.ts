import { expect, test } from "bun:test";
import fc from "fast-check";
import { partsOfText } from "../../src/kernel/byte-text.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { ItemWriter, MergedOutput } from "./command-output.ts";
import type { CommandItem } from "./shapes.ts";

function bytesOf(item: CommandItem): Uint8Array {
  if ("text" in item) return Buffer.concat(partsOfText(item.text, "utf8"));
  return "base64" in item ? Buffer.concat(partsOfText(item.base64, "base64")) : new Uint8Array();
}

function written(chunks: readonly Uint8Array[]): CommandItem[] {
  const writer = new ItemWriter("stdout");
  return [...chunks.flatMap((chunk) => [...writer.items(chunk)]), ...writer.end()];
}

/** Cuts bytes at these places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [
    0,
    ...places.map((place) => Math.min(place, bytes.length)).toSorted((a, b) => a - b),
    bytes.length,
  ];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

const places = fc.array(fc.nat(200), { maxLength: 20 });

test("law: whatever the bytes and wherever they are cut, the items give them back exactly", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), places, (bytes, at) => {
      const back = Buffer.concat(written(cut(bytes, at)).map(bytesOf));
      expect(back.equals(Buffer.from(bytes))).toBe(true);
    }),
  );
});

test("law: text stays text, wherever it is cut", () => {
  const text = fc.string({ maxLength: 60, unit: "binary" }).filter((one) => one.isWellFormed());
  fc.assert(
    fc.property(text, places, (one, at) => {
      const items = written(cut(Buffer.from(one), at));
      expect(items.every((item) => "text" in item)).toBe(true);
      expect(items.map((item) => ("text" in item ? String(item.text) : "")).join("")).toBe(one);
    }),
  );
});

test("a mark at the beginning of a text, and an end within a character, are kept", () => {
  expect(written([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)])).toEqual([{ stream: "stdout", text: "\u{feff}a" }]);
  expect(written([Uint8Array.of(0x61, 0xe2, 0x82)])).toEqual([
    { stream: "stdout", text: "a" },
    { stream: "stdout", base64: "4oI=" },
  ]);
});

test("a large chunk becomes items of at most 128 KiB, cut between characters", () => {
  const bytes = Buffer.from("€".repeat(100_000));
  const items = written([bytes]);
  expect(items.every((item) => "text" in item && bytesOf(item).length <= 131_072)).toBe(true);
  expect(Buffer.concat(items.map(bytesOf)).equals(bytes)).toBe(true);
});

/** A pipe that the test fills. */
function pipe() {
  const waiting: ((result: IteratorResult<Uint8Array, undefined>) => void)[] = [];
  const state = { reads: 0, returned: false };
  return {
    state,
    give: (text: string) => waiting.shift()?.({ done: false, value: Buffer.from(text) }),
    end: () => waiting.shift()?.({ done: true, value: undefined }),
    source: {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          state.reads += 1;
          return new Promise<IteratorResult<Uint8Array, undefined>>((resolve) => waiting.push(resolve));
        },
        return: async () => {
          state.returned = true;
          for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined });
          return { done: true as const, value: undefined };
        },
      }),
    },
  };
}

const text = (chunk: { readonly bytes: Uint8Array } | undefined) =>
  chunk && Buffer.from(chunk.bytes).toString();

test("one chunk of each stream is read ahead and no more, and they come in the order of arrival", async () => {
  const clock = simulatedClock();
  const [stdout, stderr] = [pipe(), pipe()];
  const output = new MergedOutput({ stdout: stdout.source, stderr: stderr.source });
  stderr.give("e1");
  await clock.advance(0);
  stdout.give("o1");
  await clock.advance(0);
  expect([stdout.state.reads, stderr.state.reads]).toEqual([1, 1]);
  expect([text(await output.next()), text(await output.next())]).toEqual(["e1", "o1"]);
  await clock.advance(0);
  expect([stdout.state.reads, stderr.state.reads]).toEqual([2, 2]);
  stdout.end();
  stderr.end();
  expect(await output.next()).toBeUndefined();
});

test("closing ends a waiting read, drops what was read ahead, and closes both pipes", async () => {
  const clock = simulatedClock();
  const [stdout, stderr] = [pipe(), pipe()];
  const output = new MergedOutput({ stdout: stdout.source, stderr: stderr.source });
  const next = output.next();
  output.close();
  expect(await next).toBeUndefined();
  await clock.advance(0);
  expect([stdout.state.returned, stderr.state.returned]).toEqual([true, true]);
});

test("what nobody reads is thrown away up to a limit, and then the pipes are closed", async () => {
  const clock = simulatedClock();
  const [stdout, stderr] = [pipe(), pipe()];
  const output = new MergedOutput({ stdout: stdout.source, stderr: stderr.source });
  stdout.give("unread");
  await clock.advance(0);
  const [read, waiting] = [output.next(), output.next()];
  expect(text(await read)).toBe("unread");
  output.discard(10);
  expect(await waiting).toBeUndefined();
  await clock.advance(0);
  stdout.give("12345");
  await clock.advance(0);
  stderr.give("67890");
  await clock.advance(0);
  expect([stdout.state.returned, await output.next()]).toEqual([false, undefined]);
  stderr.give("1");
  await clock.advance(0);
  expect([stdout.state.returned, stderr.state.returned]).toEqual([true, true]);
});

test("when idle it closes only after the whole time with nothing, counted anew by each arrival", async () => {
  const clock = simulatedClock();
  const [stdout, stderr] = [pipe(), pipe()];
  const output = new MergedOutput({ stdout: stdout.source, stderr: stderr.source });
  output.closeWhenIdle(clock, 200);
  const first = output.next();
  await clock.advance(150);
  stdout.give("late");
  expect(text(await first)).toBe("late");
  // Nobody waits now, however long it takes the reader.
  await clock.advance(1_000);
  expect(stdout.state.returned).toBe(false);
  const second = output.next();
  await clock.advance(199);
  expect(stdout.state.returned).toBe(false);
  await clock.advance(1);
  expect(await second).toBeUndefined();
  expect(stdout.state.returned).toBe(true);
  expect(clock.timers).toBe(0);
});

test("a pipe that fails is told after what had come before", async () => {
  const failing = (async function* () {
    yield Buffer.from("x");
    throw new Error("EIO");
  })();
  const empty = (async function* (): AsyncGenerator<Uint8Array> {})();
  const output = new MergedOutput({ stdout: failing, stderr: empty });
  expect(text(await output.next())).toBe("x");
  await expect(output.next()).rejects.toThrow("EIO");
});
