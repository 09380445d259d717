/** stdin and stdout of this process for a protocol: no encoding, no terminal. */
import { once } from "node:events";

export interface StandardStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** False when it waits to be written. What nobody reads any more is dropped. */
  write(text: string): boolean;
  unwrittenBytes(): number;
  flushed(): Promise<void>;
  /** Reads no more: an open stdin would keep the process alive. */
  end(): void;
}

export function standardStreams(): StandardStreams {
  // A reader that is gone ends the program through stdin; here it is no error of its own.
  process.stdout.on("error", () => {});
  return {
    input: process.stdin as AsyncIterable<Uint8Array>,
    write: (text) => process.stdout.write(text),
    unwrittenBytes: () => process.stdout.writableLength,
    end: () => process.stdin.destroy(),
    async flushed() {
      if (process.stdout.writableLength > 0 && !process.stdout.destroyed) await once(process.stdout, "drain");
    },
  };
}
