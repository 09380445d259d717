import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { identityOf, problemIn, sampleHttp } from "../../tests/surface/sample-http.ts";
import { nobody, sampleKernel } from "../../tests/surface/sample-node.ts";
import { OperoneError } from "../kernel/error.ts";
import { operationsOf } from "../kernel/operation.ts";
import type { KernelView } from "../kernel/view.ts";

test("a POST with JSON is answered with JSON and the call's id", async () => {
  const { post } = await sampleHttp({ newCallId: () => "c1" });
  const response = await post("/v1/sample/add", { a: 1, b: 2 });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { sum: 3 });
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("operone-call-id"), "c1");
});

test("every answer forbids storing and sniffing", async () => {
  const { get, post } = await sampleHttp();
  for (const response of [
    await post("/v1/sample/add", { a: 1, b: 2 }),
    await get("/v1/sample/count?to=1"),
    await get("/v1/sample/file?sizeBytes=3"),
    await get("/v1/none/such"),
    await get("/docs"),
    await get("/openapi.json"),
  ]) {
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    await response.body?.cancel();
  }
});

test("what a browser could show as a page runs nothing there", async () => {
  const { get } = await sampleHttp();
  for (const path of ["/v1/sample/file?sizeBytes=3", "/docs", "/openapi.json"]) {
    const policy = (await get(path)).headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /script-src|unsafe-eval|\*/);
  }
});

test("a GET takes its input from the query, with types", async () => {
  const { get } = await sampleHttp();
  const response = await get("/v1/sample/echo?text=5&count=7&names=a&names=b&deep=true");
  assert.deepEqual(await response.json(), {
    text: "5",
    count: 7,
    deep: true,
    level: "info",
    names: ["a", "b"],
  });
});

test("only operations that read answer GET", async () => {
  const { get } = await sampleHttp();
  const response = await get("/v1/sample/add?a=1&b=2");
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("allow"), "POST");
  assert.equal((await problemIn(response)).code, "unsupported");
});

test("OPTIONS and other methods are refused, so no browser is told that it may", async () => {
  const { send } = await sampleHttp();
  for (const method of ["OPTIONS", "PUT", "DELETE", "PATCH"]) {
    for (const path of ["/v1/sample/echo", "/docs"]) {
      const response = await send(path, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("access-control-allow-origin"), null);
    }
  }
});

test("HEAD tells the length and sends nothing", async () => {
  const { send, get } = await sampleHttp();
  for (const path of ["/v1/sample/echo?text=ab", "/v1/sample/file?sizeBytes=100", "/docs"]) {
    const head = await send(path, { method: "HEAD" });
    const body = await (await get(path)).arrayBuffer();
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("content-length"), String(body.byteLength), path);
    assert.equal((await head.arrayBuffer()).byteLength, 0);
  }
});

test("HEAD of endless items ends the operation", async () => {
  const { send } = await sampleHttp();
  const response = await send("/v1/sample/forever", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.body, null);
});

test("a failure is a problem document with code, message, details and call", async () => {
  const { get } = await sampleHttp({ newCallId: () => "c2" });
  const response = await get("/v1/sample/refuse?code=conflict&message=Taken");
  assert.equal(response.status, 409);
  assert.deepEqual(await problemIn(response), {
    contentType: "application/problem+json",
    type: "urn:operone:error:conflict",
    title: "Conflict",
    status: 409,
    detail: "Taken",
    code: "conflict",
    details: { code: "conflict" },
    callId: "c2",
  });
});

test("a crash tells nothing of itself", async () => {
  const { post } = await sampleHttp();
  const response = await post("/v1/sample/crash", {});
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.doesNotMatch(text, /secret detail|TypeError|\.ts|at /);
});

test("an error of the surface itself tells nothing either, and is reported", async () => {
  const table = new Map([["a.b", brokenOperation()]]);
  const view: Pick<KernelView, "table" | "call"> = { table, call: () => Promise.reject(new Error("secret")) };
  const { get, unexpected } = await sampleHttp({ view });
  const response = await get("/v1/a/b");
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /secret/);
  assert.equal(unexpected.length, 1);
});

