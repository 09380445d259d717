/** What callers write to a session. */
import { OperoneError } from "../../src/kernel/error.ts";
import type { Session } from "./session.ts";
import type { AttachMessage } from "./session-shapes.ts";

/** Of what the command has not read yet; a caller that sends more waits. */
const waitingBytesMax = 1024 * 1024;

/**
 * Resolves when the command's stdin has taken the bytes.
 *
 * @throws OperoneError `conflict` when it has ended or closed its stdin
 */
export async function writeTo(session: Session, bytes: Uint8Array): Promise<void> {
  const { child } = session;
  if (child === undefined) throw hasEnded(session);
  try {
    await child.writeStdin(bytes);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EPIPE")) throw error;
    throw new OperoneError(
      "conflict",
      `The stdin of the session "${session.facts.id}" is closed, so nothing can be written to it`,
    );
  }
}

/** @throws OperoneError `conflict` for a session without one */
export function resizeTo(session: Session, size: { readonly columns: number; readonly rows: number }): void {
  if (session.resize(size)) return;
  throw new OperoneError(
    "conflict",
    `The session "${session.facts.id}" has no terminal, so it has no size; start it with a terminal`,
  );
}

/** Until the messages end, which leaves the session as it is. Signals and sizes overtake what waits in stdin. */
export async function feedSession(session: Session, messages: AsyncIterable<AttachMessage>): Promise<void> {
  let writing: Promise<void> = Promise.resolve();
  let waitingBytes = 0;
  const write = (bytes: Uint8Array) => {
    waitingBytes += bytes.length;
    // Whoever attached sees the end by the items; keys that were typed a moment too late are no failure.
    writing = writing
      .then(() => writeTo(session, bytes))
      .catch(() => {})
      .then(() => {
        waitingBytes -= bytes.length;
      });
  };
  for await (const message of messages) {
    if ("resize" in message) session.resize(message.resize);
    else if ("signal" in message) session.child?.kill(message.signal);
    else if ("close" in message) writing = writing.then(() => session.child?.closeStdin());
    else if ("input" in message) write(new TextEncoder().encode(message.input));
    else write(Uint8Array.fromBase64(message.inputBase64));
    if (waitingBytes > waitingBytesMax) await writing;
  }
}

function hasEnded({ facts }: Session): OperoneError {
  return new OperoneError(
    "conflict",
    `The session "${facts.id}" has ended; "operone output ${facts.id}" shows what it said`,
  );
}
