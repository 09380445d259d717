import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { all, code, names, put, text } from "../../tests/fs/backend-probe.ts";
import type { Entry } from "./backend.ts";
import { bringInByCopy, takeOutByCopy } from "./host-carry.ts";
import { MemoryBackend } from "./memory/memory-backend.ts";

const folder = mkdtempSync(join(tmpdir(), "operone-carry-"));
afterAll(() => rmSync(folder, { recursive: true }));
let items = 0;
const host = () => join(folder, `item${items++}`);

function memory(bytesMax = 1e6): MemoryBackend {
  return new MemoryBackend({ bytesMax, entriesMax: 100, nowMs: () => 1, random: (n) => new Uint8Array(n) });
}

async function filled(): Promise<MemoryBackend> {
  const backend = memory();
  await backend.makeDirectory(all, "/d");
  await put(backend, "/d/a", "1");
  await put(backend, "/d/b", "2");
  return backend;
}

test("what is carried out comes whole, and goes only then", async () => {
  const backend = await filled();
  const to = host();
  expect(await takeOutByCopy(backend, all, "/d", to)).toMatchObject({ path: "/d", kind: "directory" });
  expect(readFileSync(join(to, "b"), "utf8")).toBe("2");
  expect(await names(backend, "/")).toEqual([]);
  expect(await code(() => takeOutByCopy(backend, all, "/d", host()))).toBe("not_found");
});

test("what cannot be carried leaves all of the original, and nothing at the other place", async () => {
  const backend = await filled();
  const list = backend.list.bind(backend);
  backend.list = async function* (...args) {
    for await (const batch of list(...args)) yield [...batch, { ...linkAt("/d/link") }];
  };
  const to = host();
  expect(await code(() => takeOutByCopy(backend, all, "/d", to))).toBe("unsupported");
  expect(existsSync(to)).toBe(false);
  expect(await text(backend, "/d/b")).toBe("2");
});

function linkAt(path: string): Entry {
  return { path, kind: "link", sizeBytes: 0, modifiedMs: 1 };
}

test("a file that changes while it is carried stays", async () => {
  for (const [from, moment] of [
    [1, "while it is read"],
    [2, "after it was copied"],
  ] as const) {
    const backend = await filled();
    let opened = 0;
    const open = backend.open.bind(backend);
    backend.open = async (...args) => {
      opened += 1;
      if (opened === from) await put(backend, "/d/a", moment);
      return await open(...args);
    };
    expect([moment, await code(() => takeOutByCopy(backend, all, "/d", host()))]).toEqual([
      moment,
      "conflict",
    ]);
    expect(await text(backend, "/d/a")).toBe(moment);
  }
});

test("what cannot be brought in whole is not there in part, and stays where it was", async () => {
  const from = host();
  mkdirSync(from);
  writeFileSync(join(from, "a"), "1");
  writeFileSync(join(from, "z"), "x".repeat(9_000));
  const full = memory(6_000);
  expect(await code(() => bringInByCopy(full, all, from, "/d"))).toBe("unavailable");
  expect(await names(full, "/")).toEqual([]);
  rmSync(join(from, "z"));
  symlinkSync("a", join(from, "link"));
  const odd = memory();
  expect(await code(() => bringInByCopy(odd, all, from, "/d"))).toBe("unsupported");
  expect(await names(odd, "/")).toEqual([]);
  expect(readFileSync(join(from, "a"), "utf8")).toBe("1");
});
