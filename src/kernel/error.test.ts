import assert from "node:assert/strict";
import { test } from "node:test";
import { errorBody, errorCodes, errorFromBody, isErrorCode, OperoneError } from "./error.ts";

test("each code has its own exit code, and none is success", () => {
  const exits = Object.values(errorCodes).map((entry) => entry.exit);
  assert.equal(new Set(exits).size, exits.length);
  assert.ok(exits.every((exit) => exit > 0 && exit < 256));
});

test("an expected error crosses a wire whole", () => {
  const error = new OperoneError("too_large", "17 bytes; 16 are allowed", { limitBytes: 16 });
  const received = errorFromBody(JSON.parse(JSON.stringify(errorBody(error))));
  assert.deepEqual(
    [received.code, received.message, received.details],
    [error.code, error.message, error.details],
  );
});

test("an unexpected error leaves nothing but its call id", () => {
  const body = errorBody(new Error("ENOENT /home/me/.secret"), "c1");
  assert.equal(body.code, "internal");
  assert.match(body.message, /call c1/);
  assert.doesNotMatch(JSON.stringify(body), /secret|ENOENT/);
});

test("a body of unknown form becomes an internal error, never a throw", () => {
  for (const body of [null, 5, "x", [], {}, { code: "made_up", message: 1 }, { code: "constructor" }]) {
    assert.equal(errorFromBody(body).code, "internal");
  }
  assert.equal(isErrorCode("toString"), false);
});
