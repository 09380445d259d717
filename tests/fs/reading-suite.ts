/** What holds of every backend that can be read, whether or not it can be written: of one tree that it is given. */
import { expect, test } from "bun:test";
import type { Backend } from "../../modules/fs/backend.ts";
import { all, bytesOf, code, names, only, signal, text } from "./backend-probe.ts";

/** Path to the bytes, or to `undefined` for a directory; a directory before what is in it. */
export type Content = ReadonlyMap<string, Uint8Array | undefined>;

export interface ReadingCase {
  readonly name: string;
  holding(content: Content): Promise<Backend & AsyncDisposable>;
  /** Entries of a directory that come in more than one batch. */
  readonly many?: number;
}

type Check = (sentence: string, content: Content, work: (backend: Backend) => Promise<void>) => void;

const bytes = (of: string) => new TextEncoder().encode(of);
const big = new Uint8Array(700_000).map((_, at) => at % 251);

export function readingSuite(of: ReadingCase): void {
  const check: Check = (sentence, content, work) =>
    test(`${of.name}: ${sentence}`, async () => {
      await using backend = await of.holding(content);
      await work(backend);
    }, 60_000);
  files(check);
  directories(check, of.many ?? 300);
  rights(check);
}

function files(check: Check): void {
  check("a file is read, in whole and in part", new Map([["/big", big]]), async (backend) => {
    expect(await backend.stat(all, "/big")).toMatchObject({ kind: "file", sizeBytes: big.length });
    expect((await bytesOf(backend, "/big")).equals(big)).toBe(true);
    for (const [start, end] of [
      [0, 1],
      [262_143, 262_145],
      [262_144, 524_288],
      [699_999, 9e9],
      [700_000, 9e9],
      [5, 5],
    ] as const)
      expect((await bytesOf(backend, "/big", { start, end })).equals(big.subarray(start, end))).toBe(true);
  });

  const zeros = new Map([["/a", new Uint8Array(600_000)]]);
  check("chunks are small, and whoever changes one changes no file", zeros, async (backend) => {
    await using file = await backend.open(all, "/a");
    for await (const chunk of file.read(signal)) {
      expect(chunk.length).toBeLessThanOrEqual(256 * 1024);
      chunk.fill(1);
    }
    expect((await bytesOf(backend, "/a")).every((byte) => byte === 0)).toBe(true);
  });

  check("a file is read twice at once", new Map([["/big", big]]), async (backend) => {
    await using file = await backend.open(all, "/big");
    const reads = [undefined, { start: 1_000, end: 600_000 }].map(async (range) =>
      Buffer.concat(await Array.fromAsync(file.read(signal, range))),
    );
    const [whole, some] = await Promise.all(reads);
    expect(whole?.equals(big)).toBe(true);
    expect(some?.equals(big.subarray(1_000, 600_000))).toBe(true);
  });

  const hello = new Map([["/a", bytes("hello world")]]);
  check("the hash is that of the bytes, or of the first of them", hello, async (backend) => {
    const sha = (of: string) => new Bun.CryptoHasher("sha256").update(of).digest("hex");
    expect(await backend.hash(all, "/a", signal)).toBe(sha("hello world"));
    expect(await backend.hash(all, "/a", signal, 5)).toBe(sha("hello"));
  });

  check("reading stops when the call does", new Map([["/big", big]]), async (backend) => {
    const stop = new AbortController();
    await using file = await backend.open(all, "/big");
    const reading = file.read(stop.signal)[Symbol.asyncIterator]();
    await reading.next();
    stop.abort(new Error("enough"));
    // What had been read already may still come.
    const rest = async () => {
      for (let at = 0; at < 100; at += 1) if ((await reading.next()).done === true) return;
    };
    expect(await code(rest)).toContain("enough");
    expect((await bytesOf(backend, "/big")).equals(big)).toBe(true);
  });
}

function directories(check: Check, count: number): void {
  const tree: Content = new Map([
    ["/d", undefined],
    ["/d/e", undefined],
    ["/d/a.txt", bytes("1")],
    ["/d/e/b", bytes("2")],
    ["/f", bytes("")],
  ]);
  check("a directory lists what is in it, and nothing below", tree, async (backend) => {
    expect(await names(backend, "/")).toEqual(["d", "f"]);
    expect(await names(backend, "/d")).toEqual(["a.txt", "e"]);
    const named = (await Array.fromAsync(backend.names(all, "/d", signal))).flat();
    expect(named.map(({ name, kind }) => `${kind} ${name}`).sort()).toEqual(["directory e", "file a.txt"]);
    expect(await text(backend, "/d/e/b")).toBe("2");
    expect(await text(backend, "/f")).toBe("");
  });

  check("what is missing or of another kind is said so", tree, async (backend) => {
    expect(await backend.stat(all, "/")).toMatchObject({ path: "/", kind: "directory" });
    expect(await backend.stat(all, "/no")).toBeUndefined();
    expect(await backend.stat(all, "/f/no")).toBeUndefined();
    expect(await code(() => names(backend, "/no"))).toBe("not_found");
    expect(await code(() => names(backend, "/f"))).toBe("conflict");
    expect(await code(() => bytesOf(backend, "/no"))).toBe("not_found");
    expect(await code(() => bytesOf(backend, "/d"))).toBe("conflict");
    expect(await code(() => backend.traits(all, "/no"))).toBe("not_found");
  });

  const many: Content = new Map(Array.from({ length: count }, (_, at) => [`/d${at}`, undefined]));
  check("many entries come in batches, each once", many, async (backend) => {
    const batches = await Array.fromAsync(backend.list(all, "/", signal));
    expect(batches.length).toBeGreaterThan(1);
    expect(new Set(batches.flat().map(({ path }) => path)).size).toBe(count);
  });
}

function rights(check: Check): void {
  const folders: Content = new Map([
    ["/mine", undefined],
    ["/mine/a", bytes("mine")],
    ["/other", undefined],
    ["/other/a", bytes("other")],
  ]);
  check("whoever may read one folder sees nothing else", folders, async (backend) => {
    const mine = only("/mine");
    const refused: readonly (() => Promise<unknown>)[] = [
      () => backend.stat(mine, "/other/a"),
      () => backend.stat(mine, "/other/not-there"),
      () => names(backend, "/other", mine),
      () => Array.fromAsync(backend.names(mine, "/other", signal)),
      () => backend.open(mine, "/other/a"),
      () => backend.hash(mine, "/other/a", signal),
    ];
    for (const [at, work] of refused.entries()) expect([at, await code(work)]).toEqual([at, "forbidden"]);
    expect(await names(backend, "/mine", mine)).toEqual(["a"]);
    const part = { ...only("/"), allows: (path: string) => path !== "/other" };
    expect(await names(backend, "/", part)).toEqual(["mine"]);
  });
}
