import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { problemIn, sampleHttp } from "../../tests/surface/sample-http.ts";
import { OperoneError } from "../kernel/error.ts";
import { simulatedClock } from "../kernel/simulated.ts";
import { parseJson, readJson, uploadOf } from "./http-body.ts";

const limits = { bodyBytesMax: 1_000, bodyTimeoutMs: 1_000, jsonDepthMax: 64 };
const withCode = (code: string) => (error: unknown) => error instanceof OperoneError && error.code === code;

function requestOf(body: string | ReadableStream<Uint8Array>, headers: Record<string, string> = {}) {
  const duplex = body instanceof ReadableStream ? { duplex: "half" as const } : {};
  return new Request("http://operone/", { method: "POST", body, headers, ...duplex });
}

/** A body in pieces; `onCancel` tells that nobody wants more. */
function pieces(chunks: Iterable<Uint8Array>, onCancel = () => {}): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.iterator]();
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const step = iterator.next();
        if (step.done === true) controller.close();
        else controller.enqueue(step.value);
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  );
}

test("a form, plain text, another type or none is refused before the body is read", async () => {
  const { send } = await sampleHttp();
  const types = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/plain; application/json",
    "application/jsonp",
    "application/json-patch+json",
    "application/octet-stream",
    "application/json; charset=utf-16",
    "",
  ];
  for (const type of types) {
    const response = await send("/v1/sample/add", {
      method: "POST",
      body: new TextEncoder().encode('{"a":1,"b":2}'),
      headers: type === "" ? {} : { "content-type": type },
    });
    assert.equal(response.status, 415, type);
    assert.equal(response.headers.get("connection"), "close");
    assert.equal((await problemIn(response)).code, "unsupported_media");
  }
});

test("JSON is taken with a charset and in any case of the type", async () => {
  const { post } = await sampleHttp();
  for (const type of [
    "application/json; charset=utf-8",
    "Application/JSON",
    'application/json;charset="UTF-8"',
  ]) {
    assert.equal((await post("/v1/sample/add", { a: 1, b: 2 }, { "content-type": type })).status, 200, type);
  }
});

test("a body over the limit is refused, whether announced or not", async () => {
  const { post } = await sampleHttp({ limits: { bodyBytesMax: 100 } });
  const large = JSON.stringify({ a: 1, b: 2, x: "y".repeat(200) });
  for (const headers of [{ "content-length": String(large.length) }, {}]) {
    const response = await post("/v1/sample/add", large, headers);
    assert.equal(response.status, 413);
    assert.equal(response.headers.get("connection"), "close");
    assert.deepEqual((await problemIn(response)).details, { limitBytes: 100 });
  }
});

test("an endless body is read up to the limit and no further", async () => {
  let given = 0;
  let cancelled = false;
  const endless = function* () {
    for (;;) {
      given += 100;
      yield new Uint8Array(100).fill(32);
    }
  };
  const body = pieces(endless(), () => {
    cancelled = true;
  });
  await assert.rejects(readJson(requestOf(body), limits, simulatedClock()), withCode("too_large"));
  assert.ok(cancelled);
  assert.ok(given <= limits.bodyBytesMax + 300, `${given} bytes were taken`);
});

test("a body that stands still is given up", async () => {
  const clock = simulatedClock();
  const reading = readJson(requestOf(new ReadableStream<Uint8Array>()), limits, clock);
  const refused = assert.rejects(reading, withCode("deadline"));
  await clock.advance(limits.bodyTimeoutMs);
  await refused;
});

test("no timer is left when a body was read", async () => {
  const clock = simulatedClock();
  await readJson(requestOf("{}"), limits, clock);
  await readJson(requestOf("{}", { "content-length": "2" }), limits, clock);
  assert.equal(clock.timers, 0);
});

test("a body in any pieces reads the same", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.json({ maxDepth: 3 }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      async (text, sizes) => {
        const bytes = new TextEncoder().encode(text);
        const parts: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          parts.push(bytes.subarray(at, at + size));
          at += size;
        }
        const roomy = { ...limits, bodyBytesMax: 1_000_000 };
        assert.deepEqual(await readJson(requestOf(pieces(parts)), roomy, simulatedClock()), JSON.parse(text));
      },
    ),
    { numRuns: 50 },
  );
});

