/** What operations show, written with as few writes as their order allows. */
import { Buffer } from "node:buffer";
import { ByteText } from "../kernel/byte-text.ts";
import type { CliOutput } from "../kernel/operation.ts";
import type { CliIo, CliWriter } from "./cli-io.ts";

type Part = string | Uint8Array;

/** Larger bytes stay by themselves: to copy them costs more than a write. */
const copiedBytesMax = 8 * 1024;

/** In characters or bytes, whichever it is made of. */
export function outputLength({ stdout, stderr }: CliOutput): number {
  return lengthOf(stdout) + lengthOf(stderr);
}

/** In the order in which they came; what goes to the same place without a break is joined. */
export async function writeTogether(io: Pick<CliIo, "stdout" | "stderr">, outputs: readonly CliOutput[]) {
  let place: CliWriter = io.stdout;
  let held: Part[] = [];
  for (const output of outputs) {
    for (const to of ["stdout", "stderr"] as const) {
      const parts = partsOf(output[to]);
      if (parts.length === 0) continue;
      if (io[to] !== place) {
        await writeAll(place, held);
        held = [];
      }
      place = io[to];
      held.push(...parts);
    }
  }
  await writeAll(place, held);
}

function lengthOf(output: CliOutput["stdout"]): number {
  return output instanceof ByteText ? output.lengthBytes : (output?.length ?? 0);
}

function partsOf(output: CliOutput["stdout"]): readonly Part[] {
  if (output instanceof ByteText) return output.parts;
  return output === undefined || output === "" ? [] : [output];
}

async function writeAll(to: CliWriter, parts: readonly Part[]): Promise<void> {
  for (const part of joined(parts)) await to.write(part);
}

function joined(parts: readonly Part[]): readonly Part[] {
  const whole: Part[] = [];
  let small: Part[] = [];
  const end = () => {
    if (small.length > 0) whole.push(joinedSmall(small));
    small = [];
  };
  for (const part of parts) {
    if (part instanceof Uint8Array && part.length > copiedBytesMax) {
      end();
      whole.push(part);
    } else small.push(part);
  }
  end();
  return whole;
}

function joinedSmall(parts: readonly Part[]): Part {
  const isText = parts.every((part) => typeof part === "string");
  if (isText) return parts.join("");
  return Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}
