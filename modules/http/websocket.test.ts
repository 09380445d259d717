import { afterAll, beforeAll, expect, test } from "bun:test";
import { type HttpNode, startHttpNode, token } from "../../tests/http/http-node.ts";
import { rawClient, statusOf } from "../../tests/http/raw-client.ts";

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode();
});
afterAll(() => node.stop());

/** A WebSocket as a browser opens it: it can send protocols, and no header. */
function open(path: string, protocols: string[] = ["operone.v1", `bearer.${token}`]) {
  const socket = new WebSocket(node.url.replace("http", "ws") + path, protocols);
  const frames: unknown[] = [];
  let noticed = () => {};
  socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(String(data)));
    noticed();
  };
  const closed = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => {
      noticed();
      resolve(code);
    };
  });
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("not opened"));
  });
  opened.catch(() => {});
  const until = async (count: number) => {
    while (frames.length < count) {
      await new Promise<void>((resolve) => {
        noticed = resolve;
      });
    }
  };
  return { socket, frames, closed, opened, until };
}

const message = (text: string) => JSON.stringify({ message: text });

test("messages go both ways, with the token in a subprotocol that is not selected", async () => {
  const { socket, frames, closed, opened, until } = open("/v1/odd/chat");
  await opened;
  expect(socket.protocol).toBe("operone.v1");
  socket.send(message("a"));
  await until(2);
  socket.send(message("b"));
  socket.send('{"end":true}');
  expect(await closed).toBe(1000);
  expect(frames).toEqual([{ callId: expect.any(String) }, { item: "a" }, { item: "b" }, { end: true }]);
});

test("a client that offers the token alone gets it selected, because it insists on one", async () => {
  const { socket, closed, opened } = open("/v1/odd/chat", [`bearer.${token}`]);
  await opened;
  expect(socket.protocol).toBe(`bearer.${token}`);
  socket.close();
  await closed;
});

test("without a good token no WebSocket opens", async () => {
  for (const protocols of [
    [],
    ["operone.v1"],
    ["operone.v1", "bearer.wrong"],
    [`bearer.${token}`, `bearer.${token}x`],
  ]) {
    await expect(open("/v1/odd/chat", protocols).opened).rejects.toThrow();
  }
});

test("a token in the protocol counts for nothing but a WebSocket", async () => {
  const client = await rawClient(node.port);
  client.send(
    `GET /v1/odd/ping HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nSec-WebSocket-Protocol: bearer.${token}\r\n\r\n`,
  );
  expect(statusOf(await client.closed)).toBe(401);
});

test("an upgrade that is incomplete is refused", async () => {
  const client = await rawClient(node.port);
  client.send(
    `GET /v1/odd/chat HTTP/1.1\r\nHost: 127.0.0.1:${node.port}\r\nAuthorization: Bearer ${token}\r\nUpgrade: websocket\r\n\r\n`,
  );
  expect(statusOf(await client.closed)).toBe(400);
});

test("a frame over the limit closes the connection and ends the call", async () => {
  const { ended } = node.happened;
  const { socket, opened, closed } = open("/v1/odd/chat");
  await opened;
  socket.send(message("x".repeat(2_000_000)));
  expect(await closed).not.toBe(1000);
  await node.until(() => node.happened.ended > ended);
});

test("a client that sends no further, reads no further or leaves ends the call", async () => {
  const { ended } = node.happened;
  const { socket, opened, until } = open("/v1/odd/chat");
  await opened;
  socket.send(message("a"));
  await until(2);
  socket.terminate();
  await node.until(() => node.happened.ended > ended);
  await node.until(() => node.kernel.view.callsInFlight() === 0);
});

test("a client that does not read is not fed without end, and is cut off", async () => {
  const hasty = await startHttpNode({ haste: 50 });
  const client = await rawClient(hasty.port, { reads: false });
  client.send(
    `GET /v1/odd/chat HTTP/1.1\r\nHost: 127.0.0.1:${hasty.port}\r\nAuthorization: Bearer ${token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await hasty.until(() => hasty.happened.started === 1);
  client.send(masked('{"message":"flood"}'));
  await hasty.until(() => hasty.happened.ended === 1);
  client.socket.destroy();
  await hasty.stop();
}, 15_000);

/** A text frame of a client (RFC 6455, 5.2), with a mask of zeros. */
function masked(text: string): Uint8Array {
  return Uint8Array.of(0x81, 0x80 | text.length, 0, 0, 0, 0, ...new TextEncoder().encode(text));
}
