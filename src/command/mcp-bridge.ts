/** The pump between a program's standard streams and a WebSocket of the node. It reads nothing of what it carries. */
import { errorFromBody, OperoneError } from "../kernel/error.ts";

/** As src/surface/mcp-stream.ts says: the text frame that no more will come. */
const endFrame = "end";
/** The node takes frames of 1 MiB. */
const frameBytesMax = 512 * 1024;
/** Reading waits while more than this is on its way to the node. */
const bufferedBytesMax = 4 * 1024 * 1024;
/** A WebSocket has no event for "sent", so it is asked this often. */
const bufferedPollMs = 5;
export interface BridgeLimits {
  /** A WebSocket cannot be paused, so a program that reads nothing of so much is given up. */
  readonly unwrittenBytesMax: number;
}

const bridgeLimits: BridgeLimits = { unwrittenBytesMax: 64 * 1024 * 1024 };

export interface BridgeStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** False when it waits to be written. */
  write(text: string): boolean;
  /** Bytes that are not written yet. */
  unwrittenBytes(): number;
  /** Resolves when everything is written. */
  flushed(): Promise<void>;
}

/**
 * Resolves when the program has ended its output and everything it asked for is answered.
 *
 * @throws OperoneError the node's reason to end it, `unavailable` when the node is gone
 */
export async function bridge(
  socket: WebSocket,
  streams: BridgeStreams,
  { unwrittenBytesMax }: BridgeLimits = bridgeLimits,
): Promise<void> {
  socket.binaryType = "arraybuffer";
  const over = Promise.withResolvers<void>();
  let reason: OperoneError | undefined;
  let inputEnded = false;
  socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data !== "string") reason = reasonIn(data);
    else if (!streams.write(data) && streams.unwrittenBytes() > unwrittenBytesMax) {
      reason = new OperoneError("limited", "The program reads nothing of what it has asked for");
      socket.close();
    }
  });
  socket.addEventListener("close", ({ code }) => {
    if (reason === undefined && inputEnded && code === 1000) over.resolve();
    else over.reject(reason ?? gone());
  });
  socket.addEventListener("error", () => over.reject(reason ?? gone()));
  await opened(socket);
  const pumping = pump(socket, streams.input).then(() => {
    inputEnded = true;
    if (socket.readyState === WebSocket.OPEN) socket.send(endFrame);
  });
  pumping.catch(over.reject);
  try {
    await over.promise;
  } finally {
    socket.close();
    await streams.flushed();
  }
}

function opened(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.OPEN) return Promise.resolve();
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("close", () => reject(gone()), { once: true });
  });
}

async function pump(socket: WebSocket, input: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; at += frameBytesMax) socket.send(chunk.slice(at, at + frameBytesMax));
    while (socket.bufferedAmount > bufferedBytesMax && socket.readyState === WebSocket.OPEN)
      await new Promise((resolve) => setTimeout(resolve, bufferedPollMs));
    if (socket.readyState !== WebSocket.OPEN) return;
  }
}

function reasonIn(data: ArrayBuffer): OperoneError {
  const { error } = JSON.parse(new TextDecoder().decode(data)) as { readonly error?: unknown };
  return errorFromBody(error);
}

function gone(): OperoneError {
  return new OperoneError(
    "unavailable",
    'The node has ended the connection; "operone status" shows whether it runs, and a new start of this program connects again',
  );
}
