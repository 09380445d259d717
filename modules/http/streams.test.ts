/** Answers that take their time: who does not read holds nothing, and who leaves ends the call. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type HttpNode, startHttpNode, token } from "../../tests/http/http-node.ts";
import { rawClient, statusOf } from "../../tests/http/raw-client.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const headers = { authorization: `Bearer ${token}` };
const head = (to: HttpNode, path: string, extra = "") =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${to.port}\r\nAuthorization: Bearer ${token}\r\n${extra}\r\n`;

/** Enough turns for everything that will be produced without being read. */
async function busy(): Promise<void> {
  for (let i = 0; i < 100; i++) await node.get("/v1/odd/ping").then((response) => response.text());
}

describe("a client that does not read", () => {
  const bufferedBytesMax = 16 * 1024 * 1024;

  test.each(["/v1/odd/flood", "/v1/odd/pour"])("stops an endless %s", async (path) => {
    const before = node.happened.producedBytes;
    const ends = node.happened.ended;
    const client = await rawClient(node.port, { reads: false });
    client.send(head(node, path));
    await node.until(() => node.happened.producedBytes > before);
    await busy();
    const produced = node.happened.producedBytes - before;
    await busy();
    expect(node.happened.producedBytes - before).toBe(produced);
    expect(produced).toBeLessThan(bufferedBytesMax);
    client.socket.destroy();
    await node.until(() => node.happened.ended > ends);
  });

  test("is cut off after a while, and its call ended", async () => {
    const hasty = await startHttpNode({ haste: 50 });
    for (const path of ["/v1/odd/flood", "/v1/odd/pour"]) {
      const ends = hasty.happened.ended;
      const client = await rawClient(hasty.port, { reads: false });
      client.send(head(hasty, path));
      await hasty.until(() => hasty.happened.ended > ends);
      client.socket.destroy();
    }
    // A value is no call any more when it is sent, but it is still held.
    const client = await rawClient(hasty.port, { reads: false });
    client.send(head(hasty, "/v1/odd/big?sizeBytes=50000000"));
    await hasty.get("/v1/odd/ping");
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    client.socket.resume();
    expect((await client.closed).length).toBeLessThan(50_000_000);
    await hasty.stop();
  }, 15_000);
});

test("a slow reader of a large value gets all of it", async () => {
  const sizeBytes = 3_000_000;
  const response = await node.get(`/v1/odd/big?sizeBytes=${sizeBytes}`);
  let read = 0;
  for await (const chunk of response.body ?? []) {
    read += chunk.length;
    await node.get("/v1/odd/ping");
  }
  expect(read).toBe(sizeBytes + 2);
});

describe("a client that leaves", () => {
  test.each(["/v1/odd/wait", "/v1/odd/hush", "/v1/odd/flood", "/v1/odd/pour"])("ends %s", async (path) => {
    const { started, ended } = node.happened;
    const client = await rawClient(node.port);
    client.send(head(node, path));
    await node.until(() => node.happened.started > started);
    client.socket.destroy();
    await node.until(() => node.happened.ended > ended);
    await node.until(() => node.kernel.view.callsInFlight() === 0);
  });

  test("in the middle of its upload ends the call", async () => {
    const { started } = node.happened;
    const client = await rawClient(node.port);
    const upload = "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n";
    client.send(head(node, "/v1/odd/echo", upload).replace("GET", "POST"));
    client.send("3\r\nabc\r\n");
    await client.until(/event: item/);
    expect(node.happened.started).toBe(started + 1);
    client.socket.destroy();
    await node.until(() => node.kernel.view.callsInFlight() === 0);
  });
});

