/** What an HTTP client makes of a connection that is cut, over real sockets. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import * as v from "valibot";
import { OperoneError } from "../../src/kernel/error.ts";
import { type Operation, operationsOf } from "../../src/kernel/operation.ts";
import type { OperationTable } from "../../src/kernel/view.ts";
import { type Fetch, httpClient } from "../../src/surface/http-client.ts";

const op = operationsOf<null>("sample");
const input = v.strictObject({});
const plain = { summary: "Sample", needs: [], input, output: v.unknown(), run: () => null } as const;
const streamed = { ...plain, run: async function* () {} } as const;
const bytes = { ...plain, run: () => ({ mediaType: "text/plain", open: async function* () {} }) } as const;
const operations: readonly Operation<null>[] = [
  op({ ...plain, name: "get", effect: "read" }),
  op({ ...plain, name: "set", effect: "write" }),
  op({ ...streamed, name: "list", effect: "read", gives: "items" }),
  op({ ...bytes, name: "download", effect: "read", gives: "bytes" }),
];
const table: OperationTable = new Map(operations.map((operation) => [operation.id, operation]));

const withCode = (code: string) => (error: unknown) => error instanceof OperoneError && error.code === code;

async function collect(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

/** A server that sends these bytes for each request and then cuts the connection. */
async function cuttingServer(reply: string): Promise<{ readonly server: Server; readonly baseUrl: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(reply, () => socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) return assert.fail();
  return { server, baseUrl: `http://127.0.0.1:${address.port}` };
}

const realFetch: Fetch = (url, init) => globalThis.fetch(url, init);

test("a connection that is cut is an error in every shape, never a shorter answer", async () => {
  const head = (type: string) =>
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
  const cases = [
    ["sample.get", `${head("application/json")}2\r\n12\r\n`, "unavailable"],
    ["sample.set", `${head("application/json")}2\r\n12\r\n`, "outcome_unknown"],
    [
      "sample.set",
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n12",
      "outcome_unknown",
    ],
    ["sample.list", `${head("text/event-stream")}1c\r\nevent: item\ndata: 1\n\nevent: \r\n`, "unavailable"],
    ["sample.download", `${head("text/plain")}3\r\nabc\r\n`, "unavailable"],
    ["sample.set", "", "outcome_unknown"],
  ] as const;
  for (const [id, reply, code] of cases) {
    const { server, baseUrl } = await cuttingServer(reply);
    const whole = async () => {
      const answer = await httpClient({ fetch: realFetch, baseUrl, table }).call(id, {});
      if (answer.gives === "items") await collect(answer.items);
      if (answer.gives === "bytes") await collect(answer.bytes.open());
      return answer;
    };
    await assert.rejects(whole(), withCode(code), `${id} after ${JSON.stringify(reply)}`);
    await new Promise((resolve) => server.close(resolve));
  }
});

test("where nobody listens nothing can have run, so a write is unavailable", async () => {
  const { server, baseUrl } = await cuttingServer("");
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(
    httpClient({ fetch: realFetch, baseUrl, table }).call("sample.set", {}),
    withCode("unavailable"),
  );
});
