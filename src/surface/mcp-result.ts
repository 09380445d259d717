/** From an answer to the result of a tool call: text that an agent can read, and the same as structured content. */
import { Buffer } from "node:buffer";
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/server";
import { ByteText } from "../kernel/byte-text.ts";
import type { Answer } from "../kernel/call.ts";
import { errorBody, errorFromBody, OperoneError } from "../kernel/error.ts";
import type { AgentContent, BytesAnswer, Operation } from "../kernel/operation.ts";
import type { FrontTool } from "./mcp-front.ts";
import type { McpLimits } from "./mcp-limits.ts";
import { isObject, schemaOut } from "./mcp-schema.ts";
import { renderItem, renderValue } from "./render.ts";

export interface ToolAnswer {
  readonly operation: Operation;
  /** When it was called by the name that agents know: then the text is all of it. */
  readonly front: FrontTool | undefined;
  readonly limits: Pick<McpLimits, "itemsMax" | "answerBytesMax" | "lastItemsMax">;
  /** The answer is `{ node, value | error }` for each of many nodes. */
  readonly many: boolean;
  onItem?(count: number): void;
}

/** @throws OperoneError `too_large` for bytes that do not fit, and what the operation throws after its first item */
export async function toolResult(to: ToolAnswer, answer: Answer): Promise<CallToolResult> {
  if (answer.gives === "bytes") return { content: [await bytesContent(to, answer.bytes, answer.discard)] };
  if (answer.gives === "items") return itemsResult(to, answer.items);
  return valueResult(to, answer.value);
}

/** Refused, failed: the agent reads what went wrong and what to do next, and may try again. */
export function errorResult(error: unknown, callId?: string): CallToolResult {
  const { code, message, details } = errorBody(error, callId);
  return {
    isError: true,
    content: [{ type: "text", text: `${message} (${code})` }],
    _meta: {
      "operone/error": { code, message, ...(details === undefined ? {} : { details: plain(details) }) },
    },
  };
}

/** As the protocol writes it. */
function contentBlock(content: AgentContent): ContentBlock {
  if (content.type === "text") return content;
  const { type, mediaType: mimeType } = content;
  if (type !== "resource") return { type, data: content.data, mimeType };
  return { type, resource: { uri: content.uri, mimeType, text: content.text } };
}

function valueResult(to: ToolAnswer, value: unknown): CallToolResult {
  const { operation, front } = to;
  const told = operation.mcp.content?.(value);
  if (told !== undefined) return { content: told.map(contentBlock) };
  const output = operation.cli.render?.(value);
  // Beside the text, a person at a terminal is told options of the command line.
  const aside = front?.note === undefined ? textOf(output?.stderr) : "";
  const text = output === undefined ? renderValue(value, plainText) : `${textOf(output.stdout)}${aside}`;
  const note = isRecord(value) ? front?.note?.(value) : undefined;
  const content = textContent(to, noted(text, note));
  if (front !== undefined) return { content };
  return { content, structuredContent: structured(operation, value) };
}

/** What a schema's root must be, an object, even where the value is none. */
function structured(operation: Operation, value: unknown): Record<string, unknown> {
  const shown = plain(value);
  return isRecord(shown) && isObject(schemaOut(operation)) ? shown : { value: shown ?? null };
}

/** JSON as it will be: bytes that stand for a text become that text, and what JSON does not have is left out. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null));
}

const plainText = { columns: Number.POSITIVE_INFINITY, color: false };

async function itemsResult(to: ToolAnswer, items: AsyncIterable<unknown>): Promise<CallToolResult> {
  const { operation, front, limits } = to;
  const kept = new KeptItems(limits, (item) => itemText(to, item));
  let count = 0;
  for await (const item of items) {
    kept.add(item);
    count++;
    to.onItem?.(count);
    // What only reads may end here. What has effects runs to its end, whoever reads it.
    if (kept.full && operation.effect === "read" && !to.many) break;
  }
  const { shown, leftOut, text } = kept.end(count);
  const last = shown.at(-1);
  const ended = !to.many && last !== undefined && operation.effect !== "read";
  const exit = ended ? operation.cli.exit?.(last) : undefined;
  const notes = [
    leftOut === 0 ? undefined : moreText(operation, leftOut),
    isRecord(last) && !to.many ? front?.note?.(last) : undefined,
    exit === undefined || exit === 0 ? undefined : `Exit code ${exit}`,
  ];
  const whole = noted(text, notes.filter((note) => note !== undefined).join("\n"));
  const content: ContentBlock[] = [{ type: "text", text: whole === "" ? nothingText(exit) : whole }];
  if (front !== undefined) return { content };
  return { content, structuredContent: { items: shown.map(plain), ...(leftOut === 0 ? {} : { leftOut }) } };
}

function moreText({ effect }: Operation, leftOut: number): string {
  return effect === "read"
    ? "There is more; ask for less at once, or from where this ends"
    : `${leftOut} pieces in between are left out`;
}

function nothingText(exit: number | undefined): string {
  return exit === undefined ? "Nothing was found" : "Done, without output";
}

/** The first items as far as they fit, and the last ones, which say how it went. */
class KeptItems {
  readonly #limits: ToolAnswer["limits"];
  readonly #textOf: (item: unknown) => string;
  readonly #first: { readonly item: unknown; readonly text: string }[] = [];
  readonly #last: { readonly item: unknown; readonly text: string }[] = [];
  #bytes = 0;
  full = false;

