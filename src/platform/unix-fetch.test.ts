import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unixFetch, unixWebSocket } from "./unix-fetch.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function serve(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), "operone-unix-"));
  const path = join(directory, name);
  const server = Bun.serve({
    unix: path,
    fetch(request, self) {
      if (self.upgrade(request, { data: request.headers.get("x-mark") })) return undefined;
      return new Response(new URL(request.url).pathname);
    },
    websocket: {
      data: null as string | null,
      open: (socket) => void socket.send(`mark ${socket.data}`),
      message: (socket, message) => void socket.send(message),
    },
  });
  closers.push(() => {
    server.stop(true);
    rmSync(directory, { recursive: true });
  });
  return path;
}

test("a request goes to the socket, whatever its path is", async () => {
  for (const name of ["plain.sock", "a b:c.sock"]) {
    const response = await unixFetch(serve(name))("http://operone/v1/x", { method: "POST", body: "{}" });
    expect(await response.text()).toBe("/v1/x");
  }
});

test("a request to a socket that nobody serves fails with a code", async () => {
  const path = join(tmpdir(), "operone-no-such.sock");
  expect(unixFetch(path)("http://operone/", { method: "GET" })).rejects.toMatchObject({
    code: expect.any(String),
  });
});

test("a WebSocket goes over the socket and sends its headers", async () => {
  const open = unixWebSocket(serve("plain.sock"));
  const socket = open("ws://operone/v1/x?a=b%20c", { protocols: ["operone.v1"], headers: { "x-mark": "m" } });
  const message = await new Promise((resolve, reject) => {
    socket.onmessage = (event) => resolve(event.data);
    socket.onerror = reject;
  });
  socket.close();
  expect(message).toBe("mark m");
});

test("a socket path that Bun would mangle is refused by name", () => {
  const open = unixWebSocket("/home/a b/operone.sock");
  expect(() => open("ws://operone/", { protocols: [], headers: {} })).toThrow('"/home/a b/operone.sock"');
});
