import { expect, test } from "bun:test";
import { childFrame, encodedFrame, FrameReader } from "../kernel/child-frames.ts";
import { answer } from "./child.ts";

/** What a child says that gets these pieces, read as the node reads it. */
async function answered(noun: string, ...pieces: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  const reader = new FrameReader();
  const said: unknown[] = [];
  const input = (async function* () {
    for (const piece of pieces) yield Buffer.from(piece);
  })();
  await answer(noun, input, async (frame) => {
    for (const value of reader.push(encodedFrame(frame))) said.push(childFrame(value));
  });
  return said;
}

test("a part gets its request and the bytes behind it, wherever they are cut", async () => {
  const whole = Buffer.concat([encodedFrame({ name: "a.txt" }), Buffer.from("one\n\ntwo\n")]);
  for (const cut of [1, 4, 9, whole.length - 3, whole.length]) {
    const said = await answered("fs/parse", whole.subarray(0, cut), whole.subarray(cut));
    expect(said).toMatchObject([
      { message: { document: { kind: "text" } } },
      { message: { block: { text: "one" } } },
      { message: { block: { text: "two" } } },
      { message: { summary: { lines: 3 } } },
      { end: true },
    ]);
  }
});

test("what a part cannot do is told as an error, and the words of a library are not", async () => {
  const request = encodedFrame({ name: "a.json" });
  expect(await answered("fs/parse", request, "[1")).toMatchObject([
    { message: { document: { kind: "json" } } },
    { message: { block: { value: 1 } } },
    { error: { code: "unsupported_media", message: expect.stringContaining("at line 1") } },
  ]);
  expect(await answered("fs/parse", encodedFrame({ nonsense: "secret" }))).toEqual([
    { error: { code: "unsupported_media", message: "It could not be read (ValiError)" } },
  ]);
});

test("there is no part of another name, and none without a request", async () => {
  for (const noun of ["fs/none", "constructor", ""])
    expect(await answered(noun)).toMatchObject([{ error: { code: "not_found" } }]);
  expect(await answered("fs/parse", "\0")).toMatchObject([{ error: { code: "invalid_input" } }]);
});
