/** HTTP and WebSocket over a Unix socket: Bun's `fetch({ unix })` and its `ws+unix:` URLs. */
import { rmSync } from "node:fs";
import { mkdtemp, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperoneError } from "../kernel/error.ts";

/** Like `fetch`, but every request goes to this socket; host and port of the URL only name the node. */
export function unixFetch(socketPath: string): (url: string, init: RequestInit) => Promise<Response> {
  // A slow answer is the node's matter, which has deadlines; Bun would give up after five quiet minutes.
  return (url, init) => fetch(url, { ...init, unix: socketPath, timeout: false });
}

export interface WebSocketOptions {
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** Path characters that survive Bun's URL parser: it escapes all others, and does not undo that for the socket. */
const plainPath = /^[A-Za-z0-9._~!$&'()*+,;=@%/-]+$/;

/** @throws OperoneError `unsupported` for a socket path with a space, a colon or a letter beyond ASCII */
export function unixWebSocket(socketPath: string): (url: string, options: WebSocketOptions) => WebSocket {
  return (url, options) => {
    if (!plainPath.test(socketPath)) {
      throw new OperoneError(
        "unsupported",
        `No WebSocket can be opened over "${socketPath}": Bun takes only plain characters in a socket's path; use a data directory without spaces, colons and letters beyond ASCII`,
      );
    }
    const { pathname, search } = new URL(url);
    return webSocket(`ws+unix:${socketPath}:${pathname}${search}`, options);
  };
}

/** For a socket at any path: where Bun's URL cannot say it, through a link at a plain one, until it is released. */
export async function openUnixWebSocket(
  socketPath: string,
  target: string,
  options: WebSocketOptions,
): Promise<{ readonly socket: WebSocket; release(): void }> {
  if (plainPath.test(socketPath))
    return { socket: webSocket(`ws+unix:${socketPath}:${target}`, options), release: () => {} };
  const folder = await mkdtemp(join(tmpdir(), "operone-"));
  const link = join(folder, "s");
  await symlink(socketPath, link);
  const release = () => rmSync(folder, { recursive: true, force: true });
  const socket = webSocket(`ws+unix:${link}:${target}`, options);
  socket.addEventListener("open", release, { once: true });
  return { socket, release };
}

/** A WebSocket that sends headers, which the standard one cannot. */
function webSocket(url: string, { protocols, headers }: WebSocketOptions): WebSocket {
  return new WebSocket(url, { protocols: [...protocols], headers: { ...headers } });
}