function brokenOperation() {
  return operationsOf<unknown>("a")({
    name: "b",
    summary: "Break",
    effect: "read",
    needs: [],
    input: v.strictObject({}),
    output: v.null(),
    run: () => null,
  });
}

test("what is unknown, hidden from HTTP or of another form is not found, in the same words", async () => {
  const { get } = await sampleHttp();
  for (const path of [
    "/",
    "/v1/sample",
    "/v1/sample/none",
    "/v1/sample/far",
    "/v1/sample/echo/",
    "/v1//",
    "/x",
  ]) {
    const problem = await problemIn(await get(path));
    assert.deepEqual([problem.status, problem.code], [404, "not_found"], path);
    assert.equal(
      problem.detail,
      `There is nothing at "${path}"; /docs and /openapi.json list the operations`,
    );
  }
});

test("a caller without the right is refused", async () => {
  const { send } = await sampleHttp();
  const response = await send("/v1/sample/echo?text=a", {}, { sets: nobody });
  assert.equal(response.status, 403);
});

test("the command line is told apart by its header, and no other surface can be claimed", async () => {
  const calls: string[] = [];
  const view = await viewThat((surface) => calls.push(surface));
  const { get } = await sampleHttp({ view });
  await get("/v1/sample/near");
  await get("/v1/sample/near", { "operone-surface": "cli" });
  assert.deepEqual(calls, ["http", "cli"]);
  const response = await get("/v1/sample/far", { "operone-surface": "mesh" });
  assert.equal(response.status, 400);
});

async function viewThat(note: (surface: string) => void) {
  const { view } = await sampleKernel();
  const call: KernelView["call"] = (one) => {
    note(one.surface);
    return view.call(one);
  };
  return { table: view.table, call };
}

test("the node is named by query or header, and by one only", async () => {
  const { get, post } = await sampleHttp();
  const elsewhere = await problemIn(await get("/v1/sample/echo?text=a&node=pi"));
  assert.equal(elsewhere.code, "unavailable");
  const byHeader = await problemIn(await post("/v1/sample/add", { a: 1, b: 1 }, { "operone-node": "pi" }));
  assert.equal(byHeader.code, "unavailable");
  const both = await problemIn(await get("/v1/sample/echo?text=a&node=pi", { "operone-node": "nas" }));
  assert.equal(both.code, "invalid_input");
  assert.match(String(both.detail), /"pi" and "nas"/);
  const empty = await problemIn(await get("/v1/sample/echo?text=a&node="));
  assert.equal(empty.code, "invalid_input");
});

test("a repeated write with the same key runs once", async () => {
  const { post } = await sampleHttp();
  const key = { "idempotency-key": "k1" };
  assert.deepEqual(await (await post("/v1/sample/add", { a: 1, b: 2 }, key)).json(), { sum: 3 });
  assert.equal((await post("/v1/sample/add", { a: 1, b: 2 }, key)).status, 200);
  assert.equal((await problemIn(await post("/v1/sample/add", { a: 9, b: 2 }, key))).code, "conflict");
});

test("a call ends when its caller loses its rights", async () => {
  const { send } = await sampleHttp();
  const controller = new AbortController();
  const answering = send("/v1/sample/slow", {}, identityOf(undefined, controller.signal));
  controller.abort(new OperoneError("unauthenticated", "The token was revoked"));
  assert.equal((await problemIn(await answering)).code, "unauthenticated");
});

test("a value comes as an event after its progress, for who asks for events", async () => {
  const { post } = await sampleHttp();
  const response = await post("/v1/sample/add", { a: 1, b: 2 }, { accept: "text/event-stream" });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(
    await response.text(),
    'event: progress\ndata: {"done":1,"total":2,"unit":"numbers"}\n\nevent: value\ndata: {"sum":3}\n\nevent: end\ndata: {}\n\n',
  );
  const refused = await post("/v1/sample/add", { a: "x" }, { accept: "text/event-stream" });
  assert.equal((await problemIn(refused)).code, "invalid_input");
});

test("query parameters beside a JSON body are refused by name", async () => {
  const { post } = await sampleHttp();
  const problem = await problemIn(await post("/v1/sample/add?a=5", { a: 1, b: 2 }));
  assert.equal(problem.code, "invalid_input");
  assert.match(String(problem.detail), /"a"/);
});