  constructor(limits: ToolAnswer["limits"], textOf: (item: unknown) => string) {
    this.#limits = limits;
    this.#textOf = textOf;
  }

  add(item: unknown): void {
    const text = this.#textOf(item);
    const { itemsMax, answerBytesMax, lastItemsMax } = this.#limits;
    const bytes = Buffer.byteLength(text) + 16;
    if (!this.full && this.#first.length < itemsMax && this.#bytes + bytes <= answerBytesMax) {
      this.#first.push({ item, text });
      this.#bytes += bytes;
      return;
    }
    this.full = true;
    this.#last.push(cut(item, text, answerBytesMax / lastItemsMax));
    if (this.#last.length > lastItemsMax) this.#last.shift();
  }

  end(count: number) {
    const kept = [...this.#first, ...this.#last];
    return {
      shown: kept.map(({ item }) => item).filter((item) => item !== undefined),
      leftOut: count - kept.filter(({ item }) => item !== undefined).length,
      text: kept.map(({ text }) => text).join(""),
    };
  }
}

/** An item that alone fills the answer is told as text, and only its end. */
function cut(item: unknown, text: string, lengthMax: number) {
  return text.length <= lengthMax ? { item, text } : { item: undefined, text: text.slice(-lengthMax) };
}

function itemText(to: ToolAnswer, item: unknown): string {
  if (!to.many || !isRecord(item)) return oneText(to.operation, item, renderItem);
  const { node, value, error } = item;
  const text =
    error === undefined
      ? oneText(to.operation, value, to.operation.gives === "items" ? renderItem : renderValue)
      : `${errorFromBody(error).message} (${errorFromBody(error).code})\n`;
  return `[${String(node)}] ${text}`;
}

function oneText(
  { cli }: Operation,
  value: unknown,
  render: (value: unknown, options: typeof plainText) => string,
): string {
  const output = cli.render?.(value);
  return output === undefined ? render(value, plainText) : `${textOf(output.stdout)}${textOf(output.stderr)}`;
}

function textOf(text: string | Uint8Array | ByteText | undefined): string {
  if (text === undefined) return "";
  if (typeof text === "string") return text;
  const bytes = text instanceof ByteText ? Buffer.concat(text.parts) : Buffer.from(text);
  return bytes.toString("utf8");
}

function noted(text: string, note: string | undefined): string {
  if (note === undefined || note === "") return text;
  return text === "" ? note : `${text}${text.endsWith("\n") ? "" : "\n"}[${note}]`;
}

function textContent({ limits }: ToolAnswer, text: string): ContentBlock[] {
  if (text.length <= 4 * limits.answerBytesMax) return [{ type: "text", text: text === "" ? "Done" : text }];
  return [{ type: "text", text: `${text.slice(0, 4 * limits.answerBytesMax)}\n[The rest is left out]` }];
}

const strict = new TextDecoder("utf-8", { fatal: true });

async function bytesContent(
  { operation, limits }: ToolAnswer,
  answer: BytesAnswer,
  discard: (() => void) | undefined,
): Promise<ContentBlock> {
  const { mediaType, sizeBytes = 0, fileName } = answer;
  const bytesMax = 4 * limits.answerBytesMax;
  if (sizeBytes > bytesMax) {
    discard?.();
    throw tooLarge(operation, bytesMax);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.open()) {
    parts.push(part);
    length += part.length;
    if (length > bytesMax) throw tooLarge(operation, bytesMax);
  }
  const bytes = Buffer.concat(parts);
  if (mediaType.startsWith("image/"))
    return { type: "image", data: bytes.toString("base64"), mimeType: mediaType };
  if (mediaType.startsWith("audio/"))
    return { type: "audio", data: bytes.toString("base64"), mimeType: mediaType };
  try {
    return { type: "text", text: strict.decode(bytes) };
  } catch {
    const uri = `operone:${operation.id}${fileName === undefined ? "" : `/${encodeURIComponent(fileName)}`}`;
    return { type: "resource", resource: { uri, mimeType: mediaType, blob: bytes.toString("base64") } };
  }
}

function tooLarge({ id }: Operation, bytesMax: number): OperoneError {
  return new OperoneError(
    "too_large",
    `"${id}" gives more than the ${bytesMax} bytes that fit into an answer; read a part of it, for text with fromLine and head`,
    { limitBytes: bytesMax },
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
