/** Sessions through HTTP with its WebSocket, the command line and the mesh's frames. */
import { expect, test } from "bun:test";
import { type ByteText, partsOfText } from "../../src/kernel/byte-text.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { memoryChannels } from "../../src/surface/mesh-channel.ts";
import { meshClient } from "../../src/surface/mesh-client.ts";
import { meshServer } from "../../src/surface/mesh-server.ts";
import { type Attempt, type Door, doorsOf } from "../surface/doors.ts";
import { sessionNode, theOwner, token } from "./session-node.ts";

const allBytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);

interface Item {
  readonly text?: string | ByteText;
  readonly base64?: string | ByteText;
  readonly exit?: { readonly code: number };
  readonly cursor: number;
}

function bytesOf(given: readonly unknown[]): Buffer {
  return Buffer.concat(
    (given as readonly Item[]).flatMap(({ text, base64 }) =>
      text === undefined ? partsOfText(base64 ?? "", "base64") : partsOfText(text, "utf8"),
    ),
  );
}

/** Characters of every length, which the borders of chunks cut, then what is no text, and at the end half a character. */
const mixed = Buffer.concat([
  Buffer.from("aé€😀".repeat(12_000)),
  allBytes.subarray(0, 3_000),
  Buffer.from("€😀".repeat(6_000)).subarray(0, -2),
]);

/** @returns the doors through which the output was read */
async function readThroughEveryDoor(bytes: Uint8Array): Promise<readonly string[]> {
  await using node = await sessionNode();
  const { view } = node.node.kernel;
  const doors = doorsOf({ view, ...theOwner });
  const used: string[] = [];
  for (const door of doors) {
    const call = async (name: string, input: unknown, more: Partial<Attempt> = {}) => {
      const attempt = { operation: `shell.${name}`, input, ...more };
      const fits = (one: Door) => one.fits(attempt, view.table.get(attempt.operation));
      if (name === "output" && fits(door)) used.push(door.name);
      // Some doors take only a part of the operations; the rest goes through another.
      const { code, given = [] } = (await (fits(door) ? door : doors.find(fits))?.call(attempt)) ?? {};
      expect([door.name, name, code]).toEqual([door.name, name, "ok"]);
      return given;
    };
    const [started] = await call("start", { argv: ["cat"], profile: "unconfined" });
    const { id: session } = started as { readonly id: string };
    expect(await call("input", { session, end: true }, { bytes })).toEqual([{ bytes: bytes.length }]);
    const items = (await call("output", { session, follow: true })) as readonly Item[];
    expect([door.name, bytesOf(items).equals(bytes)]).toEqual([door.name, true]);
    let at = 0;
    for (const item of items.slice(0, -1)) {
      at += bytesOf([item]).length;
      expect([door.name, item.cursor]).toEqual([door.name, at]);
    }
    // The second is in the middle of a character.
    for (const cursor of [items[0]?.cursor ?? 0, bytes.length - 3]) {
      const rest = await call("attach", { session, cursor }, { messages: [] });
      expect([door.name, bytesOf(rest).equals(bytes.subarray(cursor))]).toEqual([door.name, true]);
      expect(rest.at(-1)).toMatchObject({ exit: { code: 0 }, cursor: bytes.length });
    }
    await call("remove", { session });
  }
  expect(await node.value<unknown[]>("list")).toEqual([]);
  return used;
}

test.each([
  ["no text", allBytes],
  ["text and no text", mixed],
])("a session gives exact bytes from any cursor through every door: %s", async (_, bytes) => {
  const used = await readThroughEveryDoor(bytes);
  expect(used).toEqual(["http", "http get", "http ndjson", "http frames", "mesh", "command line"]);
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
