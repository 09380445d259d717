import { expect, test } from "bun:test";
import type { DryRun } from "./dry-run-shapes.ts";
import { changeText, dryRunText } from "./dry-run-text.ts";

test("a change is a line with what is to be known of it, and its hunks below", () => {
  expect(changeText({ status: "added", kind: "directory", path: "d", mode: "755" })).toBe("A d/\n");
  expect(
    changeText({ status: "changed", kind: "file", path: "f", mode: "600", modeBefore: "644", diff: "+x\n" }),
  ).toBe("M f (mode 644 -> 600)\n+x\n");
  expect(
    changeText({
      status: "changed",
      kind: "file",
      path: "b",
      sizeBytes: 2,
      sizeBytesBefore: 3,
      sha256: "0123456789abcdef",
    }),
  ).toBe("M b (3 -> 2 bytes; sha256 0123456789ab)\n");
  expect(changeText({ status: "renamed", kind: "file", path: "n", from: "o", sizeBytes: 1 })).toBe(
    "R o -> n (1 bytes)\n",
  );
  expect(changeText({ status: "added", kind: "symlink", path: "l", target: "/t" })).toBe(
    "A l (link to /t)\n",
  );
  expect(changeText({ status: "left_out", kind: "other", path: "p", note: "it is a pipe" })).toBe(
    "! p (it is a pipe)\n",
  );
  expect(changeText({ status: "removed", kind: "directory", path: "d", modeBefore: "755" })).toBe("D d/\n");
});

test("nothing that a command wrote moves the cursor", () => {
  const hostile = "\u001b[2J\u202e";
  const text = changeText({
    status: "changed",
    kind: "symlink",
    path: `p${hostile}\n`,
    from: hostile,
    target: hostile,
    note: hostile,
    diff: `+${hostile}\tx\n`,
  });
  expect([...hostile].filter((sign) => text.includes(sign))).toEqual(["[", "2", "J"]);
  expect(text.split("\n")).toHaveLength(3);
  expect(text).toContain("\tx");
});

test("the last line says how to go on, or why it cannot be applied", () => {
  const run: DryRun = {
    id: "00112233aabbccdd",
    workspace: "/w",
    argv: ["true"],
    madeAtMs: 0,
    expiresAtMs: 3_600_000,
    changes: 1,
    shown: 1,
    sizeBytes: 1,
  };
  expect(dryRunText(run)).toBe(
    "1 change; until 1970-01-01T01:00:00Z: operone apply 00112233aabbccdd, or operone discard 00112233aabbccdd\n",
  );
  expect(dryRunText({ ...run, id: null, changes: 0, shown: 0 })).toBe("no changes\n");
  expect(dryRunText({ ...run, id: null })).toBe("1 change, none to apply\n");
  expect(dryRunText({ ...run, changes: 3, refusal: "too many" })).toBe(
    "3 changes, 1 shown; it cannot be applied: too many\n",
  );
});
