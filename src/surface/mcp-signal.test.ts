import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { joined } from "./mcp-signal.ts";

describe("a signal of several", () => {
  test("is aborted with the reason of the first that is", () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const { signal } = joined([one.signal, two.signal]);
    assert.equal(signal.aborted, false);
    two.abort("two");
    one.abort("one");
    assert.equal(signal.reason, "two");
  });

  test("is aborted at once where one is already", () => {
    assert.equal(joined([new AbortController().signal, AbortSignal.abort("gone")]).signal.reason, "gone");
  });

  test("hears nothing more when it is given back", () => {
    const one = new AbortController();
    const { signal, release } = joined([one.signal]);
    release();
    one.abort();
    assert.equal(signal.aborted, false);
  });
});
