/** The node's doors over real sockets: who is answered, and who is refused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { guest, type HttpNode, startHttpNode, token } from "../../tests/http/http-node.ts";
import { exchange, statusOf } from "../../tests/http/raw-client.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

const bearer = `Authorization: Bearer ${token}\r\n`;
const ping = "/v1/odd/ping";

/** A GET with exactly these headers. */
function request(headers: string, path = ping, method = "GET"): string {
  return `${method} ${path} HTTP/1.1\r\n${headers}\r\n`;
}

function own(headers = bearer): string {
  return `Host: 127.0.0.1:${node.port}\r\n${headers}`;
}

/** What a refusal may say: nothing that tells what is here. */
function expectBare(answer: string, status: number): void {
  expect(statusOf(answer)).toBe(status);
  const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));
  expect(Object.keys(body).toSorted()).toEqual(["code", "detail", "status", "title", "type"]);
  expect(answer).not.toMatch(/operone\/|bun|odd|sample|v1|server:|x-powered|call-id/i);
  expect(answer).toMatch(/connection: close/i);
}

describe("a caller with a good token", () => {
  test("is answered, under each name of loopback", async () => {
    for (const host of [
      `127.0.0.1:${node.port}`,
      `localhost:${node.port}`,
      `[::1]:${node.port}`,
      `LOCALHOST:${node.port}`,
    ]) {
      const answer = await exchange(node.port, request(`Host: ${host}\r\n${bearer}`));
      expect(answer).toEndWith('"pong"');
    }
  });

  test("may come from a page of the node itself", async () => {
    const answer = await exchange(
      node.port,
      request(own(`${bearer}Origin: http://127.0.0.1:${node.port}\r\nSec-Fetch-Site: same-origin\r\n`)),
    );
    expect(statusOf(answer)).toBe(200);
  });
});

describe("a foreign Host", () => {
  test("is refused on TCP, whatever else is right", async () => {
    for (const host of [
      "evil.example",
      "evil.example:80",
      `evil.example:${node.port}`,
      `127.0.0.1:${node.port + 1}`,
      "127.0.0.1",
      "localhost",
      `127.0.0.1.evil.example:${node.port}`,
      `localhost.:${node.port}`,
      `127.0.0.1:${node.port}, evil.example`,
      `user@127.0.0.1:${node.port}`,
      `127.0.0.1:${node.port}/x`,
      "",
    ]) {
      const answer = await exchange(node.port, request(`Host: ${host}\r\n${bearer}`));
      expectBare(answer, 421);
    }
  });

  test("is refused when it comes twice, and when there is none", async () => {
    expectBare(
      await exchange(node.port, request(`Host: 127.0.0.1:${node.port}\r\nHost: evil.example\r\n${bearer}`)),
      421,
    );
    expect(statusOf(await exchange(node.port, request(bearer)))).toBe(400);
    expectBare(await exchange(node.port, `GET ${ping} HTTP/1.0\r\n${bearer}\r\n`), 421);
  });

  test("is refused on the Unix socket too", async () => {
    for (const host of ["evil.example", `127.0.0.1:${node.port}`, "operone.evil.example"]) {
      expectBare(await exchange(node.socket, request(`Host: ${host}\r\n`)), 421);
    }
    expect(statusOf(await exchange(node.socket, request("Host: operone\r\n")))).toBe(200);
    expect(statusOf(await exchange(node.socket, request("Host: localhost\r\n")))).toBe(200);
  });
});

