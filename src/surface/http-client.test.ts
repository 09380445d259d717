import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { OperoneError } from "../kernel/error.ts";
import { type Operation, operationsOf } from "../kernel/operation.ts";
import type { OperationTable } from "../kernel/view.ts";
import { type Fetch, type FetchInit, httpClient } from "./http-client.ts";

const op = operationsOf<null>("sample");
const input = v.strictObject({ path: v.optional(v.string()), count: v.optional(v.number()) });
const plain = { summary: "Sample", needs: [], input, output: v.unknown(), run: () => null } as const;
const streamed = {
  summary: "Sample",
  needs: [],
  input,
  output: v.unknown(),
  run: async function* () {},
} as const;
const bytes = { ...plain, run: () => ({ mediaType: "text/plain", open: async function* () {} }) } as const;
const operations: readonly Operation<null>[] = [
  op({ ...plain, name: "get", effect: "read" }),
  op({ ...plain, name: "set", effect: "write" }),
  op({ ...streamed, name: "list", effect: "read", gives: "items" }),
  op({ ...streamed, name: "apply", effect: "write", gives: "items" }),
  op({ ...bytes, name: "download", effect: "read", gives: "bytes" }),
  op({ ...bytes, name: "render", effect: "write", gives: "bytes" }),
  op({ ...plain, name: "upload", effect: "write", takes: "bytes" }),
];
const table: OperationTable = new Map(operations.map((operation) => [operation.id, operation]));

interface Sent {
  readonly url: URL;
  readonly init: FetchInit;
}

function clientOf(
  answer: (sent: Sent) => Response | Promise<Response>,
  extra: { readonly token?: string } = {},
) {
  const sent: Sent[] = [];
  const fetch: Fetch = async (url, init) => {
    const request = { url: new URL(url), init };
    sent.push(request);
    return answer(request);
  };
  return { sent, client: httpClient({ fetch, baseUrl: "http://operone", table, surface: "cli", ...extra }) };
}

const json = (value: unknown, init: ResponseInit = {}) =>
  new Response(JSON.stringify(value), {
    ...init,
    headers: { "content-type": "application/json", "operone-call-id": "c1" },
  });
const events = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });
const withCode = (code: string) => (error: unknown) => error instanceof OperoneError && error.code === code;

async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function itemsFrom(response: Response, id = "sample.list"): Promise<AsyncIterable<unknown>> {
  const answer = await clientOf(() => response).client.call(id, {});
  assert.equal(answer.gives, "items");
  return answer.gives === "items" ? answer.items : assert.fail();
}

test("a value is posted as JSON with the node, the key, the token and the surface", async () => {
  const { client, sent } = clientOf(() => json({ a: 1 }), { token: "t" });
  const answer = await client.call("sample.set", { path: "a" }, { node: "pi ä", idempotencyKey: "k1" });
  assert.deepEqual(answer, { gives: "value", callId: "c1", value: { a: 1 } });
  const [{ url, init } = assert.fail()] = sent;
  assert.equal(url.pathname, "/v1/sample/set");
  assert.equal(url.searchParams.get("node"), "pi ä");
  assert.equal(init.body, '{"path":"a"}');
  assert.equal(init.headers.authorization, "Bearer t");
  assert.equal(init.headers["idempotency-key"], "k1");
  assert.equal(init.headers["operone-surface"], "cli");
});

test("a key that cannot stand in a header is refused before anything is sent", async () => {
  const { client, sent } = clientOf(() => json({}));
  await assert.rejects(client.call("sample.set", {}, { idempotencyKey: "a\nb" }), withCode("invalid_input"));
  assert.equal(sent.length, 0);
});

test("a problem document becomes the node's own error", async () => {
  const problem = { code: "conflict", detail: "It is there already", status: 409, details: { path: "a" } };
  const { client } = clientOf(() => json(problem, { status: 409 }));
  await assert.rejects(client.call("sample.set", {}), (error) => {
    assert.ok(error instanceof OperoneError);
    assert.deepEqual(
      [error.code, error.message, error.details],
      ["conflict", "It is there already", { path: "a" }],
    );
    return true;
  });
});

test("a failure without a problem document is told apart from a node's own", async () => {
  const { client } = clientOf(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(client.call("sample.get", {}), withCode("unavailable"));
});

test("items come as events until the end; heartbeats and unknown events are passed over", async () => {
  const items = await itemsFrom(
    events(
      'event: item\ndata: 1\n\n: beat\n\nevent: other\ndata: 9\n\nevent: item\r\ndata: {"a":"\\n"}\r\n\r\nevent: end\ndata: {}\n\n',
    ),
  );
  assert.deepEqual(await collect(items), [1, { a: "\n" }]);
});

test("an error after the first item comes after that item", async () => {
  const items = await itemsFrom(
    events('event: item\ndata: 1\n\nevent: error\ndata: {"code":"not_found","message":"gone"}\n\n'),
  );
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const item of items) seen.push(item);
  }, withCode("not_found"));
  assert.deepEqual(seen, [1]);
});

test("items without an end are an error: unavailable for reads, outcome_unknown for writes", async () => {
  const half = () => events("event: item\ndata: 1\n\nevent: item\ndata: 2\n");
  await assert.rejects(itemsFrom(half()).then(collect), withCode("unavailable"));
  await assert.rejects(itemsFrom(half(), "sample.apply").then(collect), withCode("outcome_unknown"));
});

