import { expect, test } from "bun:test";
import { errorCodes } from "../../src/kernel/error.ts";
import { directDoor, doorsOf } from "./doors.ts";
import {
  assertEqualAnswers,
  proveCancelled,
  proveExamples,
  proveForbidden,
  proveInvalid,
  proveValid,
  type Subject,
} from "./parity.ts";
import { caller, owner, sampleKernel } from "./sample-node.ts";

const { view } = await sampleKernel();
const subject: Subject = { view, caller, owner, numRuns: 30, failing: new Set(["sample.crash"]) };
const operations = [...view.table.values()];
/** They never answer by themselves. */
const endless = new Set(["sample.slow", "sample.forever"]);

test("an operation of every shape gives the same through every door, for every valid input", async () => {
  for (const operation of operations.filter(({ id }) => !endless.has(id)))
    await proveValid(subject, operation);
}, 60_000);

test("every example runs, gives what it says, and gives it through every door", async () => {
  for (const operation of operations) await proveExamples(subject, operation);
});

test("a cancelled call ends at the node through every door", async () => {
  for (const operation of endless) await proveCancelled(subject, operation);
});

test("an invalid input is refused through every door", async () => {
  for (const operation of operations) await proveInvalid(subject, operation);
}, 60_000);

test("a missing permission is refused through every door", async () => {
  for (const operation of operations) await proveForbidden(subject, operation);
}, 60_000);

test("an unknown operation is not found through any door", async () => {
  for (const operation of [
    "sample.nothing",
    "nowhere.add",
    "sample.add.more",
    "Sample.add",
    "..",
    "%2e.x",
    "sample.",
  ]) {
    await assertEqualAnswers(subject, { operation, input: {} });
  }
});

test("a failure before, between and after items or bytes is the same through every door", async () => {
  for (const input of [
    { to: 5, failAt: 1 },
    { to: 5, failAt: 3 },
    { to: 5, failAt: 6 },
  ]) {
    await assertEqualAnswers(subject, { operation: "sample.count", input });
  }
  for (const input of [
    { sizeBytes: 90_000, failAt: 0 },
    { sizeBytes: 90_000, failAt: 60_000 },
  ]) {
    await assertEqualAnswers(subject, { operation: "sample.file", input });
  }
});

test("a value that is too big between nodes is too_large there and whole elsewhere", async () => {
  await assertEqualAnswers(subject, { operation: "sample.huge", input: { sizeBytes: 3_000_000 } });
});

test("the suite sees a door that differs", async () => {
  const [http] = doorsOf({ view, caller, sets: owner });
  const direct = directDoor({ view, caller, sets: owner }, "http");
  const attempt = { operation: "sample.add", input: { a: 1, b: 2 } };
  expect(await http?.call(attempt)).toEqual(await direct.call(attempt));
  expect(await http?.call({ ...attempt, input: { a: 1, b: 3 } })).not.toEqual(await direct.call(attempt));
  const lying: Subject = {
    ...subject,
    view: {
      ...view,
      call: async (call) =>
        call.surface === "mesh" ? { gives: "value", callId: "c", value: { sum: 9 } } : view.call(call),
    },
  };
  expect(assertEqualAnswers(lying, attempt)).rejects.toThrow("sample.add through mesh");
});

test("every code has its own exit code", () => {
  const exits = Object.values(errorCodes).map(({ exit }) => exit);
  expect(new Set(exits).size).toBe(exits.length);
});
