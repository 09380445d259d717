/** A person at a terminal who types into what a call started: keys and sizes become its messages. */
import type { TerminalHints } from "../kernel/operation.ts";
import type { CliIo, CliTerminal } from "./cli-io.ts";

/** Ctrl-], as in telnet: few programs want it. */
const detachKey = 0x1d;

export interface TypedCall {
  readonly messages: AsyncIterable<unknown>;
  /** Aborted by the detach key. */
  readonly signal: AbortSignal;
  /** Gives the terminal back. */
  end(): void;
}

export async function typedCall(
  io: CliIo,
  open: () => CliTerminal,
  hints: TerminalHints,
): Promise<TypedCall> {
  await io.stderr.write("operone: Ctrl-] detaches and leaves it running\n");
  const detached = new AbortController();
  const terminal = open();
  return {
    messages: messagesOf(terminal, hints, () => detached.abort()),
    signal: detached.signal,
    end: () => terminal.restore(),
  };
}

async function* messagesOf(
  terminal: CliTerminal,
  { typed, resized }: TerminalHints,
  detach: () => void,
): AsyncGenerator<unknown, void> {
  for await (const event of terminal.events) {
    if (!(event instanceof Uint8Array)) {
      yield resized(event.columns, event.rows);
      continue;
    }
    const end = event.indexOf(detachKey);
    if (end !== 0) yield typed(end < 0 ? event : event.subarray(0, end));
    if (end >= 0) return detach();
  }
}
