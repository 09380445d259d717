/** `operone mcp` in the test's own process: the bridge between a client's transport and the node's socket. */
import { type BridgeStreams, bridge } from "../../src/command/mcp-bridge.ts";
import { openUnixWebSocket } from "../../src/platform/unix-fetch.ts";

export interface Piped {
  readonly streams: BridgeStreams;
  /** What came out so far. */
  output(): string;
  input(text: string): void;
  endInput(): void;
  onOutput(run: (text: string) => void): void;
}

/** Standard streams that are nobody's. @param takes whether what comes out is taken at once */
export function piped(takes = true): Piped {
  const waiting: Uint8Array[] = [];
  let ended = false;
  let wake = () => {};
  let out = "";
  let tell: (text: string) => void = () => {};
  async function* chunks() {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) yield next;
      else if (ended) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  return {
    streams: {
      input: chunks(),
      write(text) {
        out += text;
        tell(text);
        return takes;
      },
      unwrittenBytes: () => (takes ? 0 : out.length),
      flushed: async () => {},
    },
    output: () => out,
    input(text) {
      waiting.push(new TextEncoder().encode(text));
      wake();
    },
    endInput() {
      ended = true;
      wake();
    },
    onOutput(run) {
      tell = run;
    },
  };
}

export async function bridged(
  socketPath: string,
  as: string,
  pipes = piped(),
  limits?: Parameters<typeof bridge>[2],
): Promise<void> {
  const options = { protocols: [], headers: { "operone-agent": as } };
  const { socket } = await openUnixWebSocket(socketPath, "/mcp", options);
  return bridge(socket, pipes.streams, limits);
}

interface Message {
  readonly jsonrpc: "2.0";
}

/** A client's transport over the bridge, of the form that both versions of the SDK have. */
export class BridgeTransport<M extends Message> {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: M) => void;
  readonly #socketPath: string;
  readonly #as: string;
  readonly #query: string;
  readonly #pipes = piped();

  constructor(socketPath: string, as: string, query = "") {
    this.#socketPath = socketPath;
    this.#as = as;
    this.#query = query;
  }

  async start(): Promise<void> {
    this.#pipes.onOutput((text) => this.onmessage?.(JSON.parse(text) as M));
    const options = { protocols: [], headers: { "operone-agent": this.#as } };
    const { socket } = await openUnixWebSocket(this.#socketPath, `/mcp${this.#query}`, options);
    bridge(socket, this.#pipes.streams).then(
      () => this.onclose?.(),
      (error: Error) => {
        this.onerror?.(error);
        this.onclose?.();
      },
    );
  }

  async send(message: M): Promise<void> {
    this.#pipes.input(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.#pipes.endInput();
  }
}