describe("an upload", () => {
  const binary = "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n";

  test.each(["sip", "taste"])("is not swallowed when the operation stops reading: %s", async (name) => {
    const own = await startHttpNode();
    const client = await rawClient(own.port);
    client.send(head(own, `/v1/odd/${name}`, binary).replace("GET", "POST"));
    const chunk = Buffer.from(`10000\r\n${"x".repeat(65_536)}\r\n`);
    let sentBytes = 0;
    const pour = () => {
      for (; client.socket.write(chunk); sentBytes += chunk.length);
      sentBytes += chunk.length;
      client.socket.once("drain", pour);
    };
    pour();
    // Gigabytes would pass in this time.
    for (let i = 0; i < 5; i++) await busy();
    expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
    client.socket.destroy();
    // Ends what cannot know that its client left.
    own.revoke();
    await own.until(() => own.kernel.view.callsInFlight() === 0);
    await own.stop();
  });

  test("that nobody reads does not hide that its client left", async () => {
    const { ended } = node.happened;
    const client = await rawClient(node.port);
    client.send(
      head(node, "/v1/odd/sip", binary).replace("GET", "POST") +
        `10000\r\n${"x".repeat(65_536)}\r\n`.repeat(20),
    );
    await node.until(() => node.kernel.view.callsInFlight() > 0);
    client.socket.destroy();
    await node.until(() => node.happened.ended > ended);
  });
});

test("bytes go up and items come down at the same time", async () => {
  const client = await rawClient(node.port);
  const upload = "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n";
  client.send(head(node, "/v1/odd/echo", upload).replace("GET", "POST"));
  for (const text of ["a", "bb", "ccc"]) {
    client.send(`${text.length}\r\n${text}\r\n`);
    await client.until(new RegExp(`event: item\ndata: ${text.length}\n`));
  }
  client.send("0\r\n\r\n");
  expect(await client.closed).toContain("event: end");
});

test("a silent stream of items beats, and stays open beyond the runtime's own timer", async () => {
  const hasty = await startHttpNode({ haste: 10, http: { limits: { idleTimeoutMs: 4_000 } } });
  const client = await rawClient(hasty.port);
  client.send(head(hasty, "/v1/odd/hush"));
  // Ten of them are 50 s of the node and 5 s of the clock on the wall.
  await client.until(/(\r\n:\n\n.*){10}/s);
  client.socket.destroy();
  await hasty.stop();
}, 15_000);

test("a call that takes longer than the runtime's own timer is answered", async () => {
  const patient = await startHttpNode({ http: { limits: { idleTimeoutMs: 4_000 } } });
  const controller = new AbortController();
  const waiting = fetch(`${patient.url}/v1/odd/wait`, { headers, signal: controller.signal });
  const first = await Promise.race([
    waiting.then(
      () => "answered",
      () => "cut",
    ),
    Bun.sleep(9_000).then(() => "waiting"),
  ]);
  expect(first).toBe("waiting");
  controller.abort();
  await waiting.catch(() => {});
  await patient.stop();
}, 15_000);

test("bytes that fail on the way reset the connection, so that half is never taken for whole", async () => {
  const path = "/v1/sample/file?sizeBytes=4000000&failAt=2000000";
  const client = await rawClient(node.port);
  client.send(head(node, path));
  const answer = await client.closed;
  expect(statusOf(answer)).toBe(200);
  expect(answer).not.toEndWith("0\r\n\r\n");
  const failed = await node.get(path).then(
    (response) =>
      response.arrayBuffer().then(
        () => "whole",
        () => "broken",
      ),
    () => "broken",
  );
  expect(failed).toBe("broken");
});

test("a range of a large file comes over the socket", async () => {
  const response = await node.get("/v1/sample/file?sizeBytes=4000000", { range: "bytes=1000000-3000000" });
  expect(response.status).toBe(206);
  expect((await response.arrayBuffer()).byteLength).toBe(2_000_001);
});

test("a revoked credential ends what is running on it", async () => {
  const guarded = await startHttpNode();
  const answering = guarded.get("/v1/odd/wait");
  const streaming = await guarded.get("/v1/odd/hush");
  await guarded.until(() => guarded.happened.started === 2);
  guarded.revoke();
  expect((await answering).ok).toBe(false);
  expect(await streaming.text()).toContain("event: error");
  expect((await guarded.get("/v1/odd/ping")).status).toBe(401);
  await guarded.stop();
});
