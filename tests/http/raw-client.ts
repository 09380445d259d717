/** Speaks HTTP byte by byte, for what no client library would send. */
import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** All that came so far, as Latin-1 text. */
  readonly received: () => string;
  send(text: string | Uint8Array): void;
  /** Resolves when what came matches. Rejects when the connection ends without it. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with all that came when the node closed the connection. */
  readonly closed: Promise<string>;
}

/** @param to a TCP port of 127.0.0.1, or the path of a Unix socket */
export async function rawClient(
  to: number | string,
  options: { readonly reads?: boolean } = {},
): Promise<RawClient> {
  const socket = typeof to === "number" ? connect({ host: "127.0.0.1", port: to }) : connect({ path: to });
  let text = "";
  let ended = false;
  let noticed = () => {};
  const closed = Promise.withResolvers<string>();
  socket.on("data", (data) => {
    text += data.toString("latin1");
    noticed();
  });
  // A reset is one of the ways in which a connection ends.
  socket.on("error", () => {});
  socket.on("close", () => {
    ended = true;
    closed.resolve(text);
    noticed();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  if (options.reads === false) socket.pause();
  return {
    socket,
    received: () => text,
    send: (data) => void (socket.destroyed || socket.write(data)),
    closed: closed.promise,
    async until(pattern) {
      while (!pattern.test(text)) {
        if (ended) throw new Error(`The connection ended with ${JSON.stringify(text)}`);
        await new Promise<void>((resolve) => {
          noticed = resolve;
        });
      }
      return text;
    },
  };
}

/** Sends one request and gives what came until the connection closed, or until the answer to it was whole. */
export async function exchange(to: number | string, text: string): Promise<string> {
  const client = await rawClient(to);
  client.send(text);
  const whole = client.until(/\r\n\r\n/).catch(() => client.received());
  const answer = await Promise.race([client.closed, whole.then(() => settled(client))]);
  client.socket.destroy();
  return answer;
}

/** The head was read; the body follows in the same or the next turns. */
async function settled(client: RawClient): Promise<string> {
  const head = client.received();
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) return head;
  const start = head.indexOf("\r\n\r\n") + 4;
  await client.until(new RegExp(`^.{${start + Number(length)}}`, "s")).catch(() => {});
  return client.received();
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}
