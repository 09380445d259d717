import { expect, test } from "bun:test";
import { backendSuite } from "../../../tests/fs/backend-suite.ts";
import type { Access } from "../backend.ts";
import { MemoryBackend } from "./memory-backend.ts";

const all: Access = { allows: () => true, check: () => {}, unlimited: true };

function memory(bytesMax: number, entriesMax = 10_000): MemoryBackend {
  return new MemoryBackend({
    bytesMax,
    entriesMax,
    nowMs: () => 1,
    random: (count) => new Uint8Array(count),
  });
}

async function* zeros(count: number, pieceBytes = 1_000): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < count; at += 1) yield new Uint8Array(pieceBytes);
}

backendSuite({ name: "memory", make: async () => memory(64 * 1024 * 1024) });

test("full memory takes nothing more, keeps what it has, and has room again when that goes", async () => {
  const backend = memory(10_000);
  await backend.write(all, "/a", zeros(5), { mode: "any" });
  const used = backend.usedBytes;
  const failure = await backend.write(all, "/b", zeros(1_000_000), { mode: "any" }).catch((error) => error);
  expect(failure).toMatchObject({ code: "unavailable" });
  const appended = await backend.append(all, "/a", zeros(9)).catch((error) => error);
  expect(appended).toMatchObject({ code: "unavailable" });
  expect(backend.usedBytes).toBe(used);
  await backend.remove(all, "/a");
  expect(backend.usedBytes).toBe(0);
  await backend.write(all, "/b", zeros(8), { mode: "any" });
});

test("names alone fill memory too", async () => {
  const backend = memory(10_000);
  const make = async () => {
    for (let at = 0; at < 100; at += 1) await backend.makeDirectory(all, `/d${at}`);
  };
  expect(await make().catch((error) => error)).toMatchObject({ code: "unavailable" });
  for await (const batch of backend.list(all, "/", new AbortController().signal))
    for (const { path } of batch) await backend.remove(all, path);
  expect(backend.usedBytes).toBe(0);
});

test("a file that is written anew again and again takes the room of one", async () => {
  const backend = memory(10_000);
  for (let at = 0; at < 50; at += 1) await backend.write(all, "/a", zeros(4), { mode: "any" });
  await backend.write(all, "/b", zeros(1), { mode: "any" });
  await backend.move(all, "/b", "/a", { replace: true });
  await backend.remove(all, "/a");
  expect(backend.usedBytes).toBe(0);
});

test("there are never more entries than were allowed, and a removed one makes room", async () => {
  const backend = memory(1_000_000, 2);
  await backend.makeDirectory(all, "/d");
  await backend.write(all, "/d/a", zeros(1), { mode: "any" });
  const failure = await backend.write(all, "/d/b", zeros(1), { mode: "any" }).catch((error) => error);
  expect(failure).toMatchObject({ code: "unavailable" });
  await backend.remove(all, "/d/a");
  expect(backend.entries).toBe(1);
  await backend.write(all, "/d/b", zeros(1), { mode: "any" });
});
