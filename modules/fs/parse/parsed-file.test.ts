import { expect, test } from "bun:test";
import { OperoneError } from "../../../src/kernel/error.ts";
import type { ChildTask, ContainedChildren } from "../../shell/contract.ts";
import type { OpenFile } from "../backend.ts";
import type { Place } from "../tree.ts";
import { parsedFile } from "./parsed-file.ts";

const options = { rowsMax: 10, textLengthMax: 1_000, timeoutMs: 2_000 };

/** A child that says what it likes, as one would that a document has taken over. */
function childSaying(said: (task: ChildTask) => AsyncGenerator<unknown>): ContainedChildren {
  return {
    run: (noun, task) => {
      expect(noun).toBe("fs/parse");
      return said(task) as AsyncGenerator<unknown, void, undefined>;
    },
    containment: async () => ({ ready: true, by: "test" }),
  };
}

async function read(children: ContainedChildren, context: { signal?: AbortSignal } = {}) {
  const entry = { path: "/a.txt", kind: "file", sizeBytes: 6, modifiedMs: 0 } as const;
  const closed: string[] = [];
  const file: OpenFile = {
    entry,
    async *read() {
      yield Buffer.from("abc");
      yield Buffer.from("def");
    },
    async [Symbol.asyncDispose]() {
      closed.push(entry.path);
    },
  };
  const place = {
    backend: { open: async () => file },
    path: "/a.txt",
    access: {},
    shown: (path: string) => path,
  };
  const progress: number[] = [];
  const { signal = new AbortController().signal } = context;
  const caller = { kind: "token", id: "7", name: "ci" } as const;
  const told = { caller, signal, progress: ({ done }: { done: number }) => void progress.push(done) };
  const reading = parsedFile(place as Pick<Place, "path"> as Place, children, options, told);
  const items = await Array.fromAsync(reading).catch((error: unknown) => error);
  expect(closed).toEqual(["/a.txt"]);
  return { items, progress };
}

test("a child gets the name, the options, the bytes and the limits, and progress is told", async () => {
  const { items, progress } = await read(
    childSaying(async function* ({ request, limits, input, holder }) {
      expect(holder).toBe("token 7");
      expect(request).toEqual({ name: "a.txt", rowsMax: 10, textLengthMax: 1_000 });
      expect(limits.timeMsMax).toBe(2_000);
      const bytes = Buffer.concat(await Array.fromAsync(input)).toString();
      yield { block: { kind: "paragraph", text: bytes } };
    }),
  );
  expect(items).toEqual([{ block: { kind: "paragraph", text: "abcdef" } }]);
  expect(progress).toEqual([3, 6]);
});

test("what no reader says is not passed on", async () => {
  let deep: unknown = 1;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  const inventions: readonly unknown[] = [
    null,
    { block: { kind: "paragraph", text: 7 } },
    { block: { kind: "virus" } },
    { block: { kind: "value", value: deep } },
    { summary: { blocks: 1, truncated: false, __proto__: null, more: 1 } },
    { document: { kind: "pdf", mediaType: "x", secret: "y" } },
  ];
  for (const invention of inventions) {
    const { items } = await read(
      childSaying(async function* () {
        yield invention;
      }),
    );
    expect(items).toBeInstanceOf(OperoneError);
    expect(String(items)).toContain('"/a.txt" was not read to its end. The process that read it said');
  }
});

test("an error keeps its code, and names the file; the caller's own end stays what it is", async () => {
  const failing = (error: unknown) =>
    childSaying(async function* () {
      yield await Promise.reject(error);
    });
  const known = await read(failing(new OperoneError("too_large", "It is too large")));
  expect(known.items).toMatchObject({
    code: "too_large",
    message: '"/a.txt" was not read to its end. It is too large',
  });
  const strange = await read(failing(new TypeError("x")));
  expect(strange.items).toBeInstanceOf(TypeError);
  const gone = new OperoneError("cancelled", "gone");
  expect((await read(failing(gone), { signal: AbortSignal.abort(gone) })).items).toBe(gone);
});
