/** What holds of every backend that can be written: one suite, run by a test file for each. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Access, Backend } from "../../modules/fs/backend.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import { backendLaws } from "./backend-laws.ts";
import { all, type BackendCase, code, names, only, pieces, put, signal, text } from "./backend-probe.ts";
import { readingSuite } from "./reading-suite.ts";

export function backendSuite(of: BackendCase): void {
  const check = (sentence: string, work: (backend: Backend) => Promise<void>) =>
    test(`${of.name}: ${sentence}`, async () => {
      await using backend = await of.make();
      await work(backend);
    }, 60_000);
  readingSuite({
    name: of.name,
    ...(of.many === undefined ? {} : { many: of.many }),
    holding: async (content) => {
      const backend = await of.make();
      const make = ([path, bytes]: readonly [string, Uint8Array | undefined]) =>
        bytes === undefined ? backend.makeDirectory(all, path) : put(backend, path, bytes);
      const depth = ([path]: readonly [string, unknown]) => path.split("/").length;
      // What lies deeper needs what it lies in; all else may come at once.
      for (const entries of Map.groupBy(content, depth).values())
        for (let at = 0; at < entries.length; at += 16)
          await Promise.all(entries.slice(at, at + 16).map(make));
      return backend;
    },
  });
  reading(check, of.holdsOpenFiles ?? true);
  writing(check, of.keepsTimes ?? true);
  directories(check);
  movingAndRemoving(check);
  rights(check);
  trashed(check, of.keepsTimes ?? true);
  backendLaws(of);
}

type Check = (sentence: string, work: (backend: Backend) => Promise<void>) => void;

function reading(check: Check, holdsOpenFiles: boolean): void {
  check("an open file is never what its name was given to meanwhile", async (backend) => {
    await put(backend, "/a", "old");
    await using file = await backend.open(all, "/a");
    await put(backend, "/a", "newer");
    const read = async () => Buffer.concat(await Array.fromAsync(file.read(signal))).toString();
    if (holdsOpenFiles) expect(await read()).toBe("old");
    else expect(await code(read)).toBe("conflict");
    expect(await text(backend, "/a")).toBe("newer");
  });
}

function writing(check: Check, keepsTimes: boolean): void {
  check("a write that fails in the middle leaves what was there", async (backend) => {
    await put(backend, "/a", "old");
    const failing = async function* () {
      yield new TextEncoder().encode("ne");
      throw new OperoneError("cancelled", "enough");
    };
    for (const path of ["/a", "/b"])
      expect(await code(() => backend.write(all, path, failing(), { mode: "any" }))).toBe("cancelled");
    expect(await code(() => backend.append(all, "/a", failing()))).toBe("cancelled");
    expect(await code(() => put(backend, "/a", "four", { bytesMax: 3 }))).toBe("too_large");
    expect(await text(backend, "/a")).toBe("old");
    expect(await names(backend, "/")).toEqual(["a"]);
  });

  check("modes and etags hold against what is there", async (backend) => {
    const first = await put(backend, "/a", "1", { mode: "create" });
    expect(await code(() => put(backend, "/a", "2", { mode: "create" }))).toBe("conflict");
    expect(await code(() => put(backend, "/b", "2", { mode: "replace" }))).toBe("not_found");
    expect(await code(() => put(backend, "/no/b", "2"))).toBe("not_found");
    const ifMatch = first.etag ?? "";
    const second = await put(backend, "/a", "2", { ifMatch });
    expect(second.etag).not.toBe(ifMatch);
    expect(await code(() => put(backend, "/a", "3", { ifMatch }))).toBe("precondition_failed");
    expect(await code(() => backend.append(all, "/a", pieces("3"), { ifMatch }))).toBe("precondition_failed");
    expect(await code(() => put(backend, "/gone", "3", { ifMatch }))).toBe("precondition_failed");
    expect(await text(backend, "/a")).toBe("2");
  });

  check("of two writers who saw the same etag one is told", async (backend) => {
    const { etag: ifMatch = "" } = await put(backend, "/a", "0");
    const codes = await Promise.all(
      ["1", "2"].map((one) => code(() => put(backend, "/a", one, { ifMatch }))),
    );
    expect(codes.toSorted()).toEqual(["done", "precondition_failed"]);
  });

  check("appends add up, also when they come at once, and make the file", async (backend) => {
    const parts = Array.from({ length: 12 }, (_, at) => String.fromCharCode(97 + at).repeat(3));
    await Promise.all(parts.map((part) => backend.append(all, "/log", pieces(part))));
    const whole = await text(backend, "/log");
    expect(whole).toHaveLength(36);
    expect(parts.every((part) => whole.includes(part))).toBe(true);
  });

  check("the time of a file is the one that was asked for", async (backend) => {
    await put(backend, "/a", "1", { modifiedMs: 1_000_000_000_000 });
    const time = (await backend.stat(all, "/a"))?.modifiedMs;
    if (keepsTimes) expect(time).toBe(1_000_000_000_000);
    else expect(time).toBeGreaterThan(1_000_000_000_000);
  });
}

function directories(check: Check): void {
  check("what is in the way, or not there, is said to who writes", async (backend) => {
    await put(backend, "/f", "1");
    await backend.makeDirectory(all, "/d");
    expect(await code(() => put(backend, "/d", "1"))).toBe("conflict");
    expect(await code(() => backend.makeDirectory(all, "/d"))).toBe("conflict");
    expect(await code(() => backend.makeDirectory(all, "/f"))).toBe("conflict");
    expect(await code(() => backend.makeDirectory(all, "/no/d"))).toBe("not_found");
    expect(await code(() => put(backend, `/${"n".repeat(300)}`, "1"))).toBe("invalid_input");
  });
}

function movingAndRemoving(check: Check): void {
  check("a moved directory takes all along", async (backend) => {
    await backend.makeDirectory(all, "/d");
    await put(backend, "/d/a", "1");
    expect(await backend.move(all, "/d", "/e", { replace: false })).toMatchObject({
      path: "/e",
      kind: "directory",
    });
    expect(await text(backend, "/e/a")).toBe("1");
    expect(await names(backend, "/")).toEqual(["e"]);
  });

  check("a move takes another's place only when it shall, and never a full directory's", async (backend) => {
    await put(backend, "/a", "1");
    await put(backend, "/b", "2");
    await backend.makeDirectory(all, "/d");
    await put(backend, "/d/c", "3");
    await backend.makeDirectory(all, "/e");
    expect(await code(() => backend.move(all, "/a", "/b", { replace: false }))).toBe("conflict");
    expect(await code(() => backend.move(all, "/a", "/d", { replace: true }))).toBe("conflict");
    expect(await code(() => backend.move(all, "/e", "/d", { replace: true }))).toBe("conflict");
    expect(await code(() => backend.move(all, "/no", "/x", { replace: false }))).toBe("not_found");
    expect(await code(() => backend.move(all, "/a", "/no/x", { replace: false }))).toBe("not_found");
    expect(await code(() => backend.move(all, "/d", "/d/x", { replace: false }))).toBe("invalid_input");
    await backend.move(all, "/a", "/b", { replace: true });
    expect(await text(backend, "/b")).toBe("1");
    expect(await names(backend, "/")).toEqual(["b", "d", "e"]);
  });

  check("only what is empty is removed", async (backend) => {
    await backend.makeDirectory(all, "/d");
    await put(backend, "/d/a", "1");
    expect(await code(() => backend.remove(all, "/d"))).toBe("conflict");
    expect(await code(() => backend.remove(all, "/no"))).toBe("not_found");
    await backend.remove(all, "/d/a");
    await backend.remove(all, "/d");
    expect(await names(backend, "/")).toEqual([]);
  });
}

function rights(check: Check): void {
  check("whoever has one folder sees and changes nothing else", async (backend) => {
    for (const folder of ["/mine", "/other"]) {
      await backend.makeDirectory(all, folder);
      await put(backend, `${folder}/a`, folder);
    }
    const mine = only("/mine");
    const refused: readonly (() => Promise<unknown>)[] = [
      () => backend.stat(mine, "/other/a"),
      () => backend.stat(mine, "/other/not-there"),
      () => names(backend, "/other", mine),
      () => Array.fromAsync(backend.names(mine, "/other", signal)),
      () => backend.open(mine, "/other/a"),
      () => backend.hash(mine, "/other/a", signal),
      () => backend.write(mine, "/other/a", pieces("x"), { mode: "any" }),
      () => backend.append(mine, "/other/a", pieces("x")),
      () => backend.makeDirectory(mine, "/other/d"),
      () => backend.move(mine, "/mine/a", "/other/b", { replace: false }),
      () => backend.move(mine, "/other/a", "/mine/b", { replace: false }),
      () => backend.remove(mine, "/other/a"),
      () => backend.assertWhole(mine, "/other"),
    ];
    for (const [at, work] of refused.entries()) expect([at, await code(work)]).toEqual([at, "forbidden"]);
    expect(await text(backend, "/other/a")).toBe("/other");
    expect(await names(backend, "/mine", mine)).toEqual(["a"]);
  });

  check("what is withheld in a folder is not listed, nor moved with it", async (backend) => {
    await backend.makeDirectory(all, "/d");
    await put(backend, "/d/open", "1");
    await put(backend, "/d/secret", "2");
    const part: Access = {
      ...only("/d", "/e"),
      allows: (path) => path !== "/d/secret",
      check: (path) => {
        if (path === "/d/secret") throw new OperoneError("forbidden", "not yours");
      },
    };
    expect(await names(backend, "/d", part)).toEqual(["open"]);
    const named = (await Array.fromAsync(backend.names(part, "/d", signal))).flat();
    expect(named.map(({ name }) => name)).toEqual(["open"]);
    expect(await code(() => backend.move(part, "/d", "/e", { replace: false }))).toBe("forbidden");
    expect(await code(() => backend.takeOut(part, "/d", "/nowhere/at/all"))).toBe("forbidden");
    expect(await names(backend, "/d")).toEqual(["open", "secret"]);
  });
}

function trashed(check: Check, keepsTimes: boolean): void {
  check("what is taken out comes back as it was, and not over another", async (backend) => {
    const folder = mkdtempSync(join(tmpdir(), "operone-out-"));
    const host = join(folder, "item");
    await backend.makeDirectory(all, "/d");
    await backend.makeDirectory(all, "/d/e");
    await put(backend, "/d/e/a", "1", { modifiedMs: 1_000_000_000_000 });
    try {
      await backend.takeOut(all, "/d", host);
      expect(await names(backend, "/")).toEqual([]);
      await put(backend, "/d", "in the way");
      expect(await code(() => backend.bringIn(all, host, "/d"))).toBe("conflict");
      expect(await code(() => backend.bringIn(all, host, "/no/d"))).toBe("not_found");
      await backend.bringIn(all, host, "/back");
      expect(await text(backend, "/back/e/a")).toBe("1");
      if (!keepsTimes) return;
      expect((await backend.stat(all, "/back/e/a"))?.modifiedMs).toBe(1_000_000_000_000);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
