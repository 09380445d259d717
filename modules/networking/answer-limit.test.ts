import { expect, test } from "bun:test";
import * as v from "valibot";
import { type Answer, type Call, waitingForPerson } from "../../src/kernel/call.ts";
import { type Effect, operationsOf } from "../../src/kernel/operation.ts";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { boundedAnswer } from "./answer-limit.ts";

const op = operationsOf<unknown>("t");
const operation = (effect: Effect, deadlineMs = 10_000) =>
  op({
    name: "one",
    summary: "x",
    effect,
    needs: [],
    deadlineMs,
    input: v.strictObject({}),
    output: v.number(),
    run: () => 1,
  });
const call: Call & { readonly callId: string } = {
  surface: "http",
  operation: "t.one",
  input: {},
  callId: "c",
  caller: { kind: "owner", id: "owner", name: "owner" },
  sets: [],
  signal: new AbortController().signal,
};
const never = () => new Promise<Answer>(() => {});

function sent(effect: Effect, deadlineMs?: number, signal = call.signal) {
  const clock = simulatedClock();
  const told: { say: (note: string) => void; signal: AbortSignal | undefined } = {
    say: () => {},
    signal: undefined,
  };
  const state: { outcome: unknown } = { outcome: "waits" };
  const one = { call: { ...call, signal }, operation: operation(effect, deadlineMs), name: "pi" };
  void boundedAnswer(clock, one, (limited) => {
    told.say = (note) => limited.onProgress({ done: 0, note });
    told.signal = limited.signal;
    return never();
  }).catch((error) => {
    state.outcome = error;
  });
  return { clock, told, state };
}

test("a node that takes a call and never answers ends it after the operation's deadline and a little", async () => {
  const { clock, told, state } = sent("read");
  await clock.advance(39_000);
  expect(state.outcome).toBe("waits");
  await clock.advance(2_000);
  expect(state.outcome).toMatchObject({ code: "deadline", message: expect.stringContaining("pi") });
  expect(told.signal?.aborted).toBe(true);
});

test("of what writes nobody knows then whether it ran", async () => {
  const { clock, state } = sent("write");
  await clock.advance(41_000);
  expect(state.outcome).toMatchObject({ code: "outcome_unknown" });
});

test("while a person is asked over there it waits on, yet not for ever", async () => {
  const { clock, told, state } = sent("write");
  told.say(waitingForPerson);
  await clock.advance(23 * 3_600_000);
  told.say(waitingForPerson);
  expect(state.outcome).toBe("waits");
  await clock.advance(2 * 3_600_000);
  expect(state.outcome).toMatchObject({ code: "outcome_unknown" });
});

test("an operation without a deadline has none, and its caller still ends it", async () => {
  const caller = new AbortController();
  const { clock, told, state } = sent("write", 0, caller.signal);
  await clock.advance(24 * 3_600_000);
  expect(state.outcome).toBe("waits");
  caller.abort(new Error("gone"));
  await clock.advance(0);
  expect([state.outcome, told.signal?.aborted]).toEqual([new Error("gone"), true]);
});

test("an answer in time leaves no timer and no listener behind", async () => {
  const clock = simulatedClock();
  const answer = await boundedAnswer(clock, { call, operation: operation("read"), name: "pi" }, async () => ({
    gives: "value",
    callId: "c",
    value: 1,
  }));
  expect(answer).toMatchObject({ value: 1 });
  expect(clock.timers).toBe(0);
});
