/** How many tasks there may be, how long they are kept, and who finds them. */
import { describe, expect, test } from "bun:test";
import { simulatedClock } from "../../src/kernel/simulated.ts";
import { TaskBook } from "../../src/surface/mcp-task-book.ts";

function book(limits = {}) {
  const clock = simulatedClock();
  let id = 0;
  const made = new TaskBook({
    ...{ timer: clock, nowMs: clock.nowMs, limits: { keepMs: 1_000, ...limits } },
    newId: () => `t${++id}`,
  });
  return { clock, book: made };
}

const never = new AbortController().signal;

describe("a book of tasks", () => {
  test("takes no more of one agent than its limit, and no more in all", () => {
    const { book: tasks } = book({ tasksPerAgentMax: 2, tasksMax: 3 });
    const add = (owner: string) => tasks.add(owner, new AbortController(), never)?.id;
    expect([add("a"), add("a"), add("a"), add("b"), add("b")]).toEqual([
      "t1",
      "t2",
      undefined,
      "t3",
      undefined,
    ]);
  });

  test("keeps what has ended for its time, from the end on, and then makes room", async () => {
    const { book: tasks, clock } = book({ tasksPerAgentMax: 1 });
    const task = tasks.add("a", new AbortController(), never);
    await clock.advance(5_000);
    expect(tasks.find("a", "t1")?.head()).toMatchObject({ status: "working", ttlMs: 6_000 });
    task?.end({ status: "completed", result: { content: [] } });
    await clock.advance(999);
    expect(tasks.find("a", "t1")?.detail()).toMatchObject({ ttlMs: 6_000, result: { content: [] } });
    expect(tasks.add("a", new AbortController(), never)).toBeUndefined();
    await clock.advance(1);
    expect(tasks.find("a", "t1")).toBeUndefined();
    expect(tasks.add("a", new AbortController(), never)?.id).toBe("t2");
  });

  test("lets nobody find what is another's", () => {
    const { book: tasks } = book();
    tasks.add("a", new AbortController(), never);
    expect([tasks.find("b", "t1"), tasks.find("a", "t1")?.id]).toEqual([undefined, "t1"]);
  });

  test("stops the work of a task that is cancelled, and of every one when it closes", () => {
    const { book: tasks } = book();
    const stops = [new AbortController(), new AbortController()];
    const [first] = stops.map((stop) => tasks.add("a", stop, never));
    first?.cancel();
    expect(stops.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    first?.end({ status: "completed", result: {} });
    expect(first?.detail()).toMatchObject({ status: "cancelled" });
    tasks.close();
    expect(stops.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });

  test("gives the result of an ended credential to nobody who has its name afterwards", () => {
    const { book: tasks } = book();
    const revoked = new AbortController();
    tasks.add("a", new AbortController(), revoked.signal)?.end({ status: "completed", result: {} });
    expect(tasks.find("a", "t1")).toBeDefined();
    revoked.abort();
    expect(tasks.find("a", "t1")).toBeUndefined();
  });

  test("forgets a task whose credential has ended, also when that was before", () => {
    const { book: tasks } = book();
    const [revoked, stop] = [new AbortController(), new AbortController()];
    tasks.add("a", stop, revoked.signal);
    revoked.abort();
    expect([stop.signal.aborted, tasks.find("a", "t1")]).toEqual([true, undefined]);
    tasks.add("a", new AbortController(), revoked.signal);
    expect(tasks.find("a", "t2")).toBeUndefined();
  });
});
