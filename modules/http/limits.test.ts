/** What a client sends too much of, too slowly, or in a way that two readers would read differently. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type HttpNode, startHttpNode, token } from "../../tests/http/http-node.ts";
import { exchange, rawClient, statusOf } from "../../tests/http/raw-client.ts";

let node: HttpNode;
beforeAll(async () => {
  // The runtime's own timers cannot be hurried; 4 s is the shortest that it knows.
  node = await startHttpNode({ haste: 50, http: { limits: { idleTimeoutMs: 4_000, bodyBytesMax: 10_000 } } });
});
afterAll(() => node.stop());

const head = (method: string, path: string, headers = "") =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n`;
const json = "Content-Type: application/json\r\n";
const ping = () => node.get("/v1/odd/ping").then((response) => response.json());

describe("a body", () => {
  test("over the limit is refused and the connection closed, announced or not", async () => {
    const large = "x".repeat(20_000);
    const announced = await rawClient(node.port);
    announced.send(head("POST", "/v1/sample/add", `${json}Content-Length: ${large.length}\r\n`) + large);
    expect(statusOf(await announced.closed)).toBe(413);
    const chunked = await rawClient(node.port);
    chunked.send(
      `${head("POST", "/v1/sample/add", `${json}Transfer-Encoding: chunked\r\n`)}4e20\r\n${large}\r\n`,
    );
    expect(statusOf(await chunked.closed)).toBe(413);
  });

  test("without end is refused at the limit", async () => {
    for (const framing of ["Transfer-Encoding: chunked\r\n", "Content-Length: 99999999999\r\n"]) {
      const client = await rawClient(node.port);
      client.send(head("POST", "/v1/sample/add", json + framing));
      const chunk = framing.startsWith("T") ? `400\r\n${"1".repeat(1024)}\r\n` : "1".repeat(1024);
      const pour = () => {
        while (!client.socket.destroyed && client.socket.write(chunk));
        if (!client.socket.destroyed) client.socket.once("drain", pour);
      };
      pour();
      expect(statusOf(await client.closed)).toBe(413);
    }
  });

  test("without end is not even read before the caller is known", async () => {
    const client = await rawClient(node.port);
    client.send(
      `POST /v1/odd/echo HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    client.send(`400\r\n${"1".repeat(1024)}\r\n`);
    expect(statusOf(await client.closed)).toBe(401);
  });

  test("that drips is given up", async () => {
    const client = await rawClient(node.port);
    client.send(head("POST", "/v1/sample/add", `${json}Content-Length: 1000\r\n`));
    const drip = setInterval(() => client.send(" "), 50);
    const answer = await client.closed;
    clearInterval(drip);
    expect(statusOf(answer)).toBe(504);
    expect(answer).toContain('"deadline"');
  });

  test("of bytes that the operation does not want does not stay on the line", async () => {
    const client = await rawClient(node.port);
    client.send(
      head(
        "POST",
        "/v1/odd/ignore",
        "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n",
      ),
    );
    client.send("3\r\nabc\r\n");
    const answer = await client.closed;
    expect(answer).toMatch(/^HTTP\/1.1 200.*"ignored"$/s);
  });
});

describe("a request head", () => {
  test("that is too large or has too many headers is refused", async () => {
    const huge = `X-Large: ${"a".repeat(100_000)}\r\n`;
    const many = Array.from({ length: 500 }, (_, i) => `X-${i}: a\r\n`).join("");
    for (const headers of [huge, many]) {
      expect(statusOf(await exchange(node.port, head("GET", "/v1/odd/ping", headers)))).toBe(431);
    }
    expect(statusOf(await exchange(node.port, head("GET", `/v1/${"a".repeat(50_000)}`)))).toBe(431);
  });

  test("without end is refused", async () => {
    const client = await rawClient(node.port);
    client.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n`);
    const pour = () => {
      while (!client.socket.destroyed && client.socket.write(`X-A: ${"a".repeat(1000)}\r\n`));
      if (!client.socket.destroyed) client.socket.once("drain", pour);
    };
    pour();
    expect(statusOf(await client.closed)).toBe(431);
  });

  test("that could be read in two ways is refused", async () => {
    const post = (framing: string, body: string) => head("POST", "/v1/sample/add", json + framing) + body;
    for (const text of [
      post("Content-Length: 13\r\nTransfer-Encoding: chunked\r\n", '{"a":1,"b":2}'),
      post("Content-Length: 13\r\nContent-Length: 14\r\n", '{"a":1,"b":2}'),
      post("Content-Length: +13\r\n", '{"a":1,"b":2}'),
      post("Content-Length: -1\r\n", ""),
      post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
      post("Transfer-Encoding: chunked\r\n", "ZZ\r\n{}\r\n0\r\n\r\n"),
      post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
      head("GET", "/v1/odd/ping", "X-A : b\r\n"),
      head("GET", "/v1/odd/ping", " folded\r\n"),
      head("GET", "/v1/odd/ping", "X: a\0b\r\n"),
      "GET / HTTP/1.1\nHost: a\n\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]) {
      const client = await rawClient(node.port);
      client.send(text);
      const status = statusOf(await client.closed);
      expect([400, 505]).toContain(status);
    }
  });

  test("in absolute form is judged by its Host, and reaches nothing else", async () => {
    const bearer = `Authorization: Bearer ${token}\r\n`;
    const foreign = `GET http://127.0.0.1:${node.port}/v1/odd/ping HTTP/1.1\r\nHost: evil.example\r\n${bearer}\r\n`;
    expect(statusOf(await exchange(node.port, foreign))).toBe(421);
    const tunnel = `CONNECT evil.example:80 HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n${bearer}\r\n`;
    expect([404, 405]).toContain(statusOf(await exchange(node.port, tunnel)));
  });

  test("of a request that follows on the same connection is judged like the first", async () => {
    const client = await rawClient(node.port);
    client.send(head("GET", "/v1/odd/ping") + head("GET", "/v1/odd/ping"));
    await client.until(/pong.*pong/s);
    client.send(`GET /v1/odd/ping HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n\r\n`);
    expect(await client.closed).toMatch(/HTTP\/1.1 401/);
  });
});

describe("a connection", () => {
  test("that says nothing, little or no more is closed", async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => rawClient(node.port)));
    const [silent, half, dripping, kept, unix] = [...clients, await rawClient(node.socket)];
    half?.send("GET / HTTP/1.1\r\nHo");
    dripping?.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\n`);
    const drip = setInterval(() => dripping?.send("X-A: b\r\n"), 500);
    kept?.send(head("GET", "/v1/odd/ping"));
    await Promise.all([silent, half, dripping, kept, unix].map((client) => client?.closed));
    clearInterval(drip);
    expect(kept?.received()).toEndWith('"pong"');
  }, 30_000);

  test("is one of thousands, and the node still answers", async () => {
    const clients = await Promise.all(Array.from({ length: 2_000 }, () => rawClient(node.port)));
    expect(await ping()).toBe("pong");
    for (const client of clients) client.socket.destroy();
  });
});

test("requests in flight are limited, and the place of one that ended is free again", async () => {
  const small = await startHttpNode({ http: { limits: { requestsInFlightMax: 3 } } });
  const controller = new AbortController();
  const headers = { authorization: `Bearer ${token}` };
  const waiting = Array.from({ length: 3 }, () =>
    fetch(`${small.url}/v1/odd/wait`, { headers, signal: controller.signal }).catch(() => {}),
  );
  await small.until(() => small.happened.started === 3);
  const refused = await small.get("/v1/odd/ping");
  expect(refused.status).toBe(429);
  expect(refused.headers.get("retry-after")).toBe("1");
  // Whoever fills the room must not keep the owner from revoking the token it is done with.
  const owner = await fetch("http://operone/v1/odd/ping", { unix: small.socket });
  expect(owner.status).toBe(200);
  controller.abort();
  await Promise.all(waiting);
  await small.until(() => small.happened.ended === 3);
  expect((await small.get("/v1/odd/ping")).status).toBe(200);
  await small.stop();
});

test("wrong tokens are not looked at in a flood, and who is known still gets in", async () => {
  const guarded = await startHttpNode({ http: { limits: { failedLoginsPerSecondMax: 5 } } });
  await guarded.get("/v1/odd/ping");
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => guarded.get("/v1/odd/ping", { authorization: "Bearer wrong" })),
  );
  const refused = answers.filter(({ status }) => status === 401).length;
  expect(refused).toBeLessThan(100);
  expect(answers.filter(({ status }) => status === 429).length).toBe(200 - refused);
  expect(guarded.authentications()).toBeLessThan(100);
  expect((await guarded.get("/v1/odd/ping")).status).toBe(200);
  await guarded.stop();
});
