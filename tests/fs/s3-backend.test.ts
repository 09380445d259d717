/** Storage that speaks S3, tried against OpenStack Swift. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { S3Backend, type S3Options } from "../../modules/fs/s3/s3-backend.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { all, bytesOf, code, names, pieces, put, signal, text } from "./backend-probe.ts";
import { backendSuite } from "./backend-suite.ts";
import { fsNode } from "./fs-node.ts";
import { type SwiftServer, startSwift } from "./swift-server.ts";

// Nothing takes so long; a busy machine must not make a difference.
setDefaultTimeout(60_000);

let server: SwiftServer;
beforeAll(async () => {
  server = await startSwift();
}, 300_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

let made = 0;

function options(changes: Partial<S3Options> = {}): S3Options {
  const { endpoint, accessKeyId, secretAccessKey, bucket, region } = server;
  made += 1;
  return {
    ...{ endpoint, accessKeyId, secretAccessKey, bucket, region, prefix: `run ${made}/` },
    clock: systemClock(),
    ...changes,
  };
}

const make = async (changes: Partial<S3Options> = {}) => new S3Backend(options(changes));

backendSuite({ name: "s3", make, holdsOpenFiles: false, keepsTimes: false, share: 0.1 });

test("a large file goes in parts, of which nobody sees one before the last", async () => {
  await using backend = await make();
  const chunk = new Uint8Array(1024 * 1024).map((_, at) => at % 253);
  const seen: (number | undefined)[] = [];
  const content = async function* () {
    for (let at = 0; at < 20; at += 1) {
      if (at > 10) seen.push((await backend.stat(all, "/big"))?.sizeBytes);
      yield chunk;
    }
  };
  const entry = await backend.write(all, "/big", content(), { mode: "create" });
  expect(entry.sizeBytes).toBe(20 * chunk.length);
  expect(seen.every((size) => size === undefined)).toBe(true);
  const middle = await bytesOf(backend, "/big", { start: 9 * chunk.length - 5, end: 9 * chunk.length + 5 });
  expect(middle).toEqual(Buffer.concat([chunk.subarray(-5), chunk.subarray(0, 5)]));
  await backend.append(all, "/big", pieces("end"));
  expect((await bytesOf(backend, "/big", { start: 20 * chunk.length, end: 9e9 })).toString()).toBe("end");
});

/** In front of the server: what is asked of it, and what it answers instead. */
function listener(instead: (method: string, path: string) => Response | undefined = () => undefined) {
  const asked: string[] = [];
  const proxy = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    async fetch(request) {
      const { pathname, search, host } = new URL(request.url);
      const what = /[?&](uploads|uploadId|partNumber)=/.exec(search)?.[1];
      if (what !== undefined) asked.push(`${request.method} ${what}`);
      const answer = instead(request.method, decodeURIComponent(pathname));
      if (answer !== undefined) return answer;
      const headers = new Headers(request.headers);
      headers.set("host", host);
      const { method, body } = request;
      return await fetch(`${server.endpoint}${pathname}${search}`, { method, headers, body });
    },
  });
  return { endpoint: `http://127.0.0.1:${proxy.port}`, asked, [Symbol.dispose]: () => void proxy.stop(true) };
}

test("a large write that fails, or is overtaken, leaves what was there, and takes its parts back", async () => {
  using heard = listener();
  await using backend = await make({ endpoint: heard.endpoint });
  const then = async function* (work: () => Promise<void>) {
    for (let at = 0; at < 18; at += 1) yield new Uint8Array(1024 * 1024);
    await work();
  };
  const { etag = "" } = await put(backend, "/a", "old");
  const gone = then(async () => {
    throw new Error("gone");
  });
  expect(await code(() => backend.write(all, "/a", gone, { mode: "any" }))).toContain("gone");
  expect(await text(backend, "/a")).toBe("old");
  const overtaken = then(async () => void (await put(backend, "/a", "theirs")));
  const write = () => backend.write(all, "/a", overtaken, { mode: "any", ifMatch: etag });
  expect(await code(write)).toBe("precondition_failed");
  expect(await text(backend, "/a")).toBe("theirs");
  const count = (what: string) => heard.asked.filter((one) => one === what).length;
  expect(count("POST uploads")).toBe(2);
  expect(count("DELETE uploadId")).toBe(2);
  expect(count("POST uploadId")).toBe(0);
});

