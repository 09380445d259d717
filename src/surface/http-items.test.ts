import assert from "node:assert/strict";
import { test } from "node:test";
import { problemIn, sampleHttp } from "../../tests/surface/sample-http.ts";
import { framesIn } from "./frames.ts";
import { preferred } from "./http-accept.ts";

const { get, post } = await sampleHttp();

async function framesOf(response: Response): Promise<unknown[]> {
  return await Array.fromAsync(framesIn(response.body ?? assert.fail("no body")));
}

test("items come as events that end with an end", async () => {
  const response = await get("/v1/sample/count?to=2");
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(
    await response.text(),
    'event: item\ndata: {"n":1}\n\nevent: item\ndata: {"n":2}\n\nevent: end\ndata: {}\n\n',
  );
});

test("items come as lines of JSON when that is asked for", async () => {
  const response = await post("/v1/sample/count", { to: 2 }, { accept: "application/x-ndjson" });
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(await response.text(), '{"n":1}\n{"n":2}\n');
});

test("items come as frames when those are asked for, and their failure is the last", async () => {
  const frames = { accept: "application/vnd.operone.frames" };
  const response = await post("/v1/sample/count", { to: 2 }, frames);
  assert.equal(response.headers.get("content-type"), "application/vnd.operone.frames");
  assert.deepEqual(await framesOf(response), [
    { key: "items", value: [{ n: 1 }, { n: 2 }] },
    { key: "end", value: true },
  ]);
  const [, last] = await framesOf(await post("/v1/sample/count", { to: 5, failAt: 2 }, frames));
  assert.deepEqual(last, { key: "error", value: { code: "conflict", message: "Counting failed at 2" } });
});

test("items that are ready at once are one chunk of the body, whatever their form", async () => {
  for (const accept of ["application/x-ndjson", "text/event-stream", "application/vnd.operone.frames"]) {
    const { body } = await post("/v1/sample/count", { to: 500 }, { accept });
    const chunks = await Array.fromAsync(body ?? assert.fail("no body"));
    assert.ok(chunks.length <= 2, `${accept}: ${chunks.length} chunks`);
  }
});

test("items come as one array when JSON is asked for", async () => {
  const response = await get("/v1/sample/count?to=3", { accept: "application/json" });
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.deepEqual(await response.json(), [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test("text with line breaks stays one event", async () => {
  const text = "a\nb\r\n\u2028data: x\n\n";
  const response = await get(`/v1/sample/count?to=1&text=${encodeURIComponent(text)}`);
  const [, data = ""] = (await response.text()).split("\n");
  assert.deepEqual(JSON.parse(data.slice("data: ".length)), { n: 1, text });
});

test("an error before the first item is a problem, later it is the last event, line or whole answer", async () => {
  assert.equal((await problemIn(await get("/v1/sample/count?to=5&failAt=1"))).code, "conflict");
  const events = await (await get("/v1/sample/count?to=5&failAt=3")).text();
  assert.match(
    events,
    /event: item\ndata: {"n":2}\n\nevent: error\ndata: {"code":"conflict","message":"Counting failed at 3"}\n\n$/,
  );
  assert.doesNotMatch(events, /event: end/);
  const lines = await (
    await get("/v1/sample/count?to=5&failAt=2", { accept: "application/x-ndjson" })
  ).text();
  assert.equal(lines, '{"n":1}\n{"error":{"code":"conflict","message":"Counting failed at 2"}}\n');
  const array = await get("/v1/sample/count?to=5&failAt=3", { accept: "application/json" });
  assert.equal((await problemIn(array)).code, "conflict");
});

test("an array that grows too large is refused and names the other form", async () => {
  const small = await sampleHttp({ limits: { arrayBytesMax: 1_000 } });
  const problem = await problemIn(await small.get("/v1/sample/count?to=200", { accept: "application/json" }));
  assert.equal(problem.code, "too_large");
  assert.match(String(problem.detail), /application\/x-ndjson/);
  const endless = await problemIn(await small.get("/v1/sample/forever", { accept: "application/json" }));
  assert.equal(endless.code, "too_large");
});

test("the wish with the highest weight wins, the more specific one first", () => {
  const offers = ["text/event-stream", "application/x-ndjson", "application/json"] as const;
  const cases = [
    [null, 0],
    ["", 0],
    ["*/*", 0],
    ["application/json", 2],
    ["application/json;q=0.5, application/x-ndjson", 1],
    ["application/json, */*;q=0.1", 2],
    ["application/*", 1],
    ["application/*, application/x-ndjson;q=0", 2],
    ["APPLICATION/JSON", 2],
    ["text/*;q=0.2, application/json;q=0.1", 0],
    ["text/html, */*;q=0.8", 0],
    ["image/png", 0],
    ["text/event-stream;q=0, */*", 1],
    [";;;,,q=,=", 0],
  ] as const;
  for (const [accept, at] of cases) assert.equal(preferred(accept, offers), offers[at], String(accept));
});
