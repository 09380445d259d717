/** Sessions through HTTP with its WebSocket, the command line and the mesh's frames. */
import { expect, test } from "bun:test";
import { OperoneError } from "../../src/kernel/error.ts";
import { memoryChannels } from "../../src/surface/mesh-channel.ts";
import { meshClient } from "../../src/surface/mesh-client.ts";
import { meshServer } from "../../src/surface/mesh-server.ts";
import { type Attempt, doorsOf } from "../surface/doors.ts";
import { sessionNode, theOwner, token } from "./session-node.ts";

const allBytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);

interface Item {
  readonly text?: string;
  readonly base64?: string;
  readonly exit?: { readonly code: number };
  readonly cursor: number;
}

function bytesOf(given: readonly unknown[]): Buffer {
  return Buffer.concat(
    (given as readonly Item[]).map(({ text, base64 }) =>
      Buffer.from(text ?? base64 ?? "", text === undefined ? "base64" : "utf8"),
    ),
  );
}

test("through every door a session starts, takes exact bytes, gives them back and is removed", async () => {
  await using node = await sessionNode();
  const { view } = node.node.kernel;
  const doors = doorsOf({ view, ...theOwner });
  let used = 0;
  for (const door of doors) {
    const call = async (name: string, input: unknown, more: Partial<Attempt> = {}) => {
      const attempt = { operation: `shell.${name}`, input, ...more };
      if (!door.fits(attempt, view.table.get(attempt.operation))) return undefined;
      const { code, given } = await door.call(attempt);
      expect([door.name, name, code]).toEqual([door.name, name, "ok"]);
      return given;
    };
    const started = await call("start", { argv: ["cat"], profile: "unconfined" });
    if (started === undefined) continue;
    used += 1;
    const { id: session } = started[0] as { readonly id: string };
    expect(await call("input", { session, end: true }, { bytes: allBytes })).toEqual([{ bytes: 70_000 }]);
    const output = (await call("output", { session, follow: true })) ?? [];
    expect([door.name, bytesOf(output).equals(allBytes)]).toEqual([door.name, true]);
    const rest = (await call("attach", { session, cursor: 60_000 }, { messages: [] })) ?? [];
    expect(bytesOf(rest).equals(Buffer.from(allBytes.subarray(60_000)))).toBe(true);
    expect(rest.at(-1)).toMatchObject({ exit: { code: 0 }, cursor: 70_000 });
    await call("remove", { session });
  }
  expect(used).toBe(3);
  expect(await node.value<unknown[]>("list")).toEqual([]);
});

test("through every door somebody who attaches types, resizes and sees the exit", async () => {
  await using node = await sessionNode();
  const { view } = node.node.kernel;
  let used = 0;
  for (const door of doorsOf({ view, ...theOwner })) {
    // It waits for the size, so that it does not matter which of the two comes first.
    const script =
      "stty -echo; echo up; read x; until [ \"$(stty size)\" = '33 111' ]; do :; done; echo got $x; exit 9";
    const { id: session } = await node.start(["sh", "-c", script], { terminal: true });
    await (await node.items("output", { session, waitMs: 5_000 })).next();
    const messages = [{ resize: { columns: 111, rows: 33 } }, { inputBase64: btoa("typed\n") }];
    const attempt = { operation: "shell.attach", input: { session, cursor: 0 }, messages };
    if (!door.fits(attempt, view.table.get(attempt.operation))) continue;
    used += 1;
    const { code, given } = await door.call(attempt);
    expect([door.name, code, bytesOf(given).toString()]).toEqual([door.name, "ok", "up\r\ngot typed\r\n"]);
    expect(given.at(-1)).toMatchObject({ exit: { code: 9 } });
  }
  expect(used).toBe(3);
});

test("a session that came over the mesh ends when the calling node loses its rights", async () => {
  await using node = await sessionNode();
  const { view } = node.node.kernel;
  const rights = new AbortController();
  const identity = { caller: { kind: "node", id: "peer", name: "owner@pi" }, sets: theOwner.sets } as const;
  const server = meshServer({
    view,
    identityOf: () => ({ ...identity, signal: rights.signal }),
    monotonicMs: () => performance.now(),
  });
  const openChannel = async () => {
    const [near, far] = memoryChannels();
    void server.serve(far);
    return near;
  };
  const client = meshClient({ openChannel, table: view.table });
  const answer = await client.call("shell.start", { argv: ["sleep", "600"], profile: "unconfined" });
  const { id: session } = (answer.gives === "value" ? answer.value : {}) as { readonly id: string };
  expect(await node.value("wait", { session, waitMs: 1 })).toMatchObject({ state: "running" });
  rights.abort(new OperoneError("forbidden", "The rights of the calling node changed"));
  expect(await node.value("wait", { session })).toMatchObject({ exit: { reason: "revoked" } });
});

test("through no door does another token reach a session", async () => {
  await using node = await sessionNode();
  const { view } = node.node.kernel;
  const { id: session } = await node.as(token("a")).start(["cat"]);
  const attempts: readonly Attempt[] = [
    { operation: "shell.output", input: { session } },
    { operation: "shell.attach", input: { session }, messages: [{ input: "x\n" }] },
    { operation: "shell.input", input: { session }, bytes: allBytes },
    { operation: "shell.signal", input: { session, signal: "SIGKILL" } },
    { operation: "shell.resize", input: { session, columns: 9, rows: 9 } },
    { operation: "shell.wait", input: { session } },
    { operation: "shell.remove", input: { session } },
  ];
  for (const door of doorsOf({ view, ...token("b") })) {
    for (const attempt of attempts) {
      if (!door.fits(attempt, view.table.get(attempt.operation))) continue;
      const { code, given } = await door.call(attempt);
      expect([door.name, attempt.operation, code, given]).toEqual([
        door.name,
        attempt.operation,
        "not_found",
        [],
      ]);
    }
  }
  expect(await node.value("wait", { session, waitMs: 1 })).toMatchObject({ state: "running", cursor: 0 });
});