test("keys that others made are a tree, without those that no path names", async () => {
  await using backend = await make();
  const client = new Bun.S3Client(server);
  for (const key of ["x/y/z.txt", "x/y/../up", "x//twice", "x/a&<b>", "x/new\nline", "x/é +%41"])
    await client.write(`run ${made}/${key}`, "1");
  expect(await names(backend, "/x")).toEqual(["a&<b>", "new\nline", "y", "é +%41"]);
  expect(await names(backend, "/x/y")).toEqual(["z.txt"]);
  for (const name of ["a&<b>", "new\nline", "é +%41"]) expect(await text(backend, `/x/${name}`)).toBe("1");
  expect(await code(() => backend.move(all, "/x", "/w", { replace: false }))).toBe("conflict");
  await backend.remove(all, "/x/y/z.txt");
  expect(await backend.stat(all, "/x/y")).toMatchObject({ kind: "directory" });
});

test("a move of what is there only by its keys takes all along", async () => {
  await using backend = await make();
  const client = new Bun.S3Client(server);
  for (const at of [1, 2, 3]) await client.write(`run ${made}/from/deep/${at}`, String(at));
  await backend.move(all, "/from/deep", "/to", { replace: false });
  expect(await names(backend, "/to")).toEqual(["1", "2", "3"]);
  expect(await names(backend, "/from")).toEqual([]);
  expect(await text(backend, "/to/3")).toBe("3");
});

test("a directory of more keys than one page is listed whole", async () => {
  await using backend = await make();
  const client = new Bun.S3Client(server);
  const keys = Array.from({ length: 1_100 }, (_, at) => `run ${made}/many/${at}`);
  for (let at = 0; at < keys.length; at += 50)
    await Promise.all(keys.slice(at, at + 50).map((key) => client.write(key, "")));
  expect(await names(backend, "/many")).toHaveLength(1_100);
});

const refusals: readonly (readonly [string, () => Partial<S3Options>])[] = [
  ["a wrong secret", () => ({ secretAccessKey: "hidden-secret" })],
  ["a bucket that is not there", () => ({ bucket: "nothing-here" })],
  ["a port where nobody listens", () => ({ endpoint: "http://127.0.0.1:1" })],
];
for (const [what, changes] of refusals) {
  test(`${what} is said without the secret and without the place`, async () => {
    await using backend = await make(changes());
    const calls: readonly (() => Promise<unknown>)[] = [
      () => backend.stat(all, "/"),
      () => names(backend, "/"),
      () => put(backend, "/a", "1"),
      () => backend.append(all, "/a", pieces("1")),
      () => backend.makeDirectory(all, "/d"),
    ];
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect(error).toMatchObject({ code: "unavailable" });
      const said = Bun.inspect(error, { depth: 9 });
      for (const secret of ["hidden-secret", server.secretAccessKey, "X-Amz", "127.0.0.1"])
        expect(said).not.toContain(secret);
    }
  });
}

test("storage that does not answer is given up, and redirects are not followed", async () => {
  let followed = false;
  using silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => {}) });
  using elsewhere = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: () => {
      followed = true;
      return new Response("");
    },
  });
  using moved = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1" },
    fetch: () => Response.redirect(`http://127.0.0.1:${elsewhere.port}/`, 307),
  });
  await using slow = await make({ endpoint: `http://127.0.0.1:${silent.port}`, timeoutMs: 50 });
  for (const call of [() => slow.stat(all, "/a"), () => names(slow, "/")])
    expect(await code(call)).toBe("unavailable");
  await using away = await make({ endpoint: `http://127.0.0.1:${moved.port}` });
  expect(await code(() => away.stat(all, "/a"))).toBe("unavailable");
  expect(followed).toBe(false);
});

test("reading a file that was written over by others is refused", async () => {
  await using backend = await make();
  await put(backend, "/a", "old");
  await using file = await backend.open(all, "/a");
  await new Bun.S3Client(server).write(`run ${made}/a`, "new");
  expect(await code(() => Array.fromAsync(file.read(signal)))).toBe("conflict");
});

test("a move that breaks off leaves the original, and nothing half of it elsewhere", async () => {
  let breaks = true;
  using heard = listener((method, path) =>
    breaks && method === "PUT" && path.endsWith("/to/c") ? new Response("", { status: 500 }) : undefined,
  );
  await using backend = await make({ endpoint: heard.endpoint });
  await backend.makeDirectory(all, "/from");
  for (const name of ["a", "b", "c"]) await put(backend, `/from/${name}`, name);
  expect(await code(() => backend.move(all, "/from", "/to", { replace: false }))).toBe("unavailable");
  expect(await names(backend, "/")).toEqual(["from"]);
  expect(await names(backend, "/from")).toEqual(["a", "b", "c"]);
  breaks = false;
  await backend.move(all, "/from", "/to", { replace: false });
  expect(await names(backend, "/to")).toEqual(["a", "b", "c"]);
});

