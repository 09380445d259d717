import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleModule } from "../../tests/surface/sample-module.ts";
import { OperoneError } from "../kernel/error.ts";
import { completionScript, shells } from "./completion.ts";

const table = new Map(sampleModule.operations.map((operation) => [operation.id, operation]));
const line = {
  table,
  modules: [sampleModule],
  commands: [{ words: "up", summary: "It's", options: ["detach"] }],
};

test("every shell's script names the commands, the operations, their options and their values", () => {
  for (const shell of shells) {
    const script = completionScript(shell, line);
    for (const word of ["up", "sample", "echo", "level", "warn", "detach", "timeout"]) {
      assert.ok(script.includes(word), `${word} for ${shell}`);
    }
    assert.ok(!script.includes("'far'"), "an operation that the command line does not have");
  }
});

test("another shell is refused with the nearest known one", () => {
  assert.throws(
    () => completionScript("zhs", line),
    (error) => error instanceof OperoneError && error.message.includes("did you mean zsh?"),
  );
});
