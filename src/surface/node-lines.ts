/** The output of many nodes on one terminal: whole lines, each with its node's name before it. */
import { ByteText } from "../kernel/byte-text.ts";
import type { CliOutput } from "../kernel/operation.ts";
import type { CliIo } from "./cli-io.ts";
import { escapeControls } from "./text.ts";

/** A line without an end is written in pieces of this size, so that no node can fill the memory. */
const lineLengthMax = 64 * 1024;

export class NodeLines {
  readonly #io: Pick<CliIo, "stdout" | "stderr" | "isTty">;
  /** Open lines and decoders, by stream and node. */
  readonly #open = new Map<string, { readonly decoder: TextDecoder; text: string }>();

  constructor(io: Pick<CliIo, "stdout" | "stderr" | "isTty">) {
    this.#io = io;
  }

  async write(node: string, { stdout, stderr }: CliOutput): Promise<void> {
    if (stdout !== undefined) await this.#add("stdout", node, stdout);
    if (stderr !== undefined) await this.#add("stderr", node, stderr);
  }

  /** Lines that nobody ended. */
  async end(): Promise<void> {
    for (const [key, { text }] of this.#open) {
      const [stream, node] = split(key);
      if (text !== "") await this.#io[stream].write(this.#line(stream, node, text));
    }
    this.#open.clear();
  }

  async #add(
    stream: "stdout" | "stderr",
    node: string,
    added: NonNullable<CliOutput["stdout"]>,
  ): Promise<void> {
    const key = `${stream} ${node}`;
    const open = this.#open.get(key) ?? { decoder: new TextDecoder(), text: "" };
    this.#open.set(key, open);
    const parts = added instanceof ByteText ? added.parts : [added];
    for (const part of parts) {
      open.text += typeof part === "string" ? part : open.decoder.decode(part, { stream: true });
    }
    const lines = open.text.split("\n");
    const rest = lines.pop() ?? "";
    open.text = rest.length > lineLengthMax ? "" : rest;
    if (open.text !== rest) lines.push(rest);
    if (lines.length > 0) {
      await this.#io[stream].write(lines.map((line) => this.#line(stream, node, line)).join(""));
    }
  }

  /** In a terminal a line of one node must not write over another's; into a file it goes as it came. */
  #line(stream: "stdout" | "stderr", node: string, text: string): string {
    // The end of a line as Windows and terminals write it is none of its signs.
    const shown = this.#io.isTty[stream] ? escapeControls(text.replace(/\r$/, "")) : text;
    return `${node}: ${shown}\n`;
  }
}

function split(key: string): readonly ["stdout" | "stderr", string] {
  return [key.startsWith("stdout ") ? "stdout" : "stderr", key.slice("stdout ".length)];
}
