import { expect, test } from "bun:test";
import type { Answer } from "../../src/kernel/call.ts";
import { OperoneError } from "../../src/kernel/error.ts";
import type { OnwardCall } from "../../src/kernel/operation.ts";
import { remotePlace } from "./remote-backend.ts";

type Given = (call: OnwardCall) => Partial<Answer> | Promise<Partial<Answer>>;

/** Another node that answers as it is told, whatever is asked. */
function nodeThat(answer: Given) {
  const calls: OnwardCall[] = [];
  const call = async (onward: OnwardCall) => {
    calls.push(onward);
    return { callId: "1", ...(await answer(onward)) } as Answer;
  };
  return { calls, place: remotePlace({ call }, { node: "pi", path: "/a" }) };
}

const file = { path: "/a", kind: "file", sizeBytes: 4, modifiedMs: 1, etag: "e" };
const value = (given: unknown) => ({ gives: "value", value: given }) as const;
const signal = new AbortController().signal;

function bytesOf(etag: string, ...chunks: readonly string[]): Partial<Answer> {
  const open = async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  };
  return { gives: "bytes", bytes: { mediaType: "x", etag, open } };
}

test("each method is one operation on that node, and nothing of it is judged here", async () => {
  const { calls, place } = nodeThat(() => value(file));
  const { backend, access, path } = place;
  await backend.stat(access, path, { follow: true });
  await backend.makeDirectory(access, path);
  await backend.move(access, path, "/b", { replace: true });
  await backend.remove(access, path);
  expect(calls.map(({ operation, node, input }) => [operation, node, input])).toEqual([
    ["fs.stat", "pi", { path: "/a", follow: true }],
    ["fs.mkdir", "pi", { path: "/a" }],
    ["fs.move", "pi", { from: "/a", to: "/b", replace: true }],
    ["fs.remove", "pi", { path: "/a", permanent: true }],
  ]);
  expect(place.shown("/a")).toBe("pi:/a");
  expect(await backend.traits(access, path)).toMatchObject({ writable: true });
  for (const work of [() => backend.takeOut(access, path, "/x"), () => backend.bringIn(access, "/x", path)])
    expect(work).toThrow(/trash|restored/);
});

test("a node that there is not is said to be none, and not a file that is missing", async () => {
  const { place } = nodeThat(() => {
    throw new OperoneError("not_found", 'There is no node "pi" in this mesh', { node: "pi" });
  });
  await expect(place.backend.stat(place.access, "/a")).rejects.toThrow('There is no node "pi"');
});

test("what is not there is undefined, and any other refusal is the other node's own", async () => {
  const refusing = (code: "not_found" | "forbidden") =>
    nodeThat(() => {
      throw new OperoneError(code, code);
    }).place;
  const none = refusing("not_found");
  expect(await none.backend.stat(none.access, "/a")).toBeUndefined();
  await expect(none.backend.open(none.access, "/a")).rejects.toMatchObject({ code: "not_found" });
  const shut = refusing("forbidden");
  await expect(shut.backend.stat(shut.access, "/a")).rejects.toMatchObject({ code: "forbidden" });
});

test("a list goes on to its last page, and a name that leads elsewhere is refused", async () => {
  const pages = [{ entries: [file], cursor: "c" }, { entries: [{ ...file, path: "/a/b" }] }];
  const { calls, place } = nodeThat(() => value(pages[calls.length - 1]));
  const names = await Array.fromAsync(place.backend.names(place.access, "/a", signal));
  expect(names.flat()).toEqual([
    { name: "a", kind: "file" },
    { name: "b", kind: "file" },
  ]);
  for (const path of ["/a/..", "/a/.", "/"]) {
    const lying = nodeThat(() => value({ entries: [{ ...file, path }] })).place;
    const listed = Array.fromAsync(lying.backend.names(lying.access, "/a", signal));
    await expect(listed).rejects.toMatchObject({ code: "conflict" });
  }
});

test("a file is what the node said of it: more, less, or another one is refused", async () => {
  const read = async (answer: Partial<Answer>) => {
    const { place } = nodeThat(({ operation }) => (operation === "fs.stat" ? value(file) : answer));
    await using open = await place.backend.open(place.access, "/a");
    return Buffer.concat(await Array.fromAsync(open.read(signal))).toString();
  };
  expect(await read(bytesOf("e", "ab", "cd"))).toBe("abcd");
  for (const answer of [bytesOf("e", "abcde"), bytesOf("e", "abc"), bytesOf("other", "abcd")])
    await expect(read(answer)).rejects.toMatchObject({ code: "conflict" });
});
