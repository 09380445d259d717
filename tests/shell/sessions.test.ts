/** Sessions from their start to their end, on a node with real processes. */
import { expect, test } from "bun:test";
import { alive, until } from "./processes.ts";
import { heard, sessionNode, token } from "./session-node.ts";

test("a session outlives its call, takes input, and tells its output and exit to whoever comes later", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["sh", "-c", "echo out; echo err >&2; read x; echo got $x; exit 3"]);
  expect(await node.value<unknown>("input", { session: id, text: "yes\n" })).toEqual({ bytes: 4 });
  const live = await node.read(id);
  expect(live).toMatchObject({
    stdout: "out\ngot yes\n",
    stderr: "err\n",
    exit: { code: 3, reason: "exited" },
  });
  const later = await node.read(id, { cursor: 4 });
  expect(later.stdout + later.stderr).toHaveLength(live.cursor - 4);
  expect(await node.value("wait", { session: id })).toMatchObject({ state: "ended", exit: { code: 3 } });
});

test("bytes and the end of input reach it", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["wc", "-c"]);
  const bytes = (async function* () {
    yield Uint8Array.of(0, 255, 10);
    yield new Uint8Array(70_000);
  })();
  expect(await node.value<unknown>("input", { session: id, end: true }, { bytes })).toEqual({
    bytes: 70_003,
  });
  expect((await node.read(id)).stdout.trim()).toBe("70003");
  await expect(node.value("input", { session: id, text: "x" })).rejects.toMatchObject({ code: "conflict" });
});

test("without following it says that there is no more now, and waits for more when asked to", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["sh", "-c", "read x; echo $x; sleep 60"]);
  const none = await heard(await node.items("output", { session: id }));
  expect(none.items).toEqual([{ state: "running", cursor: 0 }]);
  const waiting = node.items("output", { session: id, waitMs: 60_000 }).then((items) => heard(items));
  await node.value("input", { session: id, text: "hello\n" });
  expect(await waiting).toMatchObject({ stdout: "hello\n", exit: undefined, cursor: 6 });
  expect((await heard(await node.items("output", { session: id, waitMs: 1, cursor: 6 }))).cursor).toBe(6);
});

test("a reader that leaves, and one that attaches and detaches, leave it running", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["sh", "-c", "while read x; do echo got $x; done"]);
  for (const word of ["one", "two"]) {
    const messages = (async function* () {
      yield { input: `${word}\n` };
    })();
    const attached = await node.items("attach", { session: id, tail: 0 }, { messages });
    expect((await heard(attached, (text) => text.includes("\n"))).stdout).toBe(`got ${word}\n`);
    await attached.return?.();
  }
  expect(await node.value("wait", { session: id, waitMs: 1 })).toMatchObject({
    state: "running",
    cursor: 16,
  });
  expect(await node.value<unknown>("signal", { session: id })).toEqual({ delivered: true });
  expect(await node.read(id, { cursor: 16 })).toMatchObject({
    exit: { signal: "SIGTERM", reason: "exited" },
  });
  expect(await node.value<unknown>("signal", { session: id })).toEqual({ delivered: false });
});

test("a wrong message ends the attachment and not the session", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["cat"]);
  const messages = (async function* () {
    yield { nonsense: 1 };
  })();
  const attached = node.items("attach", { session: id }, { messages }).then((items) => heard(items));
  await expect(attached).rejects.toMatchObject({ code: "invalid_input" });
  expect(await node.value("wait", { session: id, waitMs: 1 })).toMatchObject({ state: "running" });
});

test("removing ends every process and leaves nothing to find", async () => {
  await using node = await sessionNode();
  const { id } = await node.start(["sh", "-c", "sleep 60 & echo $! $$; wait"]);
  const { stdout } = await heard(await node.items("output", { session: id, follow: true }), (text) =>
    text.includes("\n"),
  );
  const pids = stdout.trim().split(" ").map(Number);
  expect(await node.value("remove", { session: id })).toMatchObject({ id, exit: { reason: "removed" } });
  expect(pids.filter(alive)).toEqual([]);
  await expect(node.value("wait", { session: id })).rejects.toMatchObject({ code: "not_found" });
  expect(await node.value<unknown[]>("list")).toEqual([]);
});

test("a name finds the running one, is taken while it runs, and is free afterwards", async () => {
  await using node = await sessionNode();
  const first = await node.start(["sleep", "60"], { name: "build" });
  await expect(node.start(["true"], { name: "build" })).rejects.toMatchObject({ code: "conflict" });
  await node.as(token("b")).start(["true"], { name: "build" });
  await node.value("signal", { session: "build", signal: "SIGKILL" });
  await node.value("wait", { session: "build" });
  const both = await Promise.allSettled(
    ["1", "2"].map((word) => node.start(["echo", word], { name: "twice" })),
  );
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const second = await node.start(["sleep", "60"], { name: "build" });
  expect(await node.value("wait", { session: "build", waitMs: 1 })).toMatchObject({ id: second.id });
  expect((await node.value<{ id: string }[]>("list")).map(({ id }) => id)).toContain(first.id);
  expect(await node.value<unknown[]>("list", { running: true })).not.toHaveLength(0);
});

test("its time ends it, and what it says while it ends is kept", async () => {
  await using node = await sessionNode();
  const script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
  const { id } = await node.start(["sh", "-c", script], { timeoutMs: 300 });
  expect(await node.read(id)).toMatchObject({ stdout: "up\nbye\n", exit: { code: 0, reason: "timeout" } });
});

test("sessions and their output are there after a restart, which ends what ran", async () => {
  let node = await sessionNode();
  const done = await node.start(["sh", "-c", "echo kept; exit 5"], { name: "done" });
  await node.value("wait", { session: done.id });
  const running = await node.start([
    "sh",
    "-c",
    "trap 'echo bye; exit 0' TERM; echo $$; while :; do sleep 0.05; done",
  ]);
  const { stdout } = await heard(await node.items("output", { session: running.id, follow: true }), (text) =>
    text.includes("\n"),
  );
  node = await node.restarted();
  try {
    expect(alive(Number(stdout))).toBe(false);
    expect(await node.read("done")).toMatchObject({ stdout: "kept\n", exit: { code: 5, reason: "exited" } });
    expect(await node.read(running.id)).toMatchObject({
      stdout: `${stdout}bye\n`,
      exit: { code: 0, reason: "stopped" },
    });
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

test("an ended session is kept for its time and no longer", async () => {
  await using node = await sessionNode({ sessionKeepMs: 50 });
  const { id } = await node.start(["true"]);
  await until(() => node.node.kernel.view.callsInFlight() === 0);
  for (let left = 1; left > 0; ) {
    await Bun.sleep(10);
    left = (await node.value<unknown[]>("list")).length;
  }
  await expect(node.value("wait", { session: id })).rejects.toMatchObject({ code: "not_found" });
});

test("beyond the number that is kept, whoever ended first goes", async () => {
  await using node = await sessionNode({ sessionsKeptMax: 2 });
  const ids: string[] = [];
  for (const word of ["a", "b", "c"]) {
    const { id } = await node.start(["echo", word]);
    await node.value("wait", { session: id });
    ids.push(id);
  }
  expect((await node.value<{ id: string }[]>("list")).map(({ id }) => id)).toEqual(ids.slice(1));
});
