/** Brings a caller's bytes and messages to a command's stdin. */
import type { Child } from "../../src/kernel/ports.ts";
import type { CommandMessage } from "./shapes.ts";

/** Runs until the source ends or the command takes nothing more. Rejects when the source itself fails. */
export interface Feed {
  readonly done: Promise<void>;
  /** Gives the source up. Does not wait for it. */
  stop(): void;
}

export function feedBytes(child: Child, source: AsyncIterable<Uint8Array>): Feed {
  return feed(source, child, (bytes) => child.writeStdin(bytes));
}

/** Of stdin that the command has not read yet; a caller that sends more waits. */
const waitingBytesMax = 1024 * 1024;

/** Signals overtake what waits in stdin: they are for the command that does not read. */
export function feedMessages(child: Child, source: AsyncIterable<CommandMessage>): Feed {
  let writing: Promise<void> = Promise.resolve();
  let waitingBytes = 0;
  let closed = false;
  const write = (bytes: Uint8Array) => {
    waitingBytes += bytes.length;
    writing = writing
      .then(() => child.writeStdin(bytes))
      .catch((error) => {
        if (!isBrokenPipe(error)) throw error;
        closed = true;
      })
      .then(() => {
        waitingBytes -= bytes.length;
      });
    // Its failure is told where it is waited for.
    writing.catch(() => {});
  };
  return feed(
    source,
    child,
    async (message) => {
      if ("signal" in message) child.kill(message.signal);
      else if ("close" in message) {
        closed = true;
        writing = writing.then(() => child.closeStdin());
      } else if (!closed) {
        write(
          "stdin" in message
            ? new TextEncoder().encode(message.stdin)
            : Uint8Array.fromBase64(message.stdinBase64),
        );
      }
      if (waitingBytes > waitingBytesMax) await writing;
    },
    () => writing,
  );
}

/** A source that never has to be waited for must not keep the node from everything else. */
const turnLength = 256;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function feed<T>(
  source: AsyncIterable<T>,
  child: Child,
  take: (value: T) => Promise<void>,
  settled: () => Promise<void> = async () => {},
): Feed {
  const iterator = source[Symbol.asyncIterator]();
  let stopped = false;
  const stop = () => {
    stopped = true;
    Promise.resolve(iterator.return?.()).catch(() => {});
  };
  const run = async () => {
    try {
      for (let count = 1; ; count++) {
        const { done, value } = await iterator.next();
        if (done === true || stopped) break;
        await take(value);
        if (count % turnLength === 0) await turn();
      }
      await settled();
      child.closeStdin();
    } catch (error) {
      if (!isBrokenPipe(error)) throw error;
      // The command has closed its stdin: what is still coming is for nobody.
      stop();
    }
  };
  return { done: run(), stop };
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
