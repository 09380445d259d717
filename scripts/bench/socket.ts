/** A keep-alive HTTP/1.1 client on a bare Unix socket: as little of its own time as possible in what it measures. */
import { connect, type Socket } from "node:net";

export interface RawClient {
  /** Sends one request and resolves with the body's length when the whole answer is there. */
  exchange(request: string): Promise<number>;
  close(): void;
}

export function requestText(
  method: string,
  path: string,
  body = "",
  headers: readonly string[] = [],
): string {
  const lines = [`${method} ${path} HTTP/1.1`, "host: operone", ...headers];
  if (body !== "") lines.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

export async function rawClient(path: string): Promise<RawClient> {
  const socket = await opened(path);
  let received: Buffer = Buffer.alloc(0);
  let waiting: ((length: number) => void) | undefined;
  let failing: ((error: Error) => void) | undefined;
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const end = answerEnd(received);
    if (end === undefined) return;
    received = received.subarray(end);
    waiting?.(end);
  });
  socket.on("close", () => failing?.(new Error("the server closed the connection")));
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        waiting = resolve;
        failing = reject;
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** Where the first whole answer in `bytes` ends; undefined while some of it is missing. */
function answerEnd(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.toString("latin1", 0, headEnd).toLowerCase();
  if (!/^http\/1\.1 2\d\d/.test(head))
    throw new Error(`unexpected answer: ${bytes.toString("utf8").slice(0, 400)}`);
  const length = /content-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const end = headEnd + 4 + Number(length);
    return bytes.length >= end ? end : undefined;
  }
  const last = bytes.indexOf("\r\n0\r\n\r\n", headEnd);
  return last < 0 ? undefined : last + 7;
}

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** Resolves when the socket answers; tries again every `everyMs`, which bounds the error of start times. */
export async function firstAnswer(
  path: string,
  request: string,
  everyMs = 0.5,
  limitMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    try {
      const client = await rawClient(path);
      await client.exchange(request);
      client.close();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
