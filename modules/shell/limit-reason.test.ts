import { expect, test } from "bun:test";
import { limitReason } from "./limit-reason.ts";

test("a limit is named where the end tells of it, and none where it might have been another", () => {
  expect(limitReason({ code: null, signal: "SIGXCPU" }, false)).toBe("cpu_limit");
  expect(limitReason({ code: null, signal: "SIGXFSZ" }, false)).toBe("file_size_limit");
  expect(limitReason({ code: null, signal: "SIGKILL" }, true)).toBe("memory_limit");
  for (const exit of [
    { code: 0, signal: null },
    { code: 152, signal: null },
    { code: null, signal: "SIGKILL" },
  ] as const) {
    expect(limitReason(exit, false)).toBeUndefined();
  }
});
