import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { problemIn, sampleHttp } from "../../tests/surface/sample-http.ts";
import { OperoneError } from "../kernel/error.ts";
import { begun, collected, exactly } from "./http-bytes.ts";
import { rangeOf } from "./http-range.ts";

const sizeBytes = 200_000;
const path = `/v1/sample/file?sizeBytes=${sizeBytes}`;
const { get, send, post } = await sampleHttp();
const bytesIn = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const part = (start: number, end: number) =>
  Uint8Array.from({ length: end - start }, (_, i) => (start + i) % 251);

test("bytes come whole, with type, size, validator and name", async () => {
  const response = await get(path);
  const { headers } = response;
  assert.equal(response.status, 200);
  assert.equal(headers.get("content-type"), "text/plain");
  assert.equal(headers.get("operone-size-bytes"), String(sizeBytes));
  assert.equal(headers.get("etag"), `"e${sizeBytes}"`);
  assert.equal(headers.get("accept-ranges"), "bytes");
  assert.equal(
    headers.get("content-disposition"),
    "attachment; filename=\"_ b.txt\"; filename*=UTF-8''%C3%A4%20b.txt",
  );
  assert.deepEqual(await bytesIn(response), part(0, sizeBytes));
});

test("a range gives exactly its part", async () => {
  const cases = [
    ["bytes=0-0", 0, 1],
    ["bytes=100-199", 100, 200],
    ["bytes=199990-", 199_990, sizeBytes],
    ["bytes=-10", 199_990, sizeBytes],
    ["bytes=-999999", 0, sizeBytes],
    ["bytes=150000-999999", 150_000, sizeBytes],
    ["BYTES=5-9", 5, 10],
  ] as const;
  for (const [range, start, end] of cases) {
    const response = await get(path, { range });
    assert.equal(response.status, 206, range);
    assert.equal(response.headers.get("content-range"), `bytes ${start}-${end - 1}/${sizeBytes}`);
    assert.deepEqual(await bytesIn(response), part(start, end), range);
  }
});

test("a range that is malformed, of another unit or manifold gives the whole", async () => {
  for (const range of [
    "bytes",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "items=0-1",
    "bytes=0-1,5-6",
    "bytes=9-5",
    "bytes=1-2x",
  ]) {
    const response = await get(path, { range });
    assert.equal(response.status, 200, range);
    await response.body?.cancel();
  }
});

test("a range outside is refused with the size", async () => {
  for (const range of [`bytes=${sizeBytes}-`, "bytes=999999-9999999", "bytes=-0"]) {
    const response = await get(path, { range });
    assert.equal(response.status, 416, range);
    assert.equal(response.headers.get("content-range"), `bytes */${sizeBytes}`);
    assert.equal((await problemIn(response)).code, "range");
  }
});

test("every range that is answered lies within the bytes and is not empty", () => {
  fc.assert(
    fc.property(fc.nat(50), fc.option(fc.nat(80)), fc.option(fc.nat(80)), (size, first, last) => {
      const headers = new Headers({ range: `bytes=${first ?? ""}-${last ?? ""}` });
      let range: ReturnType<typeof rangeOf>;
      try {
        range = rangeOf(headers, { sizeBytes: size });
      } catch (error) {
        return error instanceof OperoneError && error.code === "range";
      }
      return range === undefined || (range.start >= 0 && range.start < range.end && range.end <= size);
    }),
  );
});

test("If-Range gives the part only of the same bytes", async () => {
  const range = "bytes=0-9";
  for (const [ifRange, status] of [
    [`"e${sizeBytes}"`, 206],
    ['"other"', 200],
    [`W/"e${sizeBytes}"`, 200],
    ["Fri, 20 Nov 2026 12:00:00 GMT", 200],
  ] as const) {
    const response = await get(path, { range, "if-range": ifRange });
    assert.equal(response.status, status, ifRange);
    await response.body?.cancel();
  }
});

test("If-None-Match answers 304 without a body and ends the call", async () => {
  for (const match of [`"e${sizeBytes}"`, `W/"e${sizeBytes}"`, `"a", "e${sizeBytes}"`, "*"]) {
    const response = await get(path, { "if-none-match": match });
    assert.equal(response.status, 304, match);
    assert.equal(response.headers.get("etag"), `"e${sizeBytes}"`);
    assert.equal((await response.arrayBuffer()).byteLength, 0);
  }
  const other = await get(path, { "if-none-match": '"a"' });
  assert.equal(other.status, 200);
  await other.body?.cancel();
});

test("If-Match refuses other bytes", async () => {
  assert.equal((await problemIn(await get(path, { "if-match": '"other"' }))).code, "precondition_failed");
  const same = await get(path, { "if-match": `"e${sizeBytes}"` });
  assert.equal(same.status, 200);
  await same.body?.cancel();
});

test("a POST of a read takes ranges too, but is never not modified", async () => {
  const response = await post("/v1/sample/file", { sizeBytes }, { range: "bytes=0-4", "if-none-match": "*" });
  assert.equal(response.status, 206);
  assert.deepEqual(await bytesIn(response), part(0, 5));
});

test("HEAD tells the size of a part", async () => {
  const response = await send(path, { method: "HEAD", headers: { range: "bytes=0-4" } });
  assert.deepEqual([response.status, response.headers.get("content-length")], [206, "5"]);
});

test("an error before the first byte is an error, later the body breaks off", async () => {
  assert.equal((await problemIn(await get(`${path}&failAt=0`))).code, "conflict");
  // Small enough to be collected first, so no half is ever sent.
  assert.equal((await problemIn(await get("/v1/sample/file?sizeBytes=40000&failAt=30000"))).code, "conflict");
  const late = await get(`${path}&failAt=90000`);
  assert.equal(late.status, 200);
  await assert.rejects(late.arrayBuffer());
});

test("more or fewer bytes than announced are never taken for the whole", async () => {
  const of = async function* (...sizes: number[]) {
    for (const size of sizes) yield new Uint8Array(size);
  };
  const drain = async (chunks: AsyncIterable<Uint8Array>) => {
    let total = 0;
    for await (const chunk of chunks) total += chunk.length;
    return total;
  };
  assert.equal(await drain(exactly(of(3, 0, 2), 5)), 5);
  assert.equal(await drain(exactly(of(3, 2), undefined)), 5);
  await assert.rejects(drain(exactly(of(3), 5)));
  await assert.rejects(drain(exactly(of(3, 3), 5)));
  await assert.rejects(collected(of(3, 3), 5));
});

test("what has begun gives its first chunk once", async () => {
  const iterator = await begun(
    (async function* () {
      yield Uint8Array.of(1);
      yield Uint8Array.of(2);
    })(),
  );
  const seen: number[] = [];
  for (let step = await iterator.next(); step.done !== true; step = await iterator.next())
    seen.push(...step.value);
  assert.deepEqual(seen, [1, 2]);
});