test("what is no JSON, no UTF-8 or nothing is refused as invalid input", async () => {
  const { post } = await sampleHttp();
  for (const body of ["{", "", "undefined", "{'a':1}", Uint8Array.of(0x22, 0xff, 0x22)]) {
    assert.equal((await problemIn(await post("/v1/sample/add", body))).code, "invalid_input", String(body));
  }
  assert.equal((await problemIn(await post("/v1/sample/add", "[1,2]"))).code, "invalid_input");
});

test("nesting is limited before it is parsed, and brackets in strings are none", () => {
  assert.throws(() => parseJson("[".repeat(500_000), 64), withCode("invalid_input"));
  assert.throws(() => parseJson(`${"[".repeat(65)}${"]".repeat(65)}`, 64), withCode("invalid_input"));
  assert.throws(() => parseJson(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, 64), withCode("invalid_input"));
  parseJson(`${"[".repeat(64)}${"]".repeat(64)}`, 64);
  const text = JSON.stringify({ a: `${"[".repeat(200)}"\\`, b: ["\\"] });
  assert.deepEqual(parseJson(text, 2), JSON.parse(text));
});

test("names of prototypes are keys like others, and are refused", async () => {
  const { post } = await sampleHttp();
  for (const name of ["__proto__", "constructor", "prototype"]) {
    const problem = await problemIn(
      await post("/v1/sample/add", `{"a":1,"b":2,"${name}":{"polluted":true}}`),
    );
    assert.equal(problem.code, "invalid_input", name);
  }
  const { get } = await sampleHttp();
  assert.equal((await problemIn(await get("/v1/sample/echo?text=a&__proto__=b"))).code, "invalid_input");
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("the last of two equal keys counts, as everywhere in JSON", async () => {
  const { post } = await sampleHttp();
  assert.deepEqual(await (await post("/v1/sample/add", '{"a":1,"a":5,"b":2}')).json(), { sum: 7 });
});

test("bytes are taken as a stream with the input in the query, and the JSON form carries none", async () => {
  const { post } = await sampleHttp();
  const type = { "content-type": "application/octet-stream" };
  const stored = await post(
    "/v1/sample/store?name=a&tags=x&tags=y",
    pieces([Uint8Array.of(1, 2), Uint8Array.of(3)]),
    type,
  );
  assert.deepEqual(await stored.json(), {
    name: "a",
    tags: ["x", "y"],
    sizeBytes: 3,
    sha256: "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81",
  });
  const without = await post("/v1/sample/store", { name: "b" });
  assert.match(await without.text(), /"sizeBytes":0/);
});

test("bytes are read only as fast as the operation reads them", async () => {
  const clock = simulatedClock();
  const { body, given } = counted();
  const { bytes, ended, stop } = uploadOf(requestOf(body), clock);
  const iterator = bytes[Symbol.asyncIterator]();
  for (let i = 0; i < 3; i++) await iterator.next();
  await clock.advance(60_000);
  assert.ok(given() <= 5, `${given()} chunks were taken for 3`);
  assert.equal(ended(), false);
  stop();
});

test("what the operation does not want is taken slowly, until the answer is over", async () => {
  const clock = simulatedClock();
  const { body, given } = counted();
  const { bytes, stop } = uploadOf(requestOf(body), clock);
  for await (const _ of bytes) break;
  const before = given();
  await clock.advance(10_000);
  assert.ok(given() - before >= 30 && given() - before <= 50, `${given() - before} chunks in 10 s`);
  stop();
  const after = given();
  await clock.advance(10_000);
  assert.ok(given() - after <= 1);
  assert.equal(clock.timers, 0);
});

/** An endless body that counts its pieces. */
function counted() {
  let given = 0;
  const endless = function* () {
    for (;;) {
      given++;
      yield new Uint8Array(100);
    }
  };
  return { body: pieces(endless()), given: () => given };
}