describe("a page in a browser", () => {
  test("of another origin is refused", async () => {
    for (const origin of [
      "http://evil.example",
      "null",
      "https://127.0.0.1",
      `https://127.0.0.1:${node.port}`,
      `http://localhost:${node.port}`,
      "http://127.0.0.1:3000",
      `http://127.0.0.1:${node.port}.evil.example`,
      "file://",
    ]) {
      expectBare(await exchange(node.port, request(own(`${bearer}Origin: ${origin}\r\n`))), 403);
    }
  });

  test("of another site is refused by Sec-Fetch-Site, even without an Origin", async () => {
    for (const site of ["cross-site", "same-site", "anything"]) {
      expectBare(await exchange(node.port, request(own(`${bearer}Sec-Fetch-Site: ${site}\r\n`))), 403);
    }
  });

  test("never reaches the Unix socket", async () => {
    expectBare(await exchange(node.socket, request("Host: operone\r\nOrigin: http://operone\r\n")), 403);
    expectBare(await exchange(node.socket, request("Host: operone\r\nSec-Fetch-Site: cross-site\r\n")), 403);
  });

  test("cannot open a WebSocket from elsewhere", async () => {
    const upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    expectBare(
      await exchange(
        node.port,
        request(own(`${bearer}${upgrade}Origin: http://evil.example\r\n`), "/v1/odd/chat"),
      ),
      403,
    );
  });

  test("gets no answer to a preflight", async () => {
    const preflight = "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n";
    const answer = await exchange(node.port, request(own(preflight), ping, "OPTIONS"));
    expectBare(answer, 403);
    expect(answer).not.toMatch(/access-control/i);
  });

  test("cannot post a form or plain text", async () => {
    const body = '{"a":1,"b":2}';
    for (const type of [
      "application/x-www-form-urlencoded",
      "text/plain",
      "multipart/form-data; boundary=b",
    ]) {
      const headers = `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
      for (const [to, host] of [
        [node.port, own()],
        [node.socket, "Host: operone\r\n"],
      ] as const) {
        const answer = await exchange(to, `POST /v1/sample/add HTTP/1.1\r\n${host}${headers}\r\n${body}`);
        expect(statusOf(answer)).toBe(415);
      }
    }
  });
});

describe("a token", () => {
  test("is needed on TCP, for every path and method", async () => {
    for (const path of [ping, "/", "/docs", "/openapi.json", "/v1/none/such"]) {
      for (const method of ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE"]) {
        const answer = await exchange(node.port, request(own(""), path, method));
        if (method === "HEAD") expect(statusOf(answer)).toBe(401);
        else expectBare(answer, 401);
        expect(answer).toMatch(/www-authenticate: Bearer/i);
      }
    }
  });

  test("that is wrong, empty, cut, lengthened, doubled or of another scheme is refused", async () => {
    for (const header of [
      "Bearer wrong",
      "Bearer ",
      "Bearer",
      token,
      `Basic ${token}`,
      `Bearer ${token.slice(1)}`,
      `Bearer ${token}x`,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${"x".repeat(5_000)}`,
    ]) {
      expectBare(await exchange(node.port, request(own(`Authorization: ${header}\r\n`))), 401);
    }
    expectBare(await exchange(node.port, request(own(bearer + bearer))), 401);
  });

  test("in the query is refused and told why, even beside a good one, and on the socket", async () => {
    for (const query of [
      `token=${token}`,
      `access_token=${token}`,
      `x=${token}`,
      `x=Bearer+${token}`,
      "a=b&%74oken=whatever",
    ]) {
      const answer = await exchange(node.port, request(own(""), `${ping}?${query}`));
      expectBare(answer, 401);
      expect(answer).toContain("in the query");
    }
    expect(await exchange(node.port, request(own(), `${ping}?x=${token}`))).toContain("in the query");
    expect(await exchange(node.socket, request("Host: operone\r\n", `${ping}?x=${token}`))).toContain(
      "in the query",
    );
  });

  test("in a cookie or a body is none", async () => {
    expectBare(await exchange(node.port, request(own(`Cookie: token=${token}\r\n`))), 401);
    const body = JSON.stringify({ token });
    const post = `POST ${ping} HTTP/1.1\r\n${own("")}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    expectBare(await exchange(node.port, post), 401);
  });

  test("without the right is told so, and only then", async () => {
    const answer = await exchange(
      node.port,
      request(own(`Authorization: Bearer ${guest}\r\n`), "/v1/sample/echo?text=a"),
    );
    expect(statusOf(answer)).toBe(403);
    expect(answer).toMatch(/operone-call-id/i);
  });
});

test("a handler that throws or rejects leaks nothing, and the node goes on", async () => {
  for (const name of ["throw", "reject"]) {
    const response = await node.get(`/v1/odd/${name}`);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/secret|\.ts|at |Error:/);
    expect(JSON.parse(text).code).toBe("internal");
  }
  expect(await (await node.get(ping)).json()).toBe("pong");
  expect(node.log.entries.some(({ fields }) => String(fields.error).includes("secret of the handler"))).toBe(
    true,
  );
});
