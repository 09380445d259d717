/** Reads `text/event-stream` (HTML Living Standard, 9.2.6) as far as nodes write it. */
import { OperoneError } from "../kernel/error.ts";

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** UTF-16 units of one unfinished event. An item is far smaller; a peer that never ends a line must not fill memory. */
const eventCharsMax = 64 * 1024 * 1024;

/** An event that the stream breaks off is not given: only a blank line ends one. */
export async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent, void> {
  let name = "";
  let data: string[] = [];
  for await (const line of linesOf(chunks)) {
    if (line === "") {
      if (data.length > 0) yield { name, data: data.join("\n") };
      name = "";
      data = [];
    } else if (line.startsWith("data:")) data.push(afterColon(line, 5));
    else if (line.startsWith("event:")) name = afterColon(line, 6);
  }
}

/** Lines of UTF-8 text without their end. What follows the last line break is a cut-off line, or simply the last one. */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  unended: "drop the last" | "keep the last" = "drop the last",
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  let restChars = 0;
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      const line = rest.length === 0 ? text.slice(from, at) : rest.join("") + text.slice(from, at);
      rest = [];
      restChars = 0;
      from = at + 1;
      yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
    if (from < text.length) rest.push(text.slice(from));
    restChars += text.length - from;
    if (restChars > eventCharsMax) {
      throw new OperoneError(
        "too_large",
        `One line of the answer is longer than ${eventCharsMax} characters`,
      );
    }
  }
  const last = rest.join("") + decoder.decode();
  if (unended === "keep the last" && last !== "") yield last;
}

function afterColon(line: string, at: number): string {
  return line.slice(line.charAt(at) === " " ? at + 1 : at);
}