test("a move does not take the place of a copy that did not arrive whole", async () => {
  using heard = listener((method, path) =>
    method === "GET" && path.endsWith("/b") ? new Response("?", { headers: { etag: "" } }) : undefined,
  );
  await using backend = await make({ endpoint: heard.endpoint });
  await put(backend, "/a", "1");
  expect(await code(() => backend.move(all, "/a", "/b", { replace: false }))).not.toBe("done");
  expect(await text(backend, "/a")).toBe("1");
  expect(await names(backend, "/")).toEqual(["a"]);
});

test("storage that looks at conditions is believed", async () => {
  const conditions: string[] = [];
  using heard = listener((method, path) => {
    if (method !== "PUT" || path.endsWith("/free")) return undefined;
    conditions.push(path);
    return new Response("", { status: 412 });
  });
  await using backend = await make({ endpoint: heard.endpoint });
  expect(await code(() => put(backend, "/a", "1", { mode: "create" }))).toBe("conflict");
  const { etag = "" } = await put(backend, "/free", "1");
  expect(await code(() => backend.append(all, "/a", pieces("1")))).toBe("precondition_failed");
  expect(await code(() => backend.makeDirectory(all, "/d"))).toBe("conflict");
  expect(etag).not.toBe("");
  expect(conditions).toHaveLength(3);
});

const refusal = async (work: Promise<unknown>) =>
  (await work.then(
    () => ({ code: "done", message: "" }),
    (failure: unknown) => failure,
  )) as { readonly code: string; readonly message: string };

test("storage is written, read, moved, copied and removed to the trash below its mount", async () => {
  await using node = await fsNode({});
  const { endpoint, bucket, accessKeyId } = server;
  const settings = { endpoint, bucket, keyId: accessKeyId, prefix: "mounted", secret: "storage" };
  await node.value("mount", { name: "s3", kind: "s3", ...settings });
  await node.value("write", { path: "/@s3/d/a.md", text: "milk\n", parents: true });
  await node.value("append", { path: "/@s3/d/a.md", text: "tea\n" });
  await node.value("edit", { path: "/@s3/d/a.md", edits: [{ old: "tea", new: "rum" }] });
  await node.value("move", { from: "/@s3/d/a.md", to: "/@s3/d/b.md" });
  writeFileSync(join(node.work, "c"), new Uint8Array(10_000_000).fill(9));
  await node.value("copy", { from: join(node.work, "c"), to: "/@s3/d/c" });
  expect(await node.value("hash", { path: "/@s3/d/c" })).toEqual({
    ...((await node.value("hash", { path: join(node.work, "c") })) as object),
    ...{ path: "/@s3/d/c", etag: expect.any(String) },
  });
  const { trash } = await node.value<{ trash: string }>("remove", { path: "/@s3/d", recursive: true });
  expect((await refusal(node.value("read", { path: "/@s3/d/b.md" }))).code).toBe("not_found");
  await node.value("restore", { id: trash });
  expect(await node.value("read", { path: "/@s3/d/b.md" })).toMatchObject({ text: "milk\nrum\n" });
  await node.value("remove", { path: "/@s3/d", recursive: true, permanent: true });
  const everything = JSON.stringify([node.log.entries, await node.value("mounts", {})]);
  expect(everything).not.toContain(server.secretAccessKey);
});

test("storage with a wrong place or key is not mounted", async () => {
  await using node = await fsNode();
  const { endpoint, bucket, accessKeyId } = server;
  const right = { endpoint, bucket, keyId: accessKeyId, secret: "storage" };
  const mount = (changes: object) =>
    refusal(node.value("mount", { name: "x", kind: "s3", ...right, ...changes }));
  for (const endpoint of [
    "ftp://127.0.0.1",
    "file:///etc",
    "http://me:pw@127.0.0.1",
    "http://127.0.0.1/a",
    "no",
  ])
    expect([endpoint, (await mount({ endpoint })).code]).toEqual([endpoint, "invalid_input"]);
  for (const prefix of ["/a", "a/", "a//b", "../a", ""])
    expect([prefix, (await mount({ prefix })).code]).toEqual([prefix, "invalid_input"]);
  expect((await mount({ bucket: "a/b" })).code).toBe("invalid_input");
  expect((await mount({ secret: "wrong" })).code).toBe("unavailable");
  expect((await mount({ bucket: "nothing-here" })).code).toBe("unavailable");
  expect(await node.value("mounts", {})).toEqual({ mounts: [] });
});
