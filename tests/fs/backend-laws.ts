/** What holds of every backend for any work, against a model of it. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Backend } from "../../modules/fs/backend.ts";
import { all, type BackendCase, bytesOf, code, pieces, put, signal } from "./backend-probe.ts";

/** Few names, so that they meet. */
const place = fc.constantFrom("/a", "/b", "/d", "/d/a", "/d/b", "/d/d");
const step = fc.oneof(
  fc.record({ does: fc.constant("write" as const), to: place, bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ does: fc.constant("append" as const), to: place, bytes: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ does: fc.constant("mkdir" as const), to: place }),
  fc.record({ does: fc.constant("move" as const), from: place, to: place }),
  fc.record({ does: fc.constant("remove" as const), to: place }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Path to the bytes, or to `undefined` for a directory. */
type Model = Map<string, Buffer | undefined>;

function isFolder(model: Model, path: string): boolean {
  const above = path.slice(0, path.lastIndexOf("/"));
  return above === "" || (model.has(above) && model.get(above) === undefined);
}

/** Whether it can be done; the model has it done then. */
function modelled(model: Model, one: Step): boolean {
  if (!isFolder(model, one.to)) return false;
  const isThere = model.has(one.to);
  const inside = (path: string) => [...model.keys()].filter((key) => key.startsWith(`${path}/`));
  if (one.does === "mkdir") {
    if (!isThere) model.set(one.to, undefined);
    return !isThere;
  }
  if (one.does === "remove") {
    if (!isThere || inside(one.to).length > 0) return false;
    return model.delete(one.to);
  }
  if (one.does === "move") {
    if (!model.has(one.from) || (isThere && one.from !== one.to)) return false;
    if (one.to.startsWith(`${one.from}/`)) return false;
    const moved = [one.from, ...inside(one.from)].map((key) => [key, model.get(key)] as const);
    for (const [key] of moved) model.delete(key);
    for (const [key, value] of moved) model.set(one.to + key.slice(one.from.length), value);
    return true;
  }
  if (isThere && model.get(one.to) === undefined) return false;
  const before = one.does === "append" ? (model.get(one.to) ?? Buffer.alloc(0)) : Buffer.alloc(0);
  model.set(one.to, Buffer.concat([before, one.bytes]));
  return true;
}

async function tried(backend: Backend, one: Step): Promise<string> {
  return await code(() => {
    if (one.does === "write") return put(backend, one.to, one.bytes);
    if (one.does === "append") return backend.append(all, one.to, pieces(one.bytes));
    if (one.does === "mkdir") return backend.makeDirectory(all, one.to);
    if (one.does === "move") return backend.move(all, one.from, one.to, { replace: false });
    return backend.remove(all, one.to);
  });
}

async function contents(backend: Backend, path = "/"): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of (await Array.fromAsync(backend.list(all, path, signal))).flat()) {
    if (entry.kind === "directory")
      Object.assign(found, { [entry.path]: "directory" }, await contents(backend, entry.path));
    else found[entry.path] = (await bytesOf(backend, entry.path)).toString("hex");
  }
  return found;
}

export function backendLaws(of: BackendCase): void {
  test(`${of.name}: any work leaves what a model of it has, and fails with a word of ours`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using backend = await of.make();
        const model: Model = new Map();
        for (const one of steps) {
          const answer = await tried(backend, one);
          expect([one, answer === "done"]).toEqual([one, modelled(model, one)]);
          if (answer !== "done") expect(["conflict", "not_found", "invalid_input"]).toContain(answer);
        }
        const wanted = [...model].map(([path, bytes]) => [path, bytes?.toString("hex") ?? "directory"]);
        expect(await contents(backend)).toEqual(Object.fromEntries(wanted));
      }),
      { numRuns: Math.ceil(40 * (of.share ?? 1)) },
    );
  }, 60_000);

  test(`${of.name}: appended pieces of any size are read as one`, async () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 63, 65, 262_143, 262_144, 262_145), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(1_000_000), fc.nat(1_000_000), async (lengths, start, length) => {
        await using backend = await of.make();
        const parts = lengths.map((size, at) => new Uint8Array(size).fill(at + 1));
        await put(backend, "/a", "");
        for (const part of parts) await backend.append(all, "/a", pieces(part));
        const whole = Buffer.concat(parts);
        expect((await bytesOf(backend, "/a")).equals(whole)).toBe(true);
        const end = start + length;
        expect((await bytesOf(backend, "/a", { start, end })).equals(whole.subarray(start, end))).toBe(true);
      }),
      { numRuns: Math.ceil(25 * (of.share ?? 1)) },
    );
  }, 60_000);
}