test("dropping the items gives the connection up, also before the first was read", async () => {
  let cancelled = 0;
  const endless = () => {
    const body = new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const items = await itemsFrom(endless());
  await items[Symbol.asyncIterator]().return?.();
  assert.equal(cancelled, 1);
});

test("progress is asked for as events, and the value comes after it", async () => {
  const { client, sent } = clientOf(() =>
    events('event: progress\ndata: {"done":1}\n\nevent: value\ndata: 7\n\nevent: end\ndata: {}\n\n'),
  );
  const seen: unknown[] = [];
  const answer = await client.call("sample.get", {}, { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(answer, { gives: "value", callId: "", value: 7 });
  assert.deepEqual(seen, [{ done: 1 }]);
  assert.match(sent[0]?.init.headers.accept ?? "", /^text\/event-stream/);
});

test("bytes keep their type, size, validator and name; a part is asked for as a range", async () => {
  const whole = "0123456789";
  const { client, sent } = clientOf(({ init }) => {
    const range = /bytes=(\d+)-(\d+)/.exec(init.headers.range ?? "");
    const headers = {
      "content-type": "text/plain",
      etag: '"e1"',
      "content-disposition": "attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%A4.txt",
    };
    if (range === null) return new Response(whole, { headers: { ...headers, "content-length": "10" } });
    return new Response(whole.slice(Number(range[1]), Number(range[2]) + 1), { status: 206, headers });
  });
  const read = async (range?: { start: number; end: number }) => {
    const answer = await client.call("sample.download", {});
    if (answer.gives !== "bytes") return assert.fail();
    const { open, ...facts } = answer.bytes;
    assert.deepEqual(facts, { mediaType: "text/plain", sizeBytes: 10, etag: "e1", fileName: "ä.txt" });
    const chunks = await collect(open(range));
    assert.throws(() => open(), withCode("conflict"));
    return Buffer.concat(chunks as Uint8Array[]).toString();
  };
  assert.equal(await read(), whole);
  assert.equal(await read({ start: 2, end: 5 }), "234");
  assert.equal(await read({ start: 5, end: 5 }), "");
  assert.equal(sent.at(-2)?.init.headers.range, "bytes=2-4");
});

test("bytes that are shorter than announced are an error", async () => {
  const headers = { "content-type": "text/plain", "content-length": "10" };
  const answer = await clientOf(() => new Response("01234", { headers })).client.call("sample.download", {});
  const open = answer.gives === "bytes" ? answer.bytes.open : assert.fail();
  await assert.rejects(collect(open()), withCode("unavailable"));
});

test("bytes go up as a stream with the input in the query", async () => {
  const { client, sent } = clientOf(async ({ init }) => json(await new Response(init.body).text()));
  const upload = async function* () {
    yield new TextEncoder().encode("ab");
    yield new TextEncoder().encode("cd");
  };
  const answer = await client.call("sample.upload", { path: "a b", count: 3 }, { bytes: upload() });
  assert.deepEqual(answer, { gives: "value", callId: "c1", value: "abcd" });
  assert.equal(sent[0]?.url.search, "?path=a+b&count=3");
  assert.equal(sent[0]?.init.headers["content-type"], "application/octet-stream");
});

test("an error of the caller's own bytes is told as it is", async () => {
  const { client } = clientOf(async ({ init }) => json(await new Response(init.body).text()));
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
    throw new OperoneError("not_found", "The file is gone");
  };
  await assert.rejects(client.call("sample.upload", {}, { bytes: broken() }), withCode("not_found"));
});

test("a cancelled call says so, or gives the signal's own reason", async () => {
  const { client } = clientOf(({ init }) => Promise.reject(init.signal?.reason));
  await assert.rejects(client.call("sample.get", {}, { signal: AbortSignal.abort() }), withCode("cancelled"));
  const reason = new OperoneError("deadline", "Too late");
  await assert.rejects(
    client.call("sample.get", {}, { signal: AbortSignal.abort(reason) }),
    withCode("deadline"),
  );
});

test("a part of bytes is refused where asking for it would do the work again", async () => {
  const { client, sent } = clientOf(() => new Response("abc", { headers: { "content-type": "text/plain" } }));
  const answer = await client.call("sample.render", {});
  const open = answer.gives === "bytes" ? answer.bytes.open : assert.fail();
  assert.throws(() => open({ start: 0, end: 1 }), withCode("range"));
  assert.equal(sent.length, 1);
});

/** Chunks that never end a line and never end. */
function endless(type: string): Response {
  const chunk = new Uint8Array(1024 * 1024).fill(0x61);
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(chunk) });
  return new Response(body, { headers: { "content-type": type } });
}

test("an answer without end is refused before it fills the memory", async () => {
  await assert.rejects(
    clientOf(() => endless("application/json")).client.call("sample.get", {}),
    withCode("too_large"),
  );
  await assert.rejects(itemsFrom(endless("text/event-stream")).then(collect), withCode("too_large"));
});

test("an input that does not fit beside a stream is refused with its length, and goes alone as JSON", async () => {
  const { client, sent } = clientOf(() => json(null));
  const long = { path: "x".repeat(20_000) };
  const upload = client.call("sample.upload", long, { bytes: (async function* () {})() });
  await assert.rejects(upload, withCode("too_large"));
  assert.equal(sent.length, 0);
  await client.call("sample.upload", long);
  assert.equal(sent.length, 1);
});
