/** What a command itself wrote, for a terminal: its bytes as they are. */
import { ByteText } from "../../src/kernel/byte-text.ts";
import type { CliOutput } from "../../src/kernel/operation.ts";
import type { StreamName } from "./command-output.ts";

export type OwnOutput =
  | { readonly stream: StreamName; readonly text: string | ByteText }
  | { readonly stream: StreamName; readonly base64: string | ByteText };

export function ownOutput(item: OwnOutput): CliOutput {
  if ("text" in item) return { [item.stream]: item.text };
  const { stream, base64 } = item;
  return { [stream]: base64 instanceof ByteText ? base64 : Uint8Array.fromBase64(base64) };
}
